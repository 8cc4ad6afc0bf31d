//! Uniview's cameras, recorders and platforms.
//!
//! ```toml
//! [plugins.config.uniview]
//! invite_timeout_secs = 0    # how long a camera may leave it at 100 Trying; 0: as for all others
//! ```
//!
//! What this module does not know: how the element is called under which these devices answer ConfigDownload, which is
//! not the ConfigType's name (2b4b127e4); whether a device restarts after every DeviceConfig that it takes without an
//! answer; which of them speak UTF-8, so that each is judged by what it sends. The XML declaration that their platforms
//! close twice is mended for everybody.

mod policy;

sluice_sdk::export!(policy::Uniview: Vendor);

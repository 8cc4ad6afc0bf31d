//! Dahua's cameras and recorders.
//!
//! ```toml
//! [plugins.config.dahua]
//! sub_stream = false    # true: the sub-stream
//! ```

mod policy;

sluice_sdk::export!(policy::Dahua: Vendor);

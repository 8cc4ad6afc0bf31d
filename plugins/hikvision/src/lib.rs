//! Hikvision's cameras and recorders.
//!
//! ```toml
//! [plugins.config.hikvision]
//! sub_stream = false       # true: the sub-stream, of devices that speak GB/T 28181-2022; others have no say in it
//! senior = []              # models or ids that want Hikvision's own payload types first: ["DS-2CD3T"]
//! ignore_status = false    # true: ignores what a platform notifies of its channels' status, for it is wrong
//! ```

mod policy;

sluice_sdk::export!(policy::Hikvision: Vendor);

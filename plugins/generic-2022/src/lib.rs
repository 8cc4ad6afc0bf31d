//! Devices that say they speak GB/T 28181-2022 (`X-GB-Ver: 3.0`), whoever made them. Less sure than any maker's module.
//!
//! ```toml
//! [plugins.config.generic-2022]
//! sub_stream = false    # true: the sub-stream
//! ```
//!
//! What this module does not know: whether a device does what it says. Happytime's says 3.0, answers a
//! challenge by MD5, leaves `y=` out, and has one branch for all its requests. Nor what of the edition's queries a device
//! answers.

mod policy;

sluice_sdk::export!(policy::Generic2022: Vendor);

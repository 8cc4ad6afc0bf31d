//! TP-Link's cameras, and Mercury's.
//!
//! ```toml
//! [plugins.config.tp-link]
//! stream = "streamMode:main"    # what selects a camera's stream; "streamMode:sub" is the other one, "" leaves it out
//! ```
//!
//! The spaces around numbers in their records (wvp-GB28181-pro f635f9c30) are borne from everybody. A Mercury camera
//! refuses requests with a To tag outside a dialog (418e441df, d3578a957); nobody is sent such.
//!
//! What this module does not know: their User-Agents; which cameras select their stream by `stream:0` and `stream:1`
//! instead, as wvp-GB28181-pro's PR #893 has it; whether Mercury's take either.

mod policy;

sluice_sdk::export!(policy::TpLink: Vendor);

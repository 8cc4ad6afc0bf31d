//! Huawei's cameras. There is nothing to configure.
//!
//! One registers once and then only keeps alive (wvp-GB28181-pro #861); its Via is wrong (swwheihei/wvp-GB28181 #20); its
//! 200 to SUBSCRIBE has no Expires (916553c55); the records of a number-plate camera are broken XML (#1089). All of this
//! is borne from everybody, so that the profile is the standard's: a keepalive renews what was registered, requests go
//! where packets come from, and broken XML is mended.
//!
//! What this module does not know: their User-Agent and their Models; what their SDP looks like.

mod policy;

sluice_sdk::export!(policy::Huawei: Vendor);

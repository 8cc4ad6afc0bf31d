//! Tiandy's cameras and recorders. There is nothing to configure.
//!
//! A recorder of theirs later repeats a part of an old catalog, with a SumNum of 1 (wvp-GB28181-pro #1425). Nothing
//! that nobody asked for takes channels away, whoever sends it, so that the profile is the standard's.
//!
//! What this module does not know: any Model of theirs that is not the standard's example; what their SDP looks like.

mod policy;

sluice_sdk::export!(policy::Tiandy: Vendor);

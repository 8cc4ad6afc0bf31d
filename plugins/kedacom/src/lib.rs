//! Kedacom's devices and platforms. There is nothing to configure.
//!
//! What this module does not know is nearly all: no camera of theirs was ever reported to do anything in a way of its
//! own, so that they are spoken to as the standard says. Of their platform it is known that a broadcast's INVITE has to
//! name its SourceID in request line, To and Subject (wvp-GB28181-pro 696d182f6); that is a matter of speaking to it as a
//! lower platform, which sluice does not.

mod policy;

sluice_sdk::export!(policy::Kedacom: Vendor);

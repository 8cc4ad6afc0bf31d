//! EZVIZ's cameras and recorders. There is nothing to configure.
//!
//! They have Hikvision's firmware and its recorders' User-Agent: until one says who made it, the module `hikvision` has
//! it. Their SDP answers name the device and not the channel in `o=`, shift `t=` by eight hours, and carry a user name, a
//! password, a file size of 1 and an empty `f=`; none of that is used of anybody's answer, so that the profile is the
//! standard's.
//!
//! What this module does not know: what they write as Model; whether they do with `y=` and `m=` what Hikvision's do; why
//! EZVIZ as an upper platform answered 403 to a REGISTER (wvp-GB28181-pro #940).

mod policy;

sluice_sdk::export!(policy::Ezviz: Vendor);

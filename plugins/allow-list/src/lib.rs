//! Who may register: devices with the right password that an operator has approved. Others wait.
//!
//! The operator's yes is the device's id, or its first digits with `*` behind, in `[plugins.config.allow-list] allow`.
//! Who waits is named in the log once, with the address it comes from.

mod policy;

sluice_sdk::export!(policy::AllowList: Auth);

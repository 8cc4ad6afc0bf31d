//! Which API calls and playbacks go on, as gosip has it: those that carry the right `sign`.

mod policy;

sluice_sdk::export!(policy::GosipSign: Sign);

//! Who may register, as gosip has it: a device that was issued, and that proves by Digest that it knows the
//! password it was issued with.

mod policy;

sluice_sdk::export!(policy::GosipAuth: Auth);

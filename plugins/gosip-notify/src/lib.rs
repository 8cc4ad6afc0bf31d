//! What notifications look like, as gosip has it: a POST with a JSON body, answered `ok`.

mod policy;

sluice_sdk::export!(policy::GosipNotify: Notify);

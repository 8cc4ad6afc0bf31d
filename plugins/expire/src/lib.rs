//! Which recorded files go: those that are older than so many days.

mod policy;

sluice_sdk::export!(policy::Expire: Cleanup);

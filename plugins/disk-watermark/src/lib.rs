//! Which recorded files go: the oldest, while the disk is fuller than allowed.

mod policy;

sluice_sdk::export!(policy::DiskWatermark: Cleanup);

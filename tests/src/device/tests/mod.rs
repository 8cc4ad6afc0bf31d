//! The simulated device against a platform that is a bare socket and a script.

mod fleet;
mod lossy;
mod platform;
mod query;
mod register;
mod session;
mod vendor;

use std::time::Duration;

use self::platform::Platform;
use super::{Device, DeviceConfig};

const ID: &str = "34020000001320000001";
const PASSWORD: &str = "12345678";
const PATIENCE: Duration = Duration::from_secs(20);

/// A camera that sends again after 20 ms, for tests that wait for that.
async fn impatient_camera() -> (Device, Platform) {
    start(|config| DeviceConfig { t1: Duration::from_millis(20), ..config }).await
}

/// A camera and the platform that it speaks to. Its media is fast.
async fn camera() -> (Device, Platform) {
    start(|config| config).await
}

async fn start(change: impl FnOnce(DeviceConfig) -> DeviceConfig) -> (Device, Platform) {
    let platform = Platform::bind().await;
    let config = DeviceConfig::camera(ID, PASSWORD, platform.address());
    let config = DeviceConfig { speed: 50, ..config };
    (change(config).start().await.unwrap(), platform)
}

//! Many devices at once.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Device, DeviceConfig, DeviceError};

/// Devices that are driven together; each has a socket and one task.
#[derive(Debug)]
pub struct Fleet {
    devices: Vec<Arc<Device>>,
}

/// What came of driving a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetReport {
    /// How many devices got each final status.
    pub statuses: BTreeMap<u16, usize>,
    /// How many got none.
    pub unanswered: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl Fleet {
    /// Starts `count` devices, the nth made from `config(n)`.
    pub async fn start(count: usize, config: impl Fn(usize) -> DeviceConfig) -> io::Result<Self> {
        let mut devices = Vec::with_capacity(count);
        for number in 0..count {
            devices.push(Arc::new(config(number).start().await?));
        }
        Ok(Self { devices })
    }

    /// The devices.
    pub fn devices(&self) -> &[Arc<Device>] {
        &self.devices
    }

    /// Registers all of them, at most `at_once` at a time.
    pub async fn register(&self, at_once: usize) -> FleetReport {
        self.drive(at_once, |device| async move { Ok(device.register().await?.status) }).await
    }

    /// A power cut for all of them; then each connects and registers anew, at most `at_once` at a time.
    pub async fn come_back(&self, at_once: usize) -> FleetReport {
        self.drive(at_once, |device| async move {
            device.reboot().await?;
            Ok(device.register().await?.status)
        })
        .await
    }

    /// Sends a keepalive of each, at most `at_once` at a time.
    pub async fn keepalive(&self, at_once: usize) -> FleetReport {
        self.drive(at_once, |device| async move { device.keepalive().await }).await
    }

    async fn drive<F>(&self, at_once: usize, act: impl Fn(Arc<Device>) -> F) -> FleetReport
    where
        F: Future<Output = Result<u16, DeviceError>> + Send + 'static,
    {
        let start = Instant::now();
        let gate = Arc::new(Semaphore::new(at_once.max(1)));
        let mut running = JoinSet::new();
        for device in &self.devices {
            let (gate, act) = (Arc::clone(&gate), act(Arc::clone(device)));
            running.spawn(async move {
                // The semaphore is never closed.
                let _place = gate.acquire_owned().await;
                act.await
            });
        }
        let mut report = FleetReport { statuses: BTreeMap::new(), unanswered: 0, elapsed: Duration::ZERO };
        while let Some(done) = running.join_next().await {
            match done {
                Ok(Ok(status)) => *report.statuses.entry(status).or_default() += 1,
                Ok(Err(_)) | Err(_) => report.unanswered += 1,
            }
        }
        report.elapsed = start.elapsed();
        report
    }
}

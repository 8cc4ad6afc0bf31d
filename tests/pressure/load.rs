//! Devices that register over and over, at a pace, and what came of it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_tests::device::Device;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// One registration: REGISTER, 401, REGISTER with Digest, 200.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    /// Every final status on the way; none where the last request got no answer.
    pub(crate) statuses: Vec<u16>,
    /// Whether the challenge offered `qop`; none without a challenge.
    pub(crate) qop: Option<bool>,
}

/// Devices that register. Each begins anew once it is done and its turn has come.
pub(crate) struct Load {
    shared: Arc<Shared>,
    lanes: JoinSet<()>,
}

struct Shared {
    start: Instant,
    /// Between two turns.
    gap: Duration,
    turns: AtomicU32,
    ended: AtomicBool,
    /// Locked for a push or a look.
    attempts: Mutex<Vec<Attempt>>,
}

impl Load {
    /// Begins: all devices together register so often in a second, or as often as they can.
    pub(crate) fn start(devices: &[Arc<Device>], rate: u32) -> Self {
        let shared = Arc::new(Shared {
            start: Instant::now(),
            gap: Duration::from_secs(1) / rate,
            turns: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            attempts: Mutex::default(),
        });
        let lane = |device: &Arc<Device>| register_on(Arc::clone(&shared), Arc::clone(device));
        let lanes = devices.iter().map(lane).collect();
        Self { shared, lanes }
    }

    /// Registers for that long.
    pub(crate) async fn run(devices: &[Arc<Device>], rate: u32, length: Duration) -> Vec<Attempt> {
        let load = Self::start(devices, rate);
        sleep(length).await;
        load.stop().await
    }

    /// Whether there was such a registration already.
    pub(crate) fn any(&self, such: impl Fn(&Attempt) -> bool) -> bool {
        self.shared.attempts().iter().any(such)
    }

    /// Ends, once every registration under way is done or given up.
    pub(crate) async fn stop(self) -> Vec<Attempt> {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.lanes.join_all().await;
        std::mem::take(&mut self.shared.attempts())
    }
}

impl Shared {
    fn attempts(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn register_on(shared: Arc<Shared>, device: Arc<Device>) {
    loop {
        sleep_until(shared.start + shared.gap * shared.turns.fetch_add(1, Ordering::Relaxed)).await;
        if shared.ended.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let registered = device.register().await;
        let took = began.elapsed();
        let (statuses, challenge) =
            registered.map(|done| (done.statuses, done.challenge)).unwrap_or_default();
        let qop = challenge.map(|challenge| challenge.qop_auth);
        shared.attempts().push(Attempt { began, took, statuses, qop });
    }
}

/// The time that this part of the attempts did not exceed.
pub(crate) fn quantile(attempts: &[Attempt], part: f64) -> Duration {
    let mut times: Vec<Duration> = attempts.iter().map(|attempt| attempt.took).collect();
    times.sort_unstable();
    let rank = (part * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

//! Callers and devices at work, whatever becomes of the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::device::Device;
use sluice_tests::random::Dice;
use sluice_tests::site::{Front, Issued, PASSWORD, Process};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::ledger::{Ledger, Stream, User};

/// Callers who issue devices, which register then.
const ISSUERS: usize = 3;

/// Before somebody tries again whom nobody answered.
const PAUSE: Duration = Duration::from_millis(20);

/// T1 of devices: short, so that one that met a dead gateway is soon done with it.
const T1: Duration = Duration::from_millis(50);

/// All of them.
pub(crate) struct Load {
    recorders: Vec<Arc<Device>>,
    ended: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

/// What a worker works with.
#[derive(Clone)]
struct Worker {
    front: Front,
    ledger: Arc<Ledger>,
    ended: Arc<AtomicBool>,
}

impl Load {
    /// Starts so many recorders that are online and played, and those who issue and remove devices meanwhile.
    pub(crate) async fn start(
        process: &Process,
        recorders: usize,
        ledger: &Arc<Ledger>,
    ) -> anyhow::Result<Self> {
        let (mut load, front) = (Self::new(), Front::clone(process));
        let worker = Worker { front, ledger: Arc::clone(ledger), ended: Arc::clone(&load.ended) };
        for number in 0..recorders {
            let (issued, device) = process.online(1, |config| config.t1 = T1).await?;
            ledger.user(&issued.device, User::Registered);
            let device = Arc::new(device);
            load.recorders.push(Arc::clone(&device));
            load.workers.spawn(worker.clone().refresh(device));
            load.workers.spawn(worker.clone().play(issued.channels[0].clone(), number as u64));
        }
        for number in 0..ISSUERS {
            load.workers.spawn(worker.clone().issue(number as u64));
        }
        Ok(load)
    }

    fn new() -> Self {
        Self { recorders: Vec::new(), ended: Arc::default(), workers: JoinSet::new() }
    }

    /// Ends what is under way; the recorders.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Vec<Arc<Device>>> {
        self.ended.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.context("a worker panicked")?;
        }
        Ok(self.recorders)
    }
}

impl Worker {
    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// A recorder that registers anew and keeps alive.
    async fn refresh(self, device: Arc<Device>) {
        while self.goes_on() {
            let registered = device.register().await.is_ok_and(|done| done.status == 200);
            if !registered || device.keepalive().await.is_err() {
                sleep(PAUSE).await;
            }
        }
    }

    /// A caller who plays a channel and stops it.
    async fn play(self, channel: String, seed: u64) {
        let mut dice = Dice::new(seed);
        while self.goes_on() {
            let Some(told) = self.call(&format!("/devices/{channel}/play"), &[]).await else { continue };
            let Some(stream) = told["ssrc"].as_str() else { continue };
            self.ledger.stream(stream, Stream::Open);
            sleep(Duration::from_millis(dice.below(150))).await;
            self.ledger.forget_stream(stream);
            if self.stop(stream).await {
                self.ledger.stream(stream, Stream::Stopped);
            }
        }
    }

    /// Asks for the end of a stream until somebody answers; false if nobody did before the load ended. That the
    /// stream is not known any more is an answer too: an earlier call, whose answer was lost, has ended it.
    async fn stop(&self, stream: &str) -> bool {
        while self.goes_on() {
            let answer = self.front.api.get(&format!("/play/{stream}/stop"), &[]).await;
            if answer.is_ok_and(|reply| reply.status < 500) {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// A caller who issues a device. It registers, one in two de-registers, and one in two of those is deleted.
    async fn issue(self, seed: u64) {
        let mut dice = Dice::new(1_000 + seed);
        while self.goes_on() {
            let Some(user) = self.call("/users", &[("pwd", PASSWORD)]).await else { continue };
            let issued =
                Issued { device: user["deviceid"].as_str().unwrap_or_default().to_owned(), channels: vec![] };
            self.ledger.user(&issued.device, User::Issued);
            let mut config = self.front.recorder(&issued);
            config.t1 = T1;
            let Ok(device) = config.start().await else { continue };
            self.ledger.forget_user(device.id());
            if !device.register().await.is_ok_and(|done| done.status == 200) {
                continue;
            }
            self.ledger.user(device.id(), User::Registered);
            if dice.happens(500) {
                self.remove(&device, dice.happens(500)).await;
            }
        }
    }

    async fn remove(&self, device: &Device, wholly: bool) {
        self.ledger.forget_user(device.id());
        if !device.deregister().await.is_ok_and(|done| done.status == 200) {
            return;
        }
        self.ledger.user(device.id(), User::Deregistered);
        if wholly {
            self.ledger.forget_user(device.id());
            if self.call(&format!("/users/{}/delete", device.id()), &[]).await.is_some() {
                self.ledger.user(device.id(), User::Deleted);
            }
        }
    }

    /// A call; none if it was not answered with success.
    async fn call(&self, path: &str, query: &[(&str, &str)]) -> Option<serde_json::Value> {
        let answer = self.front.api.get(path, query).await.ok().and_then(|reply| reply.ok().ok());
        if answer.is_none() {
            sleep(PAUSE).await;
        }
        answer
    }
}

//! What a row is tested on: the gateway's binary, a simulated media server, a receiver of notifications.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;
use sluice_tests::device::Device;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Issued, Notified, Process, Reply, Settings, wait_for};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::binary;

/// A gateway with all that it needs.
pub(super) struct House {
    pub(super) zlm: FakeZlm,
    pub(super) notified: Notified,
    gateway: Process,
    _folder: TempDir,
}

impl House {
    async fn open(change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let query = Some("token=hook-token".to_owned());
        let zlm = FakeZlm::start(ZlmConfig { hook_query: query, ..Default::default() }).await?;
        // Nobody watches most of the streams here.
        zlm.configure("general.streamNoneReaderDelayMS", "2000000");
        let (notified, folder) = (Notified::start().await?, tempfile::tempdir()?);
        let mut settings = Settings::new(&zlm)?;
        settings.notify.clone_from(&notified.url);
        settings.start_timeout_secs = 60;
        change(&mut settings);
        let gateway = Process::start(&binary::gateway()?, &settings, folder.path()).await?;
        zlm.set_hook_base(&format!("http://{}/index/hook", gateway.http));
        Ok(Self { zlm, notified, gateway, _folder: folder })
    }

    /// A signed call.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.api.get(path, query).await
    }

    /// A registered recorder with one channel, its media as fast as tests like it.
    pub(super) async fn recorder(&self) -> anyhow::Result<(Issued, Device, String)> {
        let (issued, device) = self.online(1, |config| config.speed = 20).await?;
        let channel = issued.channels[0].clone();
        Ok((issued, device, channel))
    }

    /// Plays `channel`; the stream's id once its media is at the media server.
    pub(super) async fn play(&self, channel: &str) -> anyhow::Result<String> {
        let stream = self.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
        let id = stream["ssrc"].as_str().unwrap_or_default().to_owned();
        self.flows(&id).await?;
        Ok(id)
    }

    /// Waits until the gateway was told that the media of `stream` can be watched.
    pub(super) async fn flows(&self, stream: &str) -> anyhow::Result<()> {
        let registered =
            |body: &Value| body["stream"] == stream && body["regist"] == true && body["schema"] == "rtmp";
        self.zlm.wait_hook("on_stream_changed", registered).await?;
        Ok(())
    }

    /// Waits until neither device nor media server has anything of a stream.
    pub(super) async fn over(&self, device: &Device, stream: &str) -> anyhow::Result<()> {
        wait_for(|| async { device.open_dialogs().is_empty() && self.zlm.stream(stream).is_none() }).await
    }
}

impl Deref for House {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.gateway
    }
}

/// Runs a row on a house that other rows use at the same time. The last to leave closes it.
pub(super) fn shared(row: impl AsyncFnOnce(&House) -> anyhow::Result<()>) -> anyhow::Result<()> {
    // Held while the house opens, so that it opens once.
    static OPEN: Mutex<Weak<Tenancy>> = Mutex::new(Weak::new());
    let tenancy = {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        match open.upgrade() {
            Some(tenancy) => tenancy,
            None => {
                let tenancy = Arc::new(Tenancy::begin(|_| {})?);
                *open = Arc::downgrade(&tenancy);
                tenancy
            }
        }
    };
    tenancy.run(row)
}

/// Runs a row on a house of its own, with its own settings.
pub(super) fn alone(
    change: impl FnOnce(&mut Settings),
    row: impl AsyncFnOnce(&House) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    Tenancy::begin(change)?.run(row)
}

/// A house, and the runtime that everything in it lives on.
struct Tenancy {
    // Each is there until the end.
    house: Option<House>,
    runtime: Option<Runtime>,
}

impl Tenancy {
    fn begin(change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let house = runtime.block_on(House::open(change))?;
        Ok(Self { house: Some(house), runtime: Some(runtime) })
    }

    fn run(&self, row: impl AsyncFnOnce(&House) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match (&self.house, &self.runtime) {
            (Some(house), Some(runtime)) => runtime.block_on(row(house)),
            _ => unreachable!("both are there until the end"),
        }
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let entered = runtime.enter();
        drop(self.house.take());
        drop(entered);
        runtime.shutdown_background();
    }
}

//! A gateway whose process ends and starts again, and all that outlives it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use sluice_tests::device::{Device, DeviceConfig};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::random;
use sluice_tests::site::{Process, Settings};
use tempfile::TempDir;

use crate::binary;

/// A media server and a folder that outlive the gateway, and where the gateway is to listen each time.
pub(crate) struct House {
    pub(crate) zlm: FakeZlm,
    settings: Settings,
    pub(crate) folder: TempDir,
    binary: PathBuf,
    /// More for the gateway's environment.
    environment: Vec<(&'static str, String)>,
}

impl House {
    /// Starts a gateway for the first time; from then on it always takes the same ports.
    pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> anyhow::Result<(Self, Process)> {
        Self::start_in(&[], change).await
    }

    /// The same, with more in the gateway's environment.
    pub(crate) async fn start_in(
        environment: &[(&'static str, String)],
        change: impl FnOnce(&mut Settings),
    ) -> anyhow::Result<(Self, Process)> {
        let zlm = FakeZlm::start(ZlmConfig {
            address: random::address(),
            hook_query: Some("token=hook-token".to_owned()),
            // Its patience for media is longer than a restart of the gateway takes on a busy machine.
            speed: 3,
            ..Default::default()
        });
        let zlm = zlm.await.context("the media server does not start")?;
        let mut settings = Settings::new(&zlm)?;
        let any = SocketAddr::from((random::address(), 0)).to_string();
        settings.http.clone_from(&any);
        settings.udp.clone_from(&any);
        settings.tcp = any;
        change(&mut settings);
        let (folder, binary, environment) = (tempfile::tempdir()?, binary::gateway()?, environment.to_vec());
        let mut house = Self { zlm, settings, folder, binary, environment };
        let process = house.open().await?;
        house.settings.http = process.http.to_string();
        house.settings.udp = process.sip.to_string();
        house.settings.tcp = process.sip_tcp.to_string();
        house.zlm.set_hook_base(&format!("http://{}/index/hook", process.http));
        Ok((house, process))
    }

    /// Starts the gateway again, on what it kept.
    pub(crate) async fn open(&self) -> anyhow::Result<Process> {
        Process::start_in(&self.environment, &self.binary, &self.settings, self.folder.path()).await
    }

    /// Waits until the gateway was told that the media of `stream` came.
    pub(crate) async fn flows(&self, stream: &str) -> anyhow::Result<()> {
        let registered = |body: &serde_json::Value| body["stream"] == stream && body["regist"] == true;
        self.zlm.wait_hook("on_stream_changed", registered).await?;
        Ok(())
    }
}

/// Issues a device with one channel, and makes it.
pub(crate) async fn device(
    process: &Process,
    change: impl FnOnce(&mut DeviceConfig),
) -> anyhow::Result<(Device, String)> {
    let issued = process.issue(1).await?;
    let mut config = process.recorder(&issued);
    change(&mut config);
    Ok((config.start().await?, issued.channels[0].clone()))
}

/// As [`device`], registered and with its channel known.
pub(crate) async fn online(
    process: &Process,
    change: impl FnOnce(&mut DeviceConfig),
) -> anyhow::Result<(Device, String)> {
    let (issued, device) = process.online(1, change).await?;
    Ok((device, issued.channels[0].clone()))
}

pub(crate) async fn play(process: &Process, channel: &str) -> anyhow::Result<String> {
    let stream = process.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    Ok(stream["ssrc"].as_str().context("a stream id")?.to_owned())
}

pub(crate) async fn stop(process: &Process, stream: &str) -> anyhow::Result<()> {
    assert_eq!(process.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?, "");
    Ok(())
}

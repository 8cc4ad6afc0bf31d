//! A gateway whose process ends and starts again, and all that outlives it.

use std::path::PathBuf;

use anyhow::Context as _;
use sluice_tests::device::{Device, DeviceConfig};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{PASSWORD, Process, Settings, wait_for};
use tempfile::TempDir;

use crate::binary;

/// A media server and a folder that outlive the gateway, and where the gateway is to listen each time.
pub(crate) struct House {
    pub(crate) zlm: FakeZlm,
    settings: Settings,
    pub(crate) folder: TempDir,
    binary: PathBuf,
}

impl House {
    /// Starts a gateway for the first time; from then on it always takes the same ports.
    pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> anyhow::Result<(Self, Process)> {
        let zlm = FakeZlm::start(ZlmConfig {
            hook_query: Some("token=hook-token".to_owned()),
            ..Default::default()
        });
        let zlm = zlm.await.context("the media server does not start")?;
        let mut settings = Settings::new(&zlm)?;
        change(&mut settings);
        let mut house = Self { zlm, settings, folder: tempfile::tempdir()?, binary: binary::gateway()? };
        let process = house.open().await?;
        house.settings.http = process.http.to_string();
        house.settings.udp = process.sip.to_string();
        house.settings.tcp = process.sip_tcp.to_string();
        house.zlm.set_hook_base(&format!("http://{}/index/hook", process.http));
        Ok((house, process))
    }

    /// Starts the gateway again, on what it kept.
    pub(crate) async fn open(&self) -> anyhow::Result<Process> {
        Process::start(&self.binary, &self.settings, self.folder.path()).await
    }

    /// Waits until the gateway was told that the media of `stream` came.
    pub(crate) async fn flows(&self, stream: &str) -> anyhow::Result<()> {
        let registered = |body: &serde_json::Value| body["stream"] == stream && body["regist"] == true;
        self.zlm.wait_hook("on_stream_changed", registered).await?;
        Ok(())
    }

    /// Whether the catalog told that `channel` is ON.
    pub(crate) fn is_on(&self, channel: &str) -> bool {
        self.row("SELECT status FROM channels WHERE deviceid = ?1", channel)
            .is_ok_and(|status| status == "ON")
    }

    /// One text of the gateway's database.
    pub(crate) fn row(&self, sql: &str, id: &str) -> rusqlite::Result<String> {
        let path = self.folder.path().join("sluice.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(path, flags)?;
        database.query_row(sql, [id], |row| row.get(0))
    }

    /// The name of the stream that was opened last for `channel`, and its state's rank; 5 is closed.
    pub(crate) fn last_stream(&self, channel: &str) -> rusqlite::Result<(String, String)> {
        let last = |column: &str| {
            let sql = format!(
                "SELECT CAST({column} AS TEXT) FROM streams WHERE channel = ?1 ORDER BY id DESC LIMIT 1"
            );
            self.row(&sql, channel)
        };
        Ok((last("stream")?, last("state")?))
    }

    /// How many rows of `channel`'s streams are open.
    pub(crate) fn open_rows(&self, channel: &str) -> rusqlite::Result<String> {
        self.row("SELECT CAST(COUNT(*) AS TEXT) FROM streams WHERE channel = ?1 AND state < 5", channel)
    }

    /// Issues a device with one channel, and makes it.
    pub(crate) async fn device(
        &self,
        process: &Process,
        change: impl FnOnce(&mut DeviceConfig),
    ) -> anyhow::Result<(Device, String)> {
        let id = issue_user(process).await?;
        let channel = process.api.get(&format!("/users/{id}/devices"), &[]).await?.ok()?;
        let channel = channel["deviceid"].as_str().context("an id")?.to_owned();
        let mut config = DeviceConfig::recorder(&id, PASSWORD, process.sip, [channel.clone()]);
        change(&mut config);
        Ok((config.start().await?, channel))
    }

    /// As [`device`](Self::device), registered and with its channel known.
    pub(crate) async fn online(
        &self,
        process: &Process,
        change: impl FnOnce(&mut DeviceConfig),
    ) -> anyhow::Result<(Device, String)> {
        let (device, channel) = self.device(process, change).await?;
        assert_eq!(device.register().await?.status, 200);
        wait_for(|| async { self.is_on(&channel) }).await?;
        Ok((device, channel))
    }
}

pub(crate) async fn issue_user(process: &Process) -> anyhow::Result<String> {
    let user = process.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
    Ok(user["deviceid"].as_str().context("an id")?.to_owned())
}

pub(crate) async fn play(process: &Process, channel: &str) -> anyhow::Result<String> {
    let stream = process.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    Ok(stream["ssrc"].as_str().context("a stream id")?.to_owned())
}

pub(crate) async fn stop(process: &Process, stream: &str) -> anyhow::Result<()> {
    assert_eq!(process.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?, "");
    Ok(())
}

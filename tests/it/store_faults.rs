//! A store that cannot be written, while the gateway works: the disk is full, or another program holds the lock.
//!
//! New work is refused, and says why; what needs no store goes on; and when the fault is gone, so are its traces. A
//! full disk is played by the limit of file size of the process (`prlimit`, util-linux), which needs no right.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use serde_json::Value;
use sluice_tests::device::Device;
use sluice_tests::site::{Notified, PASSWORD, Process, wait_for};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::binary;
use crate::house::{House, device, online, play, stop};

/// What a keepalive may take, at the worst: SQLite waits 5 s for a lock, once.
const KEEPALIVE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_full_and_has_room_again() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    file_size(&scene.process, "4096:unlimited").await?;
    scene.refuses("database: disk I/O error").await?;
    scene.goes_on().await?;
    file_size(&scene.process, "unlimited:unlimited").await?;
    scene.heals().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_locks_the_database_and_lets_go() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let other = Connection::open(&scene.process.database)?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    scene.refuses("database: database is locked").await?;
    scene.goes_on().await?;
    other.execute_batch("ROLLBACK")?;
    scene.heals().await
}

/// Nothing can be kept there: it says so, with the path, and does not start.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named_at_the_start() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    process.terminate().await?;
    let file = house.folder.path().join("elsewhere.toml");
    let text = std::fs::read_to_string(house.folder.path().join("sluice.toml"))?;
    let own = format!("path = {:?}", house.folder.path().join("sluice.db"));
    ensure!(text.contains(&own), "{text}");
    // Nobody, root neither, makes files there.
    std::fs::write(&file, text.replace(&own, "path = \"/sys/kernel/sluice.db\""))?;
    let run = Command::new(binary::gateway()?).args(["serve", "--config"]).arg(&file).output();
    let output = timeout(Duration::from_secs(30), run).await.context("it does not end")??;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    ensure!(!output.status.success(), "it ended well");
    ensure!(last.starts_with("sluice: store.path: cannot create /sys/kernel/sluice.db: "), "{last}");
    Ok(())
}

/// A gateway at work: a stream that flows, a device that is not registered yet, and somebody who is notified.
struct Scene {
    house: House,
    process: Process,
    device: Device,
    stream: String,
    stranger: Device,
    other_channel: String,
    _other: Device,
    _notified: Notified,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let notified = Notified::start().await?;
        let (house, process) = House::start(|settings| {
            settings.start_timeout_secs = 300;
            settings.notify.clone_from(&notified.url);
        })
        .await?;
        house.zlm.configure("general.streamNoneReaderDelayMS", "2000000000");
        let (device, channel) = online(&process, |config| config.speed = 5).await?;
        let (other, other_channel) = online(&process, |_| {}).await?;
        let (stranger, _) = crate::house::device(&process, |_| {}).await?;
        let stream = play(&process, &channel).await?;
        house.flows(&stream).await?;
        Ok(Self {
            house,
            process,
            device,
            stream,
            stranger,
            other_channel,
            _other: other,
            _notified: notified,
        })
    }

    /// What has to be stored first is refused; callers and devices are told that it is not their fault.
    async fn refuses(&self, why: &str) -> anyhow::Result<()> {
        let told = self.process.api.get("/users", &[("pwd", PASSWORD)]).await?.refusal();
        ensure!((told.0, told.1.as_str()) == (500, "1001"), "{told:?}");
        let played =
            self.process.api.get(&format!("/devices/{}/play", self.other_channel), &[]).await?.refusal();
        ensure!((played.0, played.1.as_str()) == (500, "1001"), "{played:?}");
        let registered = self.stranger.register().await?;
        ensure!(registered.statuses == [401, 503], "{:?}", registered.statuses);
        let (status, ready) = self.readiness().await?;
        ensure!(status == 503 && ready["ready"] == false && ready["media"] == "ok", "{ready}");
        ensure!(ready["store"] != "ok", "{ready}");
        // Once, and not for each that was refused.
        let log = std::fs::read_to_string(&self.process.log)?;
        let said = log.lines().filter(|line| line.contains("the database cannot be written")).count();
        ensure!(said == 1 && log.contains(why), "the log:\n{log}");
        Ok(())
    }

    /// Who is there stays there: keepalives are answered, though the notification of each cannot be stored, a
    /// registration is refreshed, and the stream flows.
    async fn goes_on(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        ensure!(self.device.keepalive().await? == 200, "a keepalive was refused");
        ensure!(begin.elapsed() < KEEPALIVE, "a keepalive took {:?}", begin.elapsed());
        ensure!(self.device.register().await?.status == 200, "a refresh was refused");
        let packets = || self.house.zlm.stream(&self.stream).map_or(0, |seen| seen.packets);
        let before = packets();
        wait_for(|| async { packets() > before + 5 }).await.context("the stream stands still")
    }

    /// By itself, and with nobody's help: what was refused is done now.
    async fn heals(&self) -> anyhow::Result<()> {
        wait_for(|| async { self.readiness().await.is_ok_and(|(status, _)| status == 200) })
            .await
            .context("it does not become ready again")?;
        ensure!(self.stranger.register().await?.status == 200, "the device cannot register");
        let (third, channel) = device(&self.process, |_| {}).await?;
        ensure!(third.register().await?.status == 200, "a new device cannot register");
        self.process.wait_until_on(&channel).await?;
        let second = play(&self.process, &self.other_channel).await?;
        for stream in [&second, &self.stream] {
            stop(&self.process, stream).await?;
        }
        let left = || (self.device.open_dialogs().len(), self.house.zlm.streams().len());
        wait_for(|| async { left() == (0, 0) })
            .await
            .with_context(|| format!("sessions, streams: {:?}", left()))?;
        sound(&self.process.database)
    }

    async fn readiness(&self) -> anyhow::Result<(u16, Value)> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(format!("{}/readyz", self.process.api.base())).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

/// Limits how large a file the process may write, from now on.
async fn file_size(process: &Process, limit: &str) -> anyhow::Result<()> {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.id().context("it runs")?.to_string(), &format!("--fsize={limit}")]);
    let status = command.status().await.context("prlimit (util-linux) cannot be run")?;
    ensure!(status.success(), "prlimit failed");
    Ok(())
}

fn sound(database: &Path) -> anyhow::Result<()> {
    let said: String =
        Connection::open(database)?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(said == "ok", "{said}");
    Ok(())
}

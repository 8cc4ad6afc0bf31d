//! The gateway's process ends, by force or by request, and starts again: nobody is to notice.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::device::{Credentials, Device, DeviceConfig, DeviceEvent, Transport};
use sluice_tests::journal::PATIENCE;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Notified, PASSWORD, Process, Settings, wait_for};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::binary;

/// A media server and a folder that outlive the gateway, and where the gateway is to listen each time.
struct House {
    zlm: FakeZlm,
    settings: Settings,
    folder: TempDir,
    binary: PathBuf,
}

impl House {
    /// Starts a gateway for the first time; from then on it always takes the same ports.
    async fn start(change: impl FnOnce(&mut Settings)) -> anyhow::Result<(Self, Process)> {
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

    async fn open(&self) -> anyhow::Result<Process> {
        Process::start(&self.binary, &self.settings, self.folder.path()).await
    }

    /// Waits until the gateway was told that the media of `stream` came.
    async fn flows(&self, stream: &str) -> anyhow::Result<()> {
        let registered = |body: &serde_json::Value| body["stream"] == stream && body["regist"] == true;
        self.zlm.wait_hook("on_stream_changed", registered).await?;
        Ok(())
    }

    /// Whether the catalog told that `channel` is ON.
    fn is_on(&self, channel: &str) -> bool {
        let path = self.folder.path().join("sluice.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let status = rusqlite::Connection::open_with_flags(path, flags).and_then(|database| {
            let sql = "SELECT status FROM channels WHERE deviceid = ?1";
            database.query_row(sql, [channel], |row| row.get::<_, String>(0))
        });
        status.is_ok_and(|status| status == "ON")
    }

    /// Issues a device with one channel, and makes it.
    async fn device(
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
    async fn online(
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

async fn issue_user(process: &Process) -> anyhow::Result<String> {
    let user = process.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
    Ok(user["deviceid"].as_str().context("an id")?.to_owned())
}

async fn play(process: &Process, channel: &str) -> anyhow::Result<String> {
    let stream = process.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    Ok(stream["ssrc"].as_str().context("a stream id")?.to_owned())
}

async fn stop(process: &Process, stream: &str) -> anyhow::Result<()> {
    assert_eq!(process.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?, "");
    Ok(())
}

/// How often a device registered or was asked for its catalog since `mark`.
fn since(device: &Device, mark: usize) -> (usize, usize) {
    let events = device.events().split_off(mark);
    let count = |wanted: fn(&DeviceEvent) -> bool| events.iter().filter(|event| wanted(event)).count();
    (
        count(|event| matches!(event, DeviceEvent::Registered { .. })),
        count(|event| matches!(event, DeviceEvent::Queried { command, .. } if command == "Catalog")),
    )
}

/// Killed before it could ask for the catalog: it has to do so later, or nothing could ever be played.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_survives_a_kill_right_after_its_200() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (device, channel) = house.device(&process, |_| {}).await?;
    // It takes no query, so that none can come before the kill.
    device.behave(|behaviour| behaviour.deaf = true);
    assert_eq!(device.register().await?.status, 200);
    process.kill().await?;
    device.behave(|behaviour| behaviour.deaf = false);

    let process = house.open().await?;
    assert_eq!(device.keepalive().await?, 200);
    wait_for(|| async { house.is_on(&channel) }).await.context("the catalog was never asked for")?;
    let stream = play(&process, &channel).await?;
    stop(&process, &stream).await?;
    assert_eq!(since(&device, 0).0, 2, "401 and 200, and no registration after the kill");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_catalog_is_asked_for_again_after_a_restart() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (first, first_channel) = house.online(&process, |_| {}).await?;
    let (second, _) = house.online(&process, |_| {}).await?;
    let marks = (first.journal().mark(), second.journal().mark());
    process.kill().await?;

    let process = house.open().await?;
    for device in [&first, &second] {
        assert_eq!(device.keepalive().await?, 200);
    }
    // A query would come 10 ms after the start; a whole stream takes longer.
    let stream = play(&process, &first_channel).await?;
    first.wait_for(|event| matches!(event, DeviceEvent::MediaStarted { .. })).await?;
    stop(&process, &stream).await?;
    assert_eq!(since(&first, marks.0), (0, 0));
    assert_eq!(since(&second, marks.1), (0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_never_given_twice() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    assert_eq!(issue_user(&process).await?, "37070000081118000001");
    let second = issue_user(&process).await?;
    process.api.get(&format!("/users/{second}/delete"), &[]).await?.ok()?;
    process.kill().await?;

    let mut process = house.open().await?;
    assert_eq!(issue_user(&process).await?, "37070000081118000003");
    process.terminate().await?;

    let process = house.open().await?;
    let user = process.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
    assert_eq!(user["deviceid"], "37070000081118000004");
    assert_eq!(user["sysinfo"]["unum"], 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_survives_a_kill_and_can_be_stopped() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (device, channel) = house.online(&process, |_| {}).await?;
    let stream = play(&process, &channel).await?;
    house.flows(&stream).await?;
    let dialogs = device.open_dialogs();
    process.kill().await?;

    let process = house.open().await?;
    assert_eq!(play(&process, &channel).await?, stream, "it is still the one");
    assert!(house.zlm.stream(&stream).is_some());
    assert_eq!(device.open_dialogs(), dialogs);
    stop(&process, &stream).await?;
    let ended = |event: &DeviceEvent| matches!(event, DeviceEvent::Bye { call_id, status: Some(200) } if *call_id == dialogs[0]);
    device.wait_for(ended).await?;
    assert_eq!(house.zlm.stream(&stream), None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_quickly_and_leaves_streams_alone() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (device, channel) = house.online(&process, |_| {}).await?;
    assert_eq!(device.keepalive().await?, 200);
    let update = format!("/users/{}/update", device.id());
    let active = process.api.get(&update, &[]).await?.ok()?["active"].clone();
    let stream = play(&process, &channel).await?;
    house.flows(&stream).await?;
    timeout(Duration::from_secs(4), process.terminate()).await.context("it takes too long")??;
    assert!(house.zlm.stream(&stream).is_some());
    assert_eq!(device.open_dialogs().len(), 1);

    let process = house.open().await?;
    assert_eq!(process.api.get(&update, &[]).await?.ok()?["active"], active, "what is written behind");
    stop(&process, &stream).await?;
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    Ok(())
}

/// Some devices register once and then only keep alive. One that was silent when the gateway stopped was taken
/// for not registered afterwards: its keepalives were refused for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_silent_before_the_restart_comes_back() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let (house, mut process) = House::start(|settings| {
        settings.keepalive_interval_secs = 1;
        settings.keepalive_misses = 2;
        settings.notify.clone_from(&notified.url);
    })
    .await?;
    let (device, channel) = house.online(&process, |_| {}).await?;
    notified.wait("users.active", &[("deviceid", device.id()), ("status", "OFF")]).await?;
    process.kill().await?;

    let process = house.open().await?;
    let refused = process.api.get(&format!("/devices/{channel}/play"), &[]).await?.refusal();
    assert_eq!((refused.0, refused.1.as_str()), (400, "1002"), "a restart makes nobody online");
    let mark = device.journal().mark();
    assert_eq!(device.keepalive().await?, 200);
    let catalog =
        |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "Catalog");
    device.journal().wait_after(mark, PATIENCE, catalog).await?;
    let stream = play(&process, &channel).await?;
    stop(&process, &stream).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_left_before_the_restart_stays_away() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (device, _) = house.online(&process, |_| {}).await?;
    assert_eq!(device.deregister().await?.status, 200);
    process.kill().await?;

    let _process = house.open().await?;
    assert_eq!(device.keepalive().await?, 403);
    assert_eq!(device.register().await?.status, 200);
    assert_eq!(device.keepalive().await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_from_before_the_restart_is_stale_and_the_device_recovers() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (device, _) = house.online(&process, |_| {}).await?;
    process.kill().await?;

    let _process = house.open().await?;
    let refused = device.register_with(Credentials::OldNonce).await?;
    assert_eq!(refused.statuses, [401]);
    let challenge = refused.challenge.context("a challenge")?;
    assert!(challenge.stale, "the password was right, so the device need not ask anybody for it");
    assert_eq!(device.register_with(Credentials::OldNonce).await?.statuses, [200]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_by_tcp_goes_on_over_a_new_connection() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let tcp = process.sip_tcp;
    let (device, channel) = house
        .online(&process, |config| {
            config.transport = Transport::Tcp;
            config.platform = tcp;
        })
        .await?;
    let stream = play(&process, &channel).await?;
    house.flows(&stream).await?;
    stop(&process, &stream).await?;
    process.kill().await?;
    device.wait_for(|event| matches!(event, DeviceEvent::Disconnected)).await?;

    let process = house.open().await?;
    let refused = process.api.get(&format!("/devices/{channel}/play"), &[]).await?;
    assert_ne!(refused.status, 200, "its connection is gone");
    device.reboot().await?;
    assert_eq!(device.keepalive().await?, 200);
    let stream = play(&process, &channel).await?;
    stop(&process, &stream).await?;
    assert_eq!(since(&device, 0).0, 2, "it never registered again");
    Ok(())
}

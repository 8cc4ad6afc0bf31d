//! The gateway's process ends, by force or by request, and starts again: nobody is to notice.

use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::device::{Credentials, Device, DeviceEvent, Transport};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Notified, PASSWORD};
use tokio::time::timeout;

use crate::house::{House, device, online, play, stop};

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
    let (device, channel) = device(&process, |_| {}).await?;
    // It takes no query, so that none can come before the kill.
    device.behave(|behaviour| behaviour.deaf = true);
    assert_eq!(device.register().await?.status, 200);
    process.kill().await?;
    device.behave(|behaviour| behaviour.deaf = false);

    let process = house.open().await?;
    assert_eq!(device.keepalive().await?, 200);
    process.wait_until_on(&channel).await.context("the catalog was never asked for")?;
    let stream = play(&process, &channel).await?;
    stop(&process, &stream).await?;
    assert_eq!(since(&device, 0).0, 2, "401 and 200, and no registration after the kill");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_catalog_is_asked_for_again_after_a_restart() -> anyhow::Result<()> {
    let (house, mut process) = House::start(|_| {}).await?;
    let (first, first_channel) = online(&process, |_| {}).await?;
    let (second, _) = online(&process, |_| {}).await?;
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
    assert_eq!(process.issue(0).await?.device, "37070000081118000001");
    let second = process.issue(0).await?.device;
    process.api.get(&format!("/users/{second}/delete"), &[]).await?.ok()?;
    process.kill().await?;

    let mut process = house.open().await?;
    assert_eq!(process.issue(0).await?.device, "37070000081118000003");
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
    let (device, channel) = online(&process, |_| {}).await?;
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
    let (device, channel) = online(&process, |_| {}).await?;
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
    let (device, channel) = online(&process, |_| {}).await?;
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
    let (device, _) = online(&process, |_| {}).await?;
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
    let (device, _) = online(&process, |_| {}).await?;
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
    let (device, channel) = online(&process, |config| {
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

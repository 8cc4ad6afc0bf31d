//! Notifications: what receivers are told, and that nothing is lost on the way.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::device::{Device, DeviceConfig};
use sluice_tests::journal::PATIENCE;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Issued, PASSWORD, Process, Settings, Site, wait_for};

use crate::account::take_time;
use crate::binary;
use crate::receiver::{Mood, Receiver};

/// A notification about a device's or channel's state, without its time.
fn activity(method: &str, id: &str, status: &str) -> Value {
    json!({ "method": method, "data": { "deviceid": id, "status": status, "time": null } })
}

/// The first `count` notifications of a method that were taken, without their time.
async fn told(receiver: &Receiver, method: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let mut bodies = receiver.taken(method, count).await?;
    for body in &mut bodies {
        take_time(&mut body["data"], "time");
    }
    Ok(bodies)
}

/// The statuses that `users.active` told, once there are `count`.
async fn statuses(receiver: &Receiver, count: usize) -> anyhow::Result<Vec<String>> {
    let bodies = receiver.taken("users.active", count).await?;
    Ok(bodies.iter().map(|body| body["data"]["status"].as_str().unwrap_or_default().to_owned()).collect())
}

/// A site with a receiver for everything, and a registered recorder with channels.
async fn watched(channels: usize, mood: Mood) -> anyhow::Result<(Receiver, Site, Issued, Device)> {
    let receiver = Receiver::start(mood).await?;
    let site = Site::start_with(|settings| settings.notify = receiver.url()).await?;
    let (issued, device) = site.online(channels, |_| {}).await?;
    Ok((receiver, site, issued, device))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_told_once_and_in_full() -> anyhow::Result<()> {
    let (receiver, _site, issued, device) = watched(0, Mood::Takes).await?;
    let id = issued.device.as_str();
    let mut body = receiver.taken("users.regiester", 1).await?.remove(0);
    take_time(&mut body["data"], "addtime");
    take_time(&mut body["data"], "uptime");
    let port = device.address().port().to_string();
    let expected = json!({ "method": "users.regiester", "data": {
        "id": "1", "addtime": null, "uptime": null, "name": id, "deviceid": id, "region": "3707000008",
        "host": "127.0.0.1", "port": port, "transport": "UDP", "proto": "SIP",
        "report": port, "raddr": "127.0.0.1",
        "manufacturer": "", "devicetype": "", "firmware": "", "model": "",
        "uri": format!("sip:{id}@127.0.0.1:{port}"), "active": 0, "regist": true, "pwd": PASSWORD,
        "sysinfo": {
            "region": "3707000008", "lid": "37070000082008000001",
            "uid": "37070000081118", "unum": 1, "did": "37070000081318", "dnum": 0
        }
    } });
    assert_eq!(body, expected);

    // Refreshes are not told; leaving is, and so is what comes after it.
    for _ in 0..3 {
        assert_eq!(device.register().await?.status, 200);
    }
    assert_eq!(device.deregister().await?.status, 200);
    assert_eq!(device.register().await?.status, 200);
    receiver.taken("users.regiester", 2).await?;
    let methods: Vec<Value> =
        receiver.journal().all().into_iter().map(|delivery| delivery.body["method"].clone()).collect();
    assert_eq!(methods, ["users.regiester", "users.active", "users.regiester"]);
    assert_eq!(told(&receiver, "users.active", 1).await?, [activity("users.active", id, "OFF")]);
    let heads: BTreeSet<[String; 3]> =
        receiver.journal().all().into_iter().map(|delivery| delivery.head).collect();
    assert_eq!(heads, [["POST", "/notify", "application/json"].map(str::to_owned)].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keepalives_and_channels_are_told_as_the_device_says() -> anyhow::Result<()> {
    let (receiver, _site, issued, device) = watched(2, Mood::Takes).await?;
    let [first, second] = [&issued.channels[0], &issued.channels[1]];
    let channel = |id: &str, status: &str| activity("devices.active", id, status);
    let on = [channel(first, "ON"), channel(second, "ON")];
    assert_eq!(told(&receiver, "devices.active", 2).await?, on);

    device.set_channel_status(second, "OFF");
    device.announce_catalog().await?;
    let told_so_far = told(&receiver, "devices.active", 4).await?;
    assert_eq!(told_so_far, [&on[..], &[channel(first, "ON"), channel(second, "OFF")]].concat());

    for status in ["OK", "ERROR", "ON"] {
        assert_eq!(device.keepalive_saying(status).await?, 200);
    }
    let user = |status: &str| activity("users.active", &issued.device, status);
    assert_eq!(told(&receiver, "users.active", 3).await?, [user("OK"), user("ERROR"), user("ON")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_goes_silent_is_off() -> anyhow::Result<()> {
    let receiver = Receiver::start(Mood::Takes).await?;
    let site = Site::start_with(|settings| {
        settings.notify = receiver.url();
        settings.keepalive_interval_secs = 1;
        settings.keepalive_misses = 1;
    })
    .await?;
    let (issued, device) = site.online(0, |_| {}).await?;
    assert_eq!(statuses(&receiver, 1).await?, ["OFF"]);
    assert_eq!(device.keepalive().await?, 200);
    assert_eq!(statuses(&receiver, 3).await?, ["OFF", "OK", "OFF"]);
    let silent = activity("users.active", &issued.device, "OFF");
    assert_eq!(told(&receiver, "users.active", 3).await?[2], silent);
    // It registered once.
    assert_eq!(receiver.taken("users.regiester", 1).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_until_it_is_and_in_order() -> anyhow::Result<()> {
    let (receiver, _site, _, device) = watched(0, Mood::Takes).await?;
    receiver.taken("users.regiester", 1).await?;
    let moods = [
        ("refused", Mood::Answers(500, "ok")),
        ("not found", Mood::Answers(404, "ok")),
        ("not ok", Mood::Answers(200, "later")),
        ("empty", Mood::Answers(204, "")),
        ("moved", Mood::Answers(302, "ok")),
    ];
    for (name, mood) in moods {
        let mark = receiver.journal().mark();
        receiver.set(mood);
        // The device does not wait for the receiver.
        assert_eq!(device.keepalive_saying(name).await?, 200);
        for attempt in 1..=2 {
            let tried = |delivery: &crate::receiver::Delivery| delivery.mood == mood;
            let delivery = receiver.journal().wait_after(mark + attempt, PATIENCE, tried).await?;
            assert_eq!(delivery.body["data"]["status"], moods[0].0, "none overtakes the first");
        }
    }
    receiver.set(Mood::Takes);
    assert_eq!(statuses(&receiver, moods.len()).await?, moods.map(|(name, _)| name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_is_given_up_and_tried_again() -> anyhow::Result<()> {
    let (receiver, _site, _, device) = watched(0, Mood::Takes).await?;
    receiver.taken("users.regiester", 1).await?;
    receiver.set(Mood::Hangs);
    for status in ["1", "2", "3"] {
        assert_eq!(device.keepalive_saying(status).await?, 200);
    }
    receiver.journal().wait(|delivery| delivery.mood == Mood::Hangs).await?;
    receiver.set(Mood::Takes);
    assert_eq!(statuses(&receiver, 3).await?, ["1", "2", "3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_down_gets_everything() -> anyhow::Result<()> {
    let (receiver, _site, _, device) = watched(0, Mood::Takes).await?;
    receiver.taken("users.regiester", 1).await?;
    let address = receiver.address;
    drop(receiver);
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for number in &numbers {
        assert_eq!(device.keepalive_saying(number).await?, 200);
    }
    let receiver = Receiver::start_at(address, Mood::Takes).await?;
    assert_eq!(statuses(&receiver, numbers.len()).await?, numbers);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_receiver_does_not_wait_for_another() -> anyhow::Result<()> {
    let broken = Receiver::start(Mood::Hangs).await?;
    let well = Receiver::start(Mood::Takes).await?;
    let site = Site::start_with(|settings| {
        settings.notify = broken.url();
        settings.devices_active = Some(well.url());
    })
    .await?;
    let (issued, device) = site.online(3, |_| {}).await?;
    assert_eq!(device.keepalive().await?, 200);
    let expected = issued.channels.iter().map(|channel| activity("devices.active", channel, "ON"));
    assert_eq!(told(&well, "devices.active", 3).await?, expected.collect::<Vec<_>>());
    let elsewhere = broken.journal().all().into_iter().map(|delivery| delivery.body["method"].clone());
    assert_eq!(elsewhere.collect::<Vec<_>>(), ["users.regiester"], "the first hangs, the others wait for it");
    Ok(())
}

/// The oldest keepalives are given up first, and their number is told: in the log and by `/readyz`. What is told
/// once, here the registration, stays.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_that_wait_are_counted_and_the_newest_stay() -> anyhow::Result<()> {
    let binary = binary::gateway()?;
    let folder = tempfile::tempdir()?;
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let receiver = Receiver::start(Mood::Answers(500, "no")).await?;
    let mut settings = Settings::new(&zlm)?;
    settings.notify = receiver.url();
    settings.backlog_max = 4;
    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    let issued = gateway.issue(0).await?;
    let device = gateway.recorder(&issued).start().await?;
    assert_eq!(device.register().await?.status, 200);
    for number in 1..=9 {
        assert_eq!(device.keepalive_saying(&number.to_string()).await?, 200);
    }
    assert_eq!(notifications(&gateway).await?, json!({ "waiting": 4, "dropped": 6 }));
    let said = || std::fs::read_to_string(&gateway.log).unwrap_or_default();
    let warned = wait_for(|| async { said().contains("dropped=6") }).await;
    assert!(warned.is_ok(), "{}", said());

    // Neither the order nor the count is lost by a kill.
    gateway.kill().await?;
    receiver.set(Mood::Takes);
    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    assert_eq!(statuses(&receiver, 3).await?, ["7", "8", "9"]);
    receiver.taken("users.regiester", 1).await?;
    wait_for(|| async { notifications(&gateway).await.is_ok_and(|told| told["waiting"] == 0) }).await?;
    assert_eq!(notifications(&gateway).await?, json!({ "waiting": 0, "dropped": 6 }));
    gateway.terminate().await
}

/// What `/readyz` says of notifications.
async fn notifications(gateway: &Process) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut ready: Value = client.get(format!("{}/readyz", gateway.api.base())).send().await?.json().await?;
    Ok(ready["notifications"].take())
}

/// The 200 to a keepalive says that its notification is stored: it survives whatever becomes of the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_gateway_is_killed() -> anyhow::Result<()> {
    let binary = binary::gateway()?;
    let folder = tempfile::tempdir()?;
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let receiver = Receiver::start(Mood::Answers(500, "no")).await?;
    let mut settings = Settings::new(&zlm)?;
    settings.notify = receiver.url();

    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    let user = gateway.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
    let id = user["deviceid"].as_str().unwrap_or_default();
    let device = DeviceConfig::camera(id, PASSWORD, gateway.sip).start().await?;
    assert_eq!(device.register().await?.status, 200);
    for status in ["1", "2", "3"] {
        assert_eq!(device.keepalive_saying(status).await?, 200);
    }
    gateway.kill().await?;
    receiver.set(Mood::Takes);

    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    assert_eq!(statuses(&receiver, 3).await?, ["1", "2", "3"]);
    let methods = receiver.journal().all().into_iter().filter(|delivery| delivery.mood == Mood::Takes);
    let methods: Vec<Value> = methods.map(|delivery| delivery.body["method"].clone()).collect();
    assert_eq!(methods, ["users.regiester", "users.active", "users.active", "users.active"]);
    gateway.terminate().await
}

//! User and channel devices: issued, changed and withdrawn by callers.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_tests::device::DeviceEvent;
use sluice_tests::site::{Issued, Notified, PASSWORD, Reply, Site, wait_for};
use tokio::task::JoinSet;

use crate::live_steps::{State, state_of, why};

const PLATFORM: &str = "37070000082008000001";
const REGION: &str = "3707000008";

/// What is refused because `id` is not there.
fn unknown(id: &str) -> (u16, String, String) {
    (400, "1002".to_owned(), format!("设备不存在 (no device {id})"))
}

/// Takes a time out of an answer, which has to be about now.
pub(crate) fn take_time(data: &mut Value, name: &str) {
    let now = Timestamp::now().as_second();
    let time = data[name].take().as_i64();
    assert!(time.is_some_and(|time| (now - 60..=now).contains(&time)), "{name} is {time:?} at {now}");
}

/// The user device, as an update that changes nothing shows it.
async fn shown(site: &Site, id: &str) -> anyhow::Result<Value> {
    site.api.get(&format!("/users/{id}/update"), &[]).await?.ok()
}

async fn play(site: &Site, channel: &str) -> anyhow::Result<Reply> {
    site.api.get(&format!("/devices/{channel}/play"), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_device_is_issued_with_every_field() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let mut user = site.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
    take_time(&mut user, "addtime");
    take_time(&mut user, "uptime");
    let expected = json!({
        "id": "1", "addtime": null, "uptime": null,
        "name": "37070000081118000001", "deviceid": "37070000081118000001", "region": REGION,
        "host": "", "port": "", "transport": "", "proto": "", "report": "", "raddr": "",
        "manufacturer": "", "devicetype": "", "firmware": "", "model": "", "uri": "",
        "active": 0, "regist": false, "pwd": PASSWORD,
        "sysinfo": {
            "region": REGION, "lid": PLATFORM,
            "uid": "37070000081118", "unum": 1, "did": "37070000081318", "dnum": 0
        }
    });
    assert_eq!(user, expected);

    let named = site.api.get("/users", &[("pwd", "p w&=%+密码"), ("name", "前门 & 后门=+%")]).await?.ok()?;
    assert_eq!(named["name"], "前门 & 后门=+%");
    assert_eq!(named["pwd"], "p w&=%+密码");
    assert_eq!((&named["deviceid"], &named["sysinfo"]["unum"]), (&json!("37070000081118000002"), &json!(2)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_user_device_shows_where_it_is() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let id = &issued.device;
    wait_for(|| async { shown(&site, id).await.is_ok_and(|user| user["model"] != "") }).await?;
    let mut user = shown(&site, id).await?;
    take_time(&mut user, "addtime");
    take_time(&mut user, "uptime");
    let port = device.address().port().to_string();
    let expected = json!({
        "id": "1", "addtime": null, "uptime": null, "name": id, "deviceid": id, "region": REGION,
        "host": "127.0.0.1", "port": port, "transport": "UDP", "proto": "SIP",
        "report": port, "raddr": "127.0.0.1",
        "manufacturer": "Sluice", "devicetype": "", "firmware": "V1.0", "model": "Simulated",
        "uri": format!("sip:{id}@127.0.0.1:{port}"),
        "active": 0, "regist": true, "pwd": PASSWORD,
        "sysinfo": {
            "region": REGION, "lid": PLATFORM,
            "uid": "37070000081118", "unum": 1, "did": "37070000081318", "dnum": 1
        }
    });
    assert_eq!(user, expected);

    assert_eq!(device.keepalive().await?, 200);
    take_time(&mut shown(&site, id).await?, "active");
    assert_eq!(device.keepalive_saying("ERROR").await?, 200);
    assert_eq!(shown(&site, id).await?["active"], -1);
    assert_eq!(device.deregister().await?.status, 200);
    assert_eq!(shown(&site, id).await?["regist"], false);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_only_what_is_given() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(0).await?;
    let path = format!("/users/{}/update", issued.device);
    let both = |user: &Value| [user["name"].clone(), user["pwd"].clone()];

    let user = site.api.get(&path, &[("name", "西门")]).await?.ok()?;
    assert_eq!(both(&user), ["西门", PASSWORD]);
    let user = site.api.get(&path, &[("pwd", "another")]).await?.ok()?;
    assert_eq!(both(&user), ["西门", "another"]);
    let user = site.api.get(&path, &[("pwd", ""), ("name", "")]).await?.ok()?;
    assert_eq!(both(&user), ["西门", "another"]);
    let user = site.api.get(&path, &[("pwd", "third"), ("name", "东门")]).await?.ok()?;
    assert_eq!(both(&user), ["东门", "third"]);

    let mut config = site.recorder(&issued);
    assert_eq!(config.clone().start().await?.register().await?.status, 403, "the old password");
    config.password = "third".to_owned();
    assert_eq!(config.start().await?.register().await?.status, 200, "the new one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_device_is_issued_with_every_field() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let user = site.issue(0).await?.device;
    let mut channel = site.api.get(&format!("/users/{user}/devices"), &[]).await?.ok()?;
    take_time(&mut channel, "addtime");
    take_time(&mut channel, "uptime");
    let expected = json!({
        "id": "1", "addtime": null, "uptime": null, "deviceid": "37070000081318000001", "pdid": user,
        "name": "", "manufacturer": "", "model": "", "owner": "", "civilcode": "", "address": "",
        "parental": 0, "safetyway": 0, "registerway": 0, "secrecy": 0,
        "status": "OFF", "active": 0, "uri": ""
    });
    assert_eq!(channel, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_by_every_call() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (user, channel) = ("37070000081118000077", "37070000081318000077");
    for id in [user, channel, "1", "不是设备", "' OR 1=1 --", "37070000081118000077000"] {
        let escaped = id.replace(' ', "%20");
        for path in [
            "/users/:id/update",
            "/users/:id/delete",
            "/users/:id/devices",
            "/devices/:id/delete",
            "/devices/:id/play",
        ] {
            let path = path.replace(":id", id);
            let sign = site.api.sign(&path, &[]);
            let reply = site.api.get_unsigned(&path.replace(id, &escaped), &[("sign", &sign)]).await?;
            assert_eq!(reply.refusal(), unknown(id), "{path}");
        }
    }
    // A user device is no channel, and a channel is no user device.
    let issued = site.issue(1).await?;
    for (path, id) in [
        ("/devices/:id/play", &issued.device),
        ("/devices/:id/delete", &issued.device),
        ("/users/:id/delete", &issued.channels[0]),
        ("/users/:id/devices", &issued.channels[0]),
    ] {
        let reply = site.api.get(&path.replace(":id", id), &[]).await?;
        assert_eq!(reply.refusal(), unknown(id), "{path}");
    }
    Ok(())
}

/// Opens a stream and returns its id once the media server has it.
async fn open(site: &Site, channel: &str) -> anyhow::Result<String> {
    let stream = play(site, channel).await?.ok()?;
    let id = stream["ssrc"].as_str().unwrap_or_default().to_owned();
    site.zlm.wait_hook("on_stream_changed", |hook| hook["stream"] == id && hook["regist"] == true).await?;
    Ok(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_s_stream_is_stopped_first() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(2, |_| {}).await?;
    let [gone, stays] = [&issued.channels[0], &issued.channels[1]];
    let stream = open(&site, gone).await?;
    let other = open(&site, stays).await?;

    assert_eq!(site.api.get(&format!("/devices/{gone}/delete"), &[]).await?.ok()?, "");
    // The answer came after the BYE: nothing is waited for here.
    let byes = device.events().into_iter().filter(|event| matches!(event, DeviceEvent::Bye { .. }));
    assert_eq!(byes.count(), 1);
    assert_eq!(device.open_dialogs().len(), 1);
    assert_eq!(site.zlm.stream(&stream), None);
    assert_eq!(state_of(&site, &stream), Some(State::Closed));
    assert_eq!(why(&site, &stream)?, "its channel is deleted");
    assert!(site.zlm.stream(&other).is_some());
    assert_eq!(play(&site, gone).await?.refusal(), unknown(gone));
    let again = site.api.get(&format!("/devices/{gone}/delete"), &[]).await?;
    assert_eq!(again.refusal(), unknown(gone));
    assert_eq!(play(&site, stays).await?.ok()?["ssrc"], other.as_str());

    // The device still has the channel and says so; it does not come back by that.
    device.announce_catalog().await?;
    assert_eq!(play(&site, gone).await?.refusal(), unknown(gone));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_device_takes_its_channels_and_streams_along() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(2, |_| {}).await?;
    let (bystander, _bystanding) = site.online(1, |_| {}).await?;
    let mut opened = Vec::new();
    for channel in &issued.channels {
        opened.push(open(&site, channel).await?);
    }
    let kept = open(&site, &bystander.channels[0]).await?;

    assert_eq!(site.api.get(&format!("/users/{}/delete", issued.device), &[]).await?.ok()?, "");
    let byes = device.events().into_iter().filter(|event| matches!(event, DeviceEvent::Bye { .. }));
    assert_eq!((byes.count(), device.open_dialogs().len()), (2, 0));
    let streams: Vec<String> = site.zlm.streams().into_iter().map(|stream| stream.id).collect();
    assert!(streams.iter().all(|id| *id == kept), "{streams:?}");
    for stream in &opened {
        assert_eq!(state_of(&site, stream), Some(State::Closed));
        assert_eq!(why(&site, stream)?, "its device is deleted");
    }
    for channel in &issued.channels {
        assert_eq!(play(&site, channel).await?.refusal(), unknown(channel));
    }
    for call in ["update", "delete", "devices"] {
        let reply = site.api.get(&format!("/users/{}/{call}", issued.device), &[]).await?;
        assert_eq!(reply.refusal(), unknown(&issued.device), "{call}");
    }

    // It is a stranger now, and what it says of its channels counts for nothing.
    assert_eq!(device.keepalive().await?, 403);
    assert_eq!(device.register().await?.status, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_device_can_be_deleted_while_it_is_invited() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let slow = Duration::from_millis(500);
    let (issued, device) = site.online(1, |config| config.behaviour.answer_delay = slow).await?;
    let channel = &issued.channels[0];
    let delete = async {
        device.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
        site.api.get(&format!("/users/{}/delete", issued.device), &[]).await
    };
    let (played, deleted) = tokio::join!(play(&site, channel), delete);
    assert_eq!(deleted?.ok()?, "");
    let (status, code, _) = played?.refusal();
    assert_ne!((status, code.as_str()), (200, "0"), "nothing can be played of a device that is gone");
    let left = wait_for(|| async { device.open_dialogs().is_empty() && site.zlm.streams().is_empty() }).await;
    assert!(left.is_ok(), "{:?} {:?} {:?}", device.open_dialogs(), site.zlm.streams(), device.events());
    assert_eq!(play(&site, channel).await?.refusal(), unknown(channel));
    Ok(())
}

/// Issues user devices, or channels of one, all at once; their ids.
async fn issue_at_once(site: &Site, path: &str, count: usize) -> anyhow::Result<BTreeSet<String>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let (api, path) = (site.api.clone(), path.to_owned());
        calls.spawn(async move { api.get(&path, &[("pwd", PASSWORD)]).await?.ok() });
    }
    let answers = calls.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(answers.iter().filter_map(|answer| answer["deviceid"].as_str()).map(str::to_owned).collect())
}

fn ids(prefix: &str, numbers: std::ops::RangeInclusive<u32>) -> BTreeSet<String> {
    numbers.map(|number| format!("{prefix}{number:06}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_count_up_and_are_never_given_twice() -> anyhow::Result<()> {
    const USERS: &str = "37070000081118";
    const CHANNELS: &str = "37070000081318";
    let site = Site::start().await?;
    assert_eq!(issue_at_once(&site, "/users", 50).await?, ids(USERS, 1..=50));
    let of_first = format!("/users/{USERS}000001/devices");
    assert_eq!(issue_at_once(&site, &of_first, 50).await?, ids(CHANNELS, 1..=50));

    for path in [format!("/users/{USERS}000050/delete"), format!("/devices/{CHANNELS}000050/delete")] {
        site.api.get(&path, &[]).await?.ok()?;
    }
    let Issued { device, channels } = site.issue(1).await?;
    assert_eq!((device, channels[0].clone()), (format!("{USERS}000051"), format!("{CHANNELS}000051")));

    site.api.get(&format!("/users/{USERS}000001/delete"), &[]).await?.ok()?;
    let Issued { device, channels } = site.issue(1).await?;
    assert_eq!((device, channels[0].clone()), (format!("{USERS}000052"), format!("{CHANNELS}000052")));
    Ok(())
}

/// A password shows in the answers of two calls and in one notification, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_masked_wherever_they_show_where_the_operator_wants_so() -> anyhow::Result<()> {
    for (mask, first, second) in [(true, "***", "***"), (false, PASSWORD, "another")] {
        let notified = Notified::start().await?;
        let site = Site::start_with(|settings| {
            settings.mask_pwd = mask;
            settings.notify.clone_from(&notified.url);
        })
        .await?;
        let user = site.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
        assert_eq!(user["pwd"], first);
        let id = user["deviceid"].as_str().unwrap_or_default();
        let update = format!("/users/{id}/update");
        for (query, shown) in [(("name", "gate"), first), (("pwd", "another"), second)] {
            assert_eq!(site.api.get(&update, &[query]).await?.ok()?["pwd"], shown);
        }
        let issued = Issued { device: id.to_owned(), channels: Vec::new() };
        let mut config = site.recorder(&issued);
        config.password = "another".to_owned();
        let device = config.start().await?;
        assert_eq!(device.register().await?.status, 200);
        notified.wait("users.regiester", &[("deviceid", id), ("pwd", second)]).await?;
        assert_eq!(device.keepalive().await?, 200);
        notified.wait("users.active", &[("deviceid", id)]).await?;
        let told = Value::from(notified.all()).to_string();
        assert_eq!(told.contains("another"), !mask, "{told}");
        let vendor = site.api.get(&format!("/devices/{id}/vendor"), &[]).await?.ok()?;
        assert!(!vendor.to_string().contains("another"), "{vendor}");
        // It is masked, not changed.
        assert_eq!(site.row("SELECT pwd FROM users WHERE deviceid = ?1", id)?, "another");
    }
    Ok(())
}

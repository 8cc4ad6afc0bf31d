//! The table of the API: each path, its query, and its `data` to the last field.

use serde_json::{Value, json};
use sluice_tests::device::{DeviceEvent, Recording};
use sluice_tests::site::{PASSWORD, wait_for};

use super::house::House;
use super::{shared, success, whole};
use crate::account::take_time;

/// 2026-11-21 10:00:00 in Shanghai.
const TEN: i64 = 1_795_226_400;

/// Takes out what depends on the rows that run at the same time: numbers and times.
fn user_without_numbers(mut user: Value) -> Value {
    for name in ["addtime", "uptime"] {
        take_time(&mut user, name);
    }
    let id = user["id"].take();
    assert!(id.as_str().is_some_and(|id| id.parse::<u32>().is_ok()), "{id}");
    for name in ["unum", "dnum"] {
        let number = user["sysinfo"][name].take();
        assert!(number.as_i64().is_some(), "{name} is {number}");
    }
    user
}

/// A user device as it is before it ever registered.
fn issued(id: &str, name: &str, pwd: &str) -> Value {
    json!({
        "id": null, "addtime": null, "uptime": null, "name": name, "deviceid": id, "region": "3707000008",
        "host": "", "port": "", "transport": "", "proto": "", "report": "", "raddr": "",
        "manufacturer": "", "devicetype": "", "firmware": "", "model": "", "uri": "",
        "active": 0, "regist": false, "pwd": pwd,
        "sysinfo": {
            "region": "3707000008", "lid": "37070000082008000001",
            "uid": "37070000081118", "unum": null, "did": "37070000081318", "dnum": null
        }
    })
}

/// A stream as `play` and `replay` answer it, by its id.
fn stream(channel: &str, id: &str) -> Value {
    json!({
        "deviceid": channel, "ssrc": id,
        "http": format!("http://127.0.0.1:8080/rtp/{id}/hls.m3u8"),
        "rtmp": format!("rtmp://127.0.0.1:1935/rtp/{id}"),
        "rtsp": format!("rtsp://127.0.0.1:554/rtp/{id}"),
        "ws-flv": format!("ws://127.0.0.1:8080/rtp/{id}.live.flv"),
        "http-flv": format!("http://127.0.0.1:8080/rtp/{id}.live.flv"),
        "webrtc": format!("http://127.0.0.1:8080/index/api/webrtc?app=rtp&stream={id}&type=play"),
    })
}

/// The id in a stream's answer: eight digits of upper-case hex that stand for `digit`, the region and four more.
fn stream_id(answer: &Value, digit: u32) -> String {
    let id = answer["ssrc"].as_str().unwrap_or_default();
    let number = u32::from_str_radix(id, 16).unwrap_or_default();
    assert_eq!(format!("{number:08X}"), id);
    assert_eq!(
        number / 10_000,
        digit * 100_000 + 70_000,
        "{number:010}: digits 4 to 8 of the region are 70000"
    );
    id.to_owned()
}

#[test]
fn api_users() -> anyhow::Result<()> {
    shared(async |house| {
        for (query, name) in
            [(vec![("pwd", "p w")], None), (vec![("pwd", "p w"), ("name", "前门")], Some("前门"))]
        {
            let (status, mut envelope) = whole(house.get("/users", &query).await?);
            let user = user_without_numbers(envelope["data"].take());
            let id = user["deviceid"].as_str().unwrap_or_default().to_owned();
            let number = id.strip_prefix("37070000081118").and_then(|number| number.parse::<u32>().ok());
            assert!(id.len() == 20 && number.is_some_and(|number| number > 0), "{id}");
            envelope["data"] = user;
            assert_eq!((status, envelope), success(issued(&id, name.unwrap_or(&id), "p w")));
        }
        Ok(())
    })
}

#[test]
fn api_users_id_update() -> anyhow::Result<()> {
    shared(async |house| {
        let id = house.issue(0).await?.device;
        let path = format!("/users/{id}/update");
        for (query, name, pwd) in [
            (vec![], id.as_str(), PASSWORD),
            (vec![("name", "西门")], "西门", PASSWORD),
            (vec![("pwd", "another")], "西门", "another"),
            (vec![("pwd", "third"), ("name", "东门")], "东门", "third"),
        ] {
            let (status, mut envelope) = whole(house.get(&path, &query).await?);
            envelope["data"] = user_without_numbers(envelope["data"].take());
            assert_eq!((status, envelope), success(issued(&id, name, pwd)), "{query:?}");
        }
        Ok(())
    })
}

#[test]
fn api_users_id_delete() -> anyhow::Result<()> {
    shared(async |house| {
        let (issued, device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        let deleted = house.get(&format!("/users/{}/delete", issued.device), &[]).await?;
        // Its streams were stopped before the answer came.
        assert_eq!((device.open_dialogs(), house.zlm.stream(&stream)), (vec![], None));
        assert_eq!(whole(deleted), success(json!("")));
        for path in [format!("/users/{}/update", issued.device), format!("/devices/{channel}/play")] {
            assert_eq!(house.get(&path, &[]).await?.refusal().1, "1002", "{path}");
        }
        Ok(())
    })
}

#[test]
fn api_users_id_devices() -> anyhow::Result<()> {
    shared(async |house| {
        let user = house.issue(0).await?.device;
        let (status, mut envelope) = whole(house.get(&format!("/users/{user}/devices"), &[]).await?);
        let data = &mut envelope["data"];
        for name in ["addtime", "uptime"] {
            take_time(data, name);
        }
        assert!(data["id"].take().is_string());
        let id = data["deviceid"].as_str().unwrap_or_default().to_owned();
        assert!(id.len() == 20 && id.starts_with("37070000081318"), "{id}");
        let expected = json!({
            "id": null, "addtime": null, "uptime": null, "deviceid": id, "pdid": user,
            "name": "", "manufacturer": "", "model": "", "owner": "", "civilcode": "", "address": "",
            "parental": 0, "safetyway": 0, "registerway": 0, "secrecy": 0,
            "status": "OFF", "active": 0, "uri": ""
        });
        assert_eq!((status, envelope), success(expected));
        Ok(())
    })
}

#[test]
fn api_devices_id_delete() -> anyhow::Result<()> {
    shared(async |house| {
        let (issued, device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        let deleted = house.get(&format!("/devices/{channel}/delete"), &[]).await?;
        assert_eq!((device.open_dialogs(), house.zlm.stream(&stream)), (vec![], None));
        assert_eq!(whole(deleted), success(json!("")));
        assert_eq!(house.get(&format!("/devices/{channel}/delete"), &[]).await?.refusal().1, "1002");
        // Its number is not given again, and its user device stays.
        let next = house.get(&format!("/users/{}/devices", issued.device), &[]).await?.ok()?;
        assert!(next["deviceid"].as_str() > Some(channel.as_str()), "{next}");
        Ok(())
    })
}

#[test]
fn api_devices_id_play() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, device, channel) = house.recorder().await?;
        let path = format!("/devices/{channel}/play");
        let (status, envelope) = whole(house.get(&path, &[]).await?);
        let id = stream_id(&envelope["data"], 0);
        assert_eq!((status, envelope), success(stream(&channel, &id)));
        house.flows(&id).await?;
        // One live stream a channel.
        let (again, also) = tokio::join!(house.get(&path, &[]), house.get(&path, &[]));
        for reply in [again?, also?] {
            assert_eq!(whole(reply), success(stream(&channel, &id)));
        }
        assert_eq!(device.open_dialogs().len(), 1);
        Ok(())
    })
}

#[test]
fn api_devices_id_replay() -> anyhow::Result<()> {
    shared(async |house| {
        let (issued, device) = house.online(1, |config| config.file_frames = 40).await?;
        let channel = &issued.channels[0];
        let query = [("start", TEN.to_string()), ("end", (TEN + 60).to_string())];
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut streams = Vec::new();
        for _ in 0..2 {
            let (status, envelope) = whole(house.get(&format!("/devices/{channel}/replay"), &query).await?);
            let id = stream_id(&envelope["data"], 1);
            assert_eq!((status, envelope), success(stream(channel, &id)));
            streams.push(id);
        }
        assert_ne!(streams[0], streams[1], "every call makes a stream of its own");
        let invited = device.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
        let DeviceEvent::Invited { sdp, .. } = invited else { anyhow::bail!("{invited:?}") };
        let period = [format!("u={channel}:0"), format!("t={TEN} {}", TEN + 60)];
        assert!(
            ["s=Playback", &period[0], &period[1]].iter().all(|line| sdp.lines().any(|it| it == *line)),
            "{sdp}"
        );
        // The end of the file closes each of them.
        for id in &streams {
            house.over(&device, id).await?;
        }
        Ok(())
    })
}

#[test]
fn api_play_id_stop() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        assert_eq!(whole(house.get(&format!("/play/{stream}/stop"), &[]).await?), success(json!("")));
        assert_eq!((device.open_dialogs(), house.zlm.stream(&stream)), (vec![], None));
        let text = json!("视频流不存在或已关闭 (no such stream, or closed already)");
        for id in [stream.as_str(), "0BEBC2FF", "nonsense"] {
            assert_eq!(
                whole(house.get(&format!("/play/{id}/stop"), &[]).await?),
                success(text.clone()),
                "{id}"
            );
        }
        Ok(())
    })
}

#[test]
fn api_devices_id_files() -> anyhow::Result<()> {
    shared(async |house| {
        let recording = |start: &str, end: &str| Recording {
            name: "录像".to_owned(),
            start: format!("2026-11-21T{start}"),
            end: format!("2026-11-21T{end}"),
            kind: "time".to_owned(),
            size: 1 << 20,
        };
        let (issued, device) = house
            .online(1, |config| {
                config.recordings =
                    vec![recording("10:30:00", "11:00:00"), recording("09:00:00", "10:30:00")];
            })
            .await?;
        let path = format!("/devices/{}/files", issued.channels[0]);
        let query = [("end", (TEN + 7200).to_string()), ("start", TEN.to_string())];
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let expected = json!({ "daynum": 1, "timenum": 1, "list": [
            { "date": "2026-11-21", "items": [{ "start": TEN, "end": TEN + 3600 }] },
        ] });
        assert_eq!(whole(house.get(&path, &query).await?), success(expected));
        let asked = |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "RecordInfo");
        device.wait_for(asked).await?;

        let (issued, _device, _) = house.recorder().await?;
        let none = json!({ "daynum": 0, "timenum": 0, "list": [] });
        let path = format!("/devices/{}/files", issued.channels[0]);
        assert_eq!(whole(house.get(&path, &query).await?), success(none));
        Ok(())
    })
}

#[test]
fn api_play_id_record() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, _device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        let (status, envelope) =
            whole(house.get(&format!("/play/{stream}/record"), &[("order", "7")]).await?);
        let id = envelope["data"].as_str().unwrap_or_default().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!((status, envelope), success(json!(id)));
        let asked = house
            .zlm
            .call_journal()
            .wait(|call| call.name == "startRecord" && call.params["stream"] == stream);
        asked.await?;
        Ok(())
    })
}

#[test]
fn api_record_id_stop() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, _device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        let recording = house.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
        more(house, &stream).await?;
        let (by_stream, by_recording) =
            (format!("/record/{stream}/stop"), recording.as_str().unwrap_or_default());
        let stopped = whole(house.get(&by_stream, &[]).await?);
        let hook = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
        let url = json!(format!("http://127.0.0.1:8080/{}", hook.body["url"].as_str().unwrap_or_default()));
        assert_eq!(stopped, success(url.clone()));
        // By its own id it is known for ever, by its stream only while it lasts.
        assert_eq!(whole(house.get(&format!("/record/{by_recording}/stop"), &[]).await?), success(url));
        assert_eq!(house.get(&by_stream, &[]).await?.refusal().1, "1002");
        Ok(())
    })
}

/// Waits for another second of pictures or so.
pub(super) async fn more(house: &House, stream: &str) -> anyhow::Result<()> {
    let packets = || house.zlm.stream(stream).map_or(0, |seen| seen.packets);
    let so_far = packets();
    wait_for(|| async { packets() >= so_far + 60 }).await
}

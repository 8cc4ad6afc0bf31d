//! The four notifications, to the last field.

use serde_json::{Value, json};
use sluice_tests::site::{PASSWORD, Settings};

use super::api::more;
use super::house::House;
use super::{alone, shared, whole};
use crate::account::take_time;
use crate::envelope::refused;

/// The first notification of a method about a device or channel in some state, without its time.
async fn activity(house: &House, method: &str, id: &str, status: &str) -> anyhow::Result<Value> {
    let mut told = house.notified.wait(method, &[("deviceid", id), ("status", status)]).await?;
    take_time(&mut told["data"], "time");
    Ok(told)
}

fn expected(method: &str, id: &str, status: &str) -> Value {
    json!({ "method": method, "data": { "deviceid": id, "status": status, "time": null } })
}

#[test]
fn notify_users_regiester() -> anyhow::Result<()> {
    shared(async |house| {
        let (issued, device, _) = house.recorder().await?;
        let id = issued.device.as_str();
        assert_eq!(device.register().await?.status, 200, "a refresh");
        assert_eq!(device.deregister().await?.status, 200);
        activity(house, "users.active", id, "OFF").await?;
        assert_eq!(
            house.notified.of_user(id),
            ["users.regiester", "users.active OFF"],
            "a refresh is not told"
        );

        let mut told = house.notified.wait("users.regiester", &[("deviceid", id)]).await?;
        let data = &mut told["data"];
        for name in ["addtime", "uptime"] {
            take_time(data, name);
        }
        let numbers = ["unum", "dnum"].map(|name| data["sysinfo"][name].take().is_i64());
        assert!(data["id"].take().is_string() && numbers == [true, true], "{data}");
        let port = device.address().port().to_string();
        let user = json!({
            "id": null, "addtime": null, "uptime": null, "name": id, "deviceid": id, "region": "3707000008",
            "host": "127.0.0.1", "port": port, "transport": "UDP", "proto": "SIP",
            "report": port, "raddr": "127.0.0.1",
            "manufacturer": "", "devicetype": "", "firmware": "", "model": "",
            "uri": format!("sip:{id}@127.0.0.1:{port}"), "active": 0, "regist": true, "pwd": PASSWORD,
            "sysinfo": {
                "region": "3707000008", "lid": "37070000082008000001",
                "uid": "37070000081118", "unum": null, "did": "37070000081318", "dnum": null
            }
        });
        assert_eq!(told, json!({ "method": "users.regiester", "data": user }));
        Ok(())
    })
}

#[test]
fn notify_users_active() -> anyhow::Result<()> {
    shared(async |house| {
        let (issued, device, _) = house.recorder().await?;
        for status in ["OK", "ON", "ERROR"] {
            assert_eq!(device.keepalive_saying(status).await?, 200);
            let told = activity(house, "users.active", &issued.device, status).await?;
            assert_eq!(told, expected("users.active", &issued.device, status));
        }
        let shown = house.get(&format!("/users/{}/update", issued.device), &[]).await?.ok()?;
        assert_eq!(shown["active"], -1, "it said not OK");
        Ok(())
    })
}

#[test]
fn notify_devices_active() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, device, channel) = house.recorder().await?;
        for status in ["ON", "OFF"] {
            device.set_channel_status(&channel, status);
            device.announce_catalog().await?;
            let told = activity(house, "devices.active", &channel, status).await?;
            assert_eq!(told, expected("devices.active", &channel, status));
        }
        Ok(())
    })
}

#[test]
fn notify_records_stop() -> anyhow::Result<()> {
    let limit = |settings: &mut Settings| settings.extra = "[record]\nmax = 1\n".to_owned();
    alone(limit, async |house| {
        let (_, _device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        house.get(&format!("/play/{stream}/record"), &[("order", "7")]).await?.ok()?;
        let told = house.notified.wait("records.stop", &[("stream", &stream)]).await?;
        let hook = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
        assert_eq!(told, stopped(&hook.body, &stream, "7"));
        Ok(())
    })
}

#[test]
fn notify_records_stop_of_a_file_that_is_late() -> anyhow::Result<()> {
    let hasty = |settings: &mut Settings| settings.extra = "[record]\nfile_timeout_secs = 1\n".to_owned();
    alone(hasty, async |house| {
        let (_, _device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        house.get(&format!("/play/{stream}/record"), &[("order", "8")]).await?.ok()?;
        more(house, &stream).await?;
        // The media server's word goes where nobody listens.
        house.zlm.set_hook_base("http://127.0.0.1:9/index/hook");
        let late = whole(house.get(&format!("/record/{stream}/stop"), &[]).await?);
        let text = "录制文件未就绪 (the recorded file did not come in time; records.stop will tell of it)";
        assert_eq!(late, refused(408, "1003", text));
        assert!(
            house.notified.all().iter().all(|told| told["method"] != "records.stop"),
            "there is no file yet"
        );
        let lost = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
        assert_eq!(lost.status, None);
        house.api.hook("on_record_mp4", &lost.body).await?;
        let told = house.notified.wait("records.stop", &[("stream", &stream)]).await?;
        assert_eq!(told, stopped(&lost.body, &stream, "8"));
        Ok(())
    })
}

fn stopped(hook: &Value, stream: &str, order: &str) -> Value {
    let url = format!("http://127.0.0.1:8080/{}", hook["url"].as_str().unwrap_or_default());
    json!({ "method": "records.stop", "data": { "url": url, "stream": stream, "app": "rtp", "order": order } })
}

//! The media server's hooks: what each is answered, and what it does.

use serde_json::{Value, json};
use sluice_tests::device::{Device, DeviceEvent};

use super::api::more;
use super::house::House;
use super::shared;

/// A hook's body as a real media server sent it, with some of its fields changed.
fn recorded(case: &str, change: &[(&str, &str)]) -> anyhow::Result<Value> {
    let path = format!("{}/data/zlm/hooks/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut body = file["request"]["body"].clone();
    for (name, value) in change {
        body[*name] = json!(value);
    }
    Ok(body)
}

fn success() -> Value {
    json!({ "code": 0, "msg": "success" })
}

fn refused(text: &str) -> Value {
    json!({ "code": -1, "msg": text })
}

/// A stream that flows, and its device.
async fn flowing(house: &House) -> anyhow::Result<(Device, String)> {
    let (_, device, channel) = house.recorder().await?;
    let stream = house.play(&channel).await?;
    Ok((device, stream))
}

/// Waits for the BYE that ends the device's only stream.
async fn hung_up(house: &House, device: &Device, stream: &str) -> anyhow::Result<()> {
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    house.over(device, stream).await
}

#[test]
fn hook_on_server_started() -> anyhow::Result<()> {
    shared(async |house| {
        let mark = house.zlm.call_journal().mark();
        let body = recorded("on_server_started.start", &[])?;
        assert_eq!(house.api.hook("on_server_started", &body).await?, success());
        // The streams are compared at once.
        let patience = sluice_tests::journal::PATIENCE;
        house.zlm.call_journal().wait_after(mark, patience, |call| call.name == "getMediaList").await?;
        Ok(())
    })
}

#[test]
fn hook_on_server_keepalive() -> anyhow::Result<()> {
    shared(async |house| {
        let body = recorded("on_server_keepalive.first", &[])?;
        assert_eq!(house.api.hook("on_server_keepalive", &body).await?, success());
        Ok(())
    })
}

#[test]
fn hook_on_http_access() -> anyhow::Result<()> {
    shared(async |house| {
        let body = recorded("on_http_access.dir", &[])?;
        assert_eq!(house.api.hook("on_http_access", &body).await?, json!({ "code": 0, "second": 86400 }));
        Ok(())
    })
}

#[test]
fn hook_on_play() -> anyhow::Result<()> {
    shared(async |house| {
        let (_device, stream) = flowing(house).await?;
        let signed = house.api.player_query(&stream, &[("user", "7")]);
        let wrong = signed.replace("user=7", "user=8");
        for case in ["on_play.rtmp", "on_play.rtsp", "on_play.hls", "on_play.ts", "on_play.fmp4"] {
            for (params, answer) in [
                (signed.as_str(), success()),
                (wrong.as_str(), refused("签名错误 (sign is wrong)")),
                ("", refused("缺少签名 (sign is missing)")),
            ] {
                let body = recorded(case, &[("stream", &stream), ("app", "rtp"), ("params", params)])?;
                assert_eq!(house.api.hook("on_play", &body).await?, answer, "{case} {params}");
            }
        }
        Ok(())
    })
}

#[test]
fn hook_on_publish() -> anyhow::Result<()> {
    shared(async |house| {
        let (_device, stream) = flowing(house).await?;
        let publish = |id: &str| recorded("on_publish.rtp-udp-default-port", &[("stream", id), ("id", id)]);
        let options = json!({
            "code": 0, "msg": "success", "enable_hls": true, "enable_rtmp": true, "enable_mp4": false,
        });
        assert_eq!(house.api.hook("on_publish", &publish(&stream)?).await?, options);
        let unknown = refused("视频流不存在 (no stream 0BEBC2FF)");
        assert_eq!(house.api.hook("on_publish", &publish("0BEBC2FF")?).await?, unknown);
        Ok(())
    })
}

#[test]
fn hook_on_stream_changed() -> anyhow::Result<()> {
    shared(async |house| {
        let (device, stream) = flowing(house).await?;
        // HLS proves nothing, in either direction.
        for case in ["regist-rtmp", "regist-hls", "unregist-hls"] {
            let body = recorded(&format!("on_stream_changed.{case}"), &[("stream", &stream)])?;
            assert_eq!(house.api.hook("on_stream_changed", &body).await?, success(), "{case}");
        }
        assert_eq!(device.open_dialogs().len(), 1);
        let body = recorded("on_stream_changed.unregist-rtmp", &[("stream", &stream)])?;
        assert_eq!(house.api.hook("on_stream_changed", &body).await?, success());
        hung_up(house, &device, &stream).await
    })
}

#[test]
fn hook_on_stream_none_reader() -> anyhow::Result<()> {
    shared(async |house| {
        let (device, stream) = flowing(house).await?;
        let body = recorded("on_stream_none_reader.close-true", &[("stream", &stream)])?;
        let answer = house.api.hook("on_stream_none_reader", &body).await?;
        assert_eq!(answer, json!({ "code": 0, "close": true }));
        hung_up(house, &device, &stream).await
    })
}

#[test]
fn hook_on_stream_not_found() -> anyhow::Result<()> {
    shared(async |house| {
        let (_device, stream) = flowing(house).await?;
        for (id, close) in [(stream.as_str(), false), ("0BEBC2FF", true)] {
            let body = recorded("on_stream_not_found.flv-wait", &[("stream", id)])?;
            let answer = house.api.hook("on_stream_not_found", &body).await?;
            assert_eq!(answer, json!({ "code": 0, "close": close }), "{id}");
        }
        Ok(())
    })
}

/// A stream that is stopped while it is recorded: its file comes by the hook, and is told.
#[test]
fn hook_on_record_mp4() -> anyhow::Result<()> {
    shared(async |house| {
        let (_device, stream) = flowing(house).await?;
        house.get(&format!("/play/{stream}/record"), &[("order", "7"), ("who", "我")]).await?.ok()?;
        more(house, &stream).await?;
        house.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?;
        let hook = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
        assert_eq!(hook.answer, Some(success()));
        let url = format!("http://127.0.0.1:8080/{}", hook.body["url"].as_str().unwrap_or_default());
        let told = house.notified.wait("records.stop", &[("stream", &stream)]).await?;
        let data = json!({ "url": url, "stream": stream, "app": "rtp", "order": "7", "who": "我" });
        assert_eq!(told, json!({ "method": "records.stop", "data": data }));
        // One of a recording that nobody asked for means nothing.
        let body = recorded("on_record_mp4.slice", &[("stream", "0BEBC2FF")])?;
        assert_eq!(house.api.hook("on_record_mp4", &body).await?, success());
        Ok(())
    })
}

#[test]
fn hook_on_rtp_server_timeout() -> anyhow::Result<()> {
    shared(async |house| {
        let (device, stream) = flowing(house).await?;
        let body = recorded("on_rtp_server_timeout.media-stopped", &[("stream_id", &stream)])?;
        assert_eq!(house.api.hook("on_rtp_server_timeout", &body).await?, success());
        hung_up(house, &device, &stream).await
    })
}

#[test]
fn hook_on_send_rtp_stopped() -> anyhow::Result<()> {
    shared(async |house| {
        let body = recorded("on_send_rtp_stopped.tcp-peer-closed", &[])?;
        assert_eq!(house.api.hook("on_send_rtp_stopped", &body).await?, success());
        Ok(())
    })
}

#[test]
fn hook_that_is_unknown_or_no_json() -> anyhow::Result<()> {
    shared(async |house| {
        let client = reqwest::Client::builder().no_proxy().build()?;
        for base in ["index/hook", "zlm/webhook"] {
            for (name, body, answer) in [
                ("on_flow_report", "{}", success()),
                ("on_nothing_known", "{}", success()),
                ("on_play", "app=rtp", refused("请求体错误 (bad body: not JSON, line 1 column 1)")),
                ("on_nothing_known", "app=rtp", refused("请求体错误 (bad body: not JSON, line 1 column 1)")),
            ] {
                let url = format!("{}/{base}/{name}?token=hook-token", house.api.base());
                let response = client.post(url).body(body).send().await?;
                assert_eq!(response.status(), 200, "{base}/{name}");
                assert_eq!(response.json::<Value>().await?, answer, "{base}/{name} {body}");
            }
        }
        Ok(())
    })
}

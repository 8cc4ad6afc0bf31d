//! Bodies of hooks and answers, field for field against the recorded ones.

use serde_json::{Value, json};

use super::sender::{SSRC, STREAM, Sender};
use super::{call, fixture, pair};
use crate::media::{Played, Protocol};

/// The fields of an object with the kind of each value, objects and lists looked into.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::Bool(_) => json!("bool"),
        Value::Null => json!("null"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
    }
}

fn hook(case: &str) -> Value {
    fixture(&format!("hooks/{case}"))["request"]["body"].clone()
}

fn answer(case: &str) -> Value {
    fixture(&format!("api/{case}"))["response"]["body"].clone()
}

#[tokio::test]
async fn hooks_of_a_stream_look_like_the_recorded_ones() {
    let (zlm, _backend) = pair().await;
    let sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    let changed = |schema: &'static str, regist: bool| {
        zlm.wait_hook("on_stream_changed", move |body| body["schema"] == schema && body["regist"] == regist)
    };
    for schema in ["fmp4", "rtsp", "rtmp", "ts", "hls"] {
        let real = hook(&format!("on_stream_changed.regist-{schema}"));
        assert_eq!(shape(&changed(schema, true).await.unwrap().body), shape(&real), "{schema}");
    }
    let publish = zlm.wait_hook("on_publish", |_| true).await.unwrap().body;
    let mut real = hook("on_publish.rtp-udp-default-port");
    for field in ["hook_index", "port", "id", "stream"] {
        real[field] = publish[field].clone();
    }
    assert_eq!(publish, real);
    assert_eq!((&publish["stream"], &publish["id"]), (&json!(STREAM), &json!(STREAM)));
    let alone = zlm.wait_hook("on_stream_none_reader", |_| true).await.unwrap().body;
    assert_eq!(shape(&alone), shape(&hook("on_stream_none_reader.close-false")));
    sender.stop().await;
    for schema in ["fmp4", "rtsp", "rtmp", "ts", "hls"] {
        let mut real = hook(&format!("on_stream_changed.unregist-{schema}"));
        let body = changed(schema, false).await.unwrap().body;
        real["hook_index"] = body["hook_index"].clone();
        assert_eq!(body, real);
    }
    let report = zlm.wait_hook("on_flow_report", |_| true).await.unwrap().body;
    let real = hook("on_flow_report.publisher-rtp");
    assert_eq!((shape(&report), &report["protocol"]), (shape(&real), &real["protocol"]));
}

#[tokio::test]
async fn hooks_of_a_player_look_like_the_recorded_ones() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "hls").await.unwrap();
    let protocols = [
        (Protocol::Rtmp, "rtmp"),
        (Protocol::Rtsp, "rtsp"),
        (Protocol::Ts, "ts"),
        (Protocol::Fmp4, "fmp4"),
        (Protocol::Hls, "hls"),
    ];
    for (protocol, name) in protocols {
        let played = zlm.play(STREAM, protocol, "token=abc").await;
        let Played::Ok { player } = played else { panic!("{name}: {played:?}") };
        let body = zlm.wait_hook("on_play", |body| body["schema"] == name).await.unwrap().body;
        let mut real = hook(&format!("on_play.{name}"));
        for field in ["hook_index", "id", "port"] {
            real[field] = body[field].clone();
        }
        real["params"] = "token=abc".into();
        assert_eq!(body, real);
        zlm.stop_player(&player);
        let report =
            zlm.wait_hook("on_flow_report", |body| body["id"] == player.as_str()).await.unwrap().body;
        let real = hook(&format!("on_flow_report.player-{name}"));
        assert_eq!((shape(&report), &report["protocol"]), (shape(&real), &real["protocol"]));
    }
}

#[tokio::test]
async fn answers_look_like_the_recorded_ones() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "ts").await.unwrap();
    let one = format!("vhost=__defaultVhost__&app=rtp&stream={STREAM}");
    let cases = [
        (format!("getRtpInfo?stream_id={STREAM}"), "getRtpInfo.exist"),
        (format!("getMediaInfo?schema=rtsp&{one}"), "getMediaInfo.rtp-udp"),
        (format!("getMediaList?schema=rtsp&app=rtp&stream={STREAM}"), "getMediaList.one-schema"),
        (format!("isMediaOnline?schema=rtmp&{one}"), "isMediaOnline.online"),
        (format!("isRecording?type=1&{one}"), "isRecording.no"),
        (format!("startRecord?type=1&max_second=5&{one}"), "startRecord.mp4-ok"),
        (format!("startRecord?type=1&max_second=5&{one}"), "startRecord.mp4-again"),
        (format!("stopRecord?type=1&{one}"), "stopRecord.mp4-ok"),
        (
            "openRtpServer?port=0&tcp_mode=1&stream_id=withssrc&ssrc=200000002&app=cam".into(),
            "openRtpServer.with-ssrc-and-app",
        ),
    ];
    for (path, case) in cases {
        assert_eq!(shape(&call(&zlm, &path).await), shape(&answer(case)), "{case}");
    }
    let listed = call(&zlm, "listRtpServer").await;
    let mut real = answer("listRtpServer.some")["data"][0].clone();
    real["port"] = listed["data"][0]["port"].clone();
    assert_eq!(listed, json!({"code": 0, "data": [real]}));
    assert_eq!(call(&zlm, "closeRtpServer?stream_id=withssrc").await, answer("closeRtpServer.wrong-app"));
    assert_eq!(
        call(&zlm, "closeRtpServer?stream_id=withssrc&app=cam").await,
        answer("closeRtpServer.with-app")
    );
}

#[tokio::test]
async fn a_recording_is_a_file_and_a_hook() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "ts").await.unwrap();
    let one = format!("type=1&vhost=__defaultVhost__&app=rtp&stream={STREAM}");
    call(&zlm, &format!("startRecord?max_second=5&{one}")).await;
    assert_eq!(call(&zlm, &format!("isRecording?{one}")).await, answer("isRecording.yes"));
    let slice = zlm.wait_hook("on_record_mp4", |_| true).await.unwrap().body;
    assert_eq!(shape(&slice), shape(&hook("on_record_mp4.slice")));
    // Slices end on a key frame, and there is one every two seconds.
    assert!((5.0..7.0).contains(&slice["time_len"].as_f64().unwrap()), "{slice}");
    let file = zlm.record_root().join(slice["url"].as_str().unwrap());
    assert_eq!(file.to_str(), slice["file_path"].as_str());
    assert_eq!(std::fs::metadata(file).unwrap().len(), slice["file_size"].as_u64().unwrap());
    let mark = zlm.hook_journal().mark();
    call(&zlm, &format!("stopRecord?{one}")).await;
    let last =
        zlm.hook_journal().wait_after(mark, super::PATIENCE, |hook| hook.name == "on_record_mp4").await;
    assert!(last.is_ok(), "{last:?}");
    assert!(!zlm.stream(STREAM).unwrap().recording);
}

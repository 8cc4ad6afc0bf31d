//! The API's answers where nothing streams, whole, against the recorded ones.

use serde_json::{Value, json};

use super::{call, fixture, pair};
use crate::media::{FakeZlm, Fault, ZlmConfig};

async fn zlm() -> FakeZlm {
    FakeZlm::start(ZlmConfig::default()).await.unwrap()
}

/// Sends the recorded request and gives both answers.
async fn replay(zlm: &FakeZlm, case: &str) -> (Value, Value) {
    let recorded = fixture(&format!("api/{case}"));
    let request = &recorded["request"];
    let url = format!("{}{}", zlm.url(), request["path"].as_str().unwrap());
    let params = request["params"].as_object().unwrap();
    let client = reqwest::Client::new();
    let sent = if request["method"] == "POST" {
        client.post(url).json(params).send().await
    } else {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let query: Vec<(String, String)> =
            params.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        client.get(url).query(&query).send().await
    };
    let mut answer: Value = sent.unwrap().json().await.unwrap();
    let mut real = recorded["response"]["body"].clone();
    // What differs from run to run.
    for (one, other) in [(&mut answer, "answer"), (&mut real, "recorded")] {
        for field in ["cookie", "port"] {
            if one.get(field).is_some() {
                one[field] = json!(field);
            }
        }
        assert!(one.is_object(), "{other} of {case}");
    }
    (answer, real)
}

#[tokio::test]
async fn recorded_calls_get_recorded_answers() {
    let zlm = zlm().await;
    let cases = [
        "version.ok",
        "version.no-secret",
        "getMediaList.no-secret",
        "getMediaList.wrong-secret",
        "getMediaList.post-json-secret",
        "getMediaList.post-json-wrong-secret",
        "getMediaList.empty",
        "getMediaList.filter-none",
        "getMediaInfo.not-found",
        "getMediaPlayerList.not-found",
        "getRtpInfo.missing-args",
        "getRtpInfo.not-found",
        "isMediaOnline.missing-args",
        "isMediaOnline.offline",
        "isRecording.not-found",
        "startRecord.not-found",
        "stopRecord.not-found",
        "close_stream.not-found",
        "close_streams.no-hit",
        "closeRtpServer.missing-args",
        "closeRtpServer.not-found",
        "connectRtpServer.not-found",
        "kick_session.not-found",
        "kick_sessions.by-port",
        "listRtpServer.empty",
        "openRtpServer.missing-args",
        "openRtpServer.empty-stream-id",
        "openRtpServer.wrong-secret",
        "openRtpServer.json-body",
        "setServerConfig.ffmpeg-bin-refused",
        "setServerConfig.unchanged",
        "setServerConfig.unknown-key",
        "setServerConfig.json-post",
        "setServerConfig.hook-filter-on",
        "setServerConfig.hook-filter-off",
        "updateRtpServerSSRC.not-found",
        // These build on one another.
        "openRtpServer.udp-random-port",
        "openRtpServer.duplicate-stream-id",
        "getRtpInfo.server-open-no-media",
        "openRtpServer.ssrc-bound",
        "updateRtpServerSSRC.ok",
        "openRtpServer.tcp-active",
        "openRtpServer.tcp-passive",
        "closeRtpServer.while-streaming",
    ];
    for case in cases {
        let (answer, real) = replay(&zlm, case).await;
        assert_eq!(answer, real, "{case}");
    }
}

#[tokio::test]
async fn connecting_needs_an_active_server_and_a_listener() {
    let zlm = zlm().await;
    call(&zlm, "openRtpServer?port=0&tcp_mode=0&stream_id=notactive").await;
    assert_eq!(
        replay(&zlm, "connectRtpServer.not-active-mode").await.0,
        json!({"code": -1, "msg": "仅支持tcp主动模式"})
    );
    call(&zlm, "openRtpServer?port=0&tcp_mode=2&stream_id=tcpa").await;
    // A port that was free a moment ago refuses.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let answer =
        call(&zlm, &format!("connectRtpServer?stream_id=tcpa&dst_url=127.0.0.1&dst_port={free}")).await;
    assert_eq!(answer, fixture("api/connectRtpServer.refused")["response"]["body"]);
}

#[tokio::test]
async fn a_taken_port_is_refused_and_a_free_one_is_even() {
    let zlm = zlm().await;
    let port = call(&zlm, "openRtpServer?port=0&stream_id=fixed1").await["port"].as_u64().unwrap();
    assert_eq!(port % 2, 0);
    for taken in [port, port + 1] {
        let answer = call(&zlm, &format!("openRtpServer?port={taken}&stream_id=fixed2")).await;
        let message = format!("创建rtp端口 127.0.0.1:{taken} 失败:address already in use");
        assert_eq!(answer, json!({"code": -400, "msg": message}));
    }
}

#[tokio::test]
async fn an_unknown_path_is_html_404() {
    let zlm = zlm().await;
    let url = format!("{}/index/api/noSuchApi?secret={}", zlm.url(), zlm.secret());
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.text().await.unwrap(),
        fixture("api/noSuchApi.unknown-path")["response"]["body"]["_text"].as_str().unwrap()
    );
}

#[tokio::test]
async fn faults_are_met_and_healed() {
    let (zlm, _backend) = pair().await;
    zlm.fail("openRtpServer", Fault::Code(-1, "broken".to_owned()), Some(1));
    zlm.fail("openRtpServer", Fault::Lost, Some(1));
    let open = format!("{}/index/api/openRtpServer?port=0&stream_id=a&secret={}", zlm.url(), zlm.secret());
    let broken: Value = reqwest::get(&open).await.unwrap().json().await.unwrap();
    assert_eq!(broken, json!({"code": -1, "msg": "broken"}));
    assert_eq!(zlm.servers(), []);
    assert_eq!(reqwest::get(&open).await.unwrap().status(), 500);
    assert_eq!(zlm.servers().len(), 1);
    zlm.fail("version", Fault::Hang, None);
    let version = format!("{}/index/api/version?secret={}", zlm.url(), zlm.secret());
    tokio::select! {
        answer = reqwest::get(&version) => panic!("{answer:?}"),
        met = zlm.wait_call("version") => assert_eq!(met.unwrap().answer, None),
    }
    zlm.heal();
    assert_eq!(call(&zlm, "version").await["code"], 0);
    let calls: Vec<_> = zlm.calls().into_iter().map(|call| call.name).collect();
    assert_eq!(calls, ["openRtpServer", "openRtpServer", "version", "version"]);
}

//! What the media server tells and asks, and what it is answered, byte for byte.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use sluice_tests::media::{Played, Protocol, Schema};
use sluice_tests::site::Site;

use crate::live_steps::{State, flows, invited, last_stream, play, reaches, state_of, watch};

const HOOKS: [&str; 12] = [
    "on_flow_report",
    "on_http_access",
    "on_play",
    "on_publish",
    "on_record_mp4",
    "on_rtp_server_timeout",
    "on_send_rtp_stopped",
    "on_server_keepalive",
    "on_server_started",
    "on_stream_changed",
    "on_stream_none_reader",
    "on_stream_not_found",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_needs_the_sign_of_that_stream_and_query() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    watch(&site, &stream).await?;
    let signed = site.api.player_query(&stream, &[("user", "a b"), ("zone", "7")]);
    let good = signed.replace(' ', "%20");
    let bad = [
        (String::new(), "缺少签名 (sign is missing)"),
        ("sign=".to_owned(), "缺少签名 (sign is missing)"),
        (format!("sign={}", "0".repeat(32)), "签名错误 (sign is wrong)"),
        (
            site.api.player_query(&stream, &[]).to_uppercase().replace("SIGN=", "sign="),
            "签名错误 (sign is wrong)",
        ),
        (site.api.player_query("29B92701", &[]), "签名错误 (sign is wrong)"),
        (format!("{}&user=x", site.api.player_query(&stream, &[])), "签名错误 (sign is wrong)"),
        (good.replace("zone=7", "zone=8"), "签名错误 (sign is wrong)"),
    ];
    for (query, text) in bad {
        let message = format!("[auth failed]: code:-1 msg:\"{text}\"");
        assert_eq!(
            site.zlm.play(&stream, Protocol::Flv, &query).await,
            Played::Refused { message },
            "{query}"
        );
    }
    for protocol in
        [Protocol::Flv, Protocol::Fmp4, Protocol::Hls, Protocol::Rtmp, Protocol::Rtsp, Protocol::Ts]
    {
        let played = site.zlm.play(&stream, protocol, &good).await;
        assert!(matches!(played, Played::Ok { .. }), "{protocol:?}: {played:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_needs_a_sign_where_nothing_is_checked() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.mode = "debug").await?;
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    for query in ["", "sign=wrong"] {
        let played = site.zlm.play(&stream, Protocol::Rtmp, query).await;
        assert!(matches!(played, Played::Ok { .. }), "{query}: {played:?}");
    }
    let channel = &issued.channels[0];
    let unsigned = site.api.get_unsigned(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    assert_eq!(unsigned["ssrc"], stream.as_str());
    Ok(())
}

/// A viewer may ask before there are pictures, and then waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_is_early_waits() -> anyhow::Result<()> {
    let site = Site::start().await?;
    site.zlm.configure("general.maxStreamWaitMS", "200000");
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.answer_delay = Duration::from_millis(500));
    let early = async {
        invited(&device).await?;
        watch(&site, &last_stream(&site, &issued)?).await
    };
    let (played, watched) = tokio::join!(play(&site, &issued), early);
    let (stream, _) = (played?, watched?);
    let hook = site.zlm.wait_hook("on_stream_not_found", |body| body["stream"] == stream).await?;
    assert_eq!(hook.answer, Some(json!({"code": 0, "close": false})));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_nothing_does_not_wait() -> anyhow::Result<()> {
    let site = Site::start().await?;
    site.zlm.configure("general.maxStreamWaitMS", "2000000");
    let played = site.zlm.play("0BEBC201", Protocol::Rtmp, &site.api.player_query("0BEBC201", &[])).await;
    assert_eq!(played, Played::NotFound);
    let hook = site.zlm.wait_hook("on_stream_not_found", |_| true).await?;
    assert_eq!(hook.answer, Some(json!({"code": 0, "close": true})));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_was_asked_for_is_let_in_as_the_operator_wants() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.hls = false).await?;
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    let hook = site.zlm.wait_hook("on_publish", |body| body["stream"] == stream).await?;
    let wanted = json!({
        "code": 0, "msg": "success", "enable_hls": false, "enable_rtmp": true, "enable_mp4": false,
    });
    assert_eq!(hook.answer, Some(wanted));
    flows(&site, &stream, 100).await?;
    let schemas = site.zlm.stream(&stream).map(|seen| seen.schemas).unwrap_or_default();
    assert!(schemas.contains(&Schema::Rtmp) && !schemas.contains(&Schema::Hls), "{schemas:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_nobody_asked_for_is_refused() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (app, stream) in [("rtp", "0BEBC201"), ("rtp", "camera"), ("live", "0BEBC201")] {
        let answer = site.api.hook("on_publish", &publish(app, stream)).await?;
        let text = format!("视频流不存在 (no stream {stream})");
        assert_eq!(answer, json!({"code": -1, "msg": text}));
    }
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    assert_eq!(site.api.hook("on_publish", &publish("live", &stream)).await?["code"], -1);
    assert_eq!(site.api.hook("on_publish", &publish("rtp", &stream)).await?["code"], 0);
    Ok(())
}

/// Anybody who reaches our port could end streams otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_without_the_token_changes_nothing() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    watch(&site, &stream).await?;
    reaches(&site, &stream, State::Flowing).await?;
    let body =
        json!({"app": "rtp", "stream": stream, "stream_id": stream, "schema": "rtmp", "regist": false});
    for name in HOOKS {
        for query in ["", "?token=", "?token=wrong", "?token=hook-token&token=hook-token"] {
            let url = format!("{}/index/hook/{name}{query}", site.api.base());
            let answer: Value = client()?.post(url).json(&body).send().await?.json().await?;
            assert_eq!(answer, json!({"code": -1, "msg": "token 错误 (wrong token)"}), "{name}{query}");
        }
    }
    assert_eq!(state_of(&site, &stream), Some(State::Flowing));
    assert_eq!(device.open_dialogs().len(), 1);
    Ok(())
}

/// The media server takes everything but an integer code in JSON for a failure of ours, and asks again.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_answered_all_the_same() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for name in HOOKS {
        for body in ["", "app=rtp&stream=0BEBC201", "{\"app\":", "7", "\u{0}"] {
            let url = format!("{}/index/hook/{name}?token=hook-token", site.api.base());
            let answer = client()?.post(url).body(body).send().await?;
            assert_eq!(answer.status(), 200, "{name} {body:?}");
            let answer: Value = answer.json().await?;
            assert_eq!(answer["code"], -1, "{name} {body:?}: {answer}");
            assert!(answer["msg"].as_str().is_some_and(|text| text.starts_with("请求体错误")), "{answer}");
        }
    }
    Ok(())
}

/// gosip 2 has its hooks elsewhere; a media server that is configured for it needs no change.
#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_gosip_2_does_the_same() -> anyhow::Result<()> {
    let site = Site::start().await?;
    site.zlm.set_hook_base(&format!("{}/zlm/webhook", site.api.base()));
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    let refused = site.zlm.play(&stream, Protocol::Rtmp, "").await;
    assert!(matches!(refused, Played::Refused { .. }), "{refused:?}");
    let viewer = watch(&site, &stream).await?;
    reaches(&site, &stream, State::Flowing).await?;
    assert!(site.zlm.stop_player(&viewer));
    reaches(&site, &stream, State::Closed).await?;
    let body = publish("rtp", &stream);
    let mut answers = Vec::new();
    for base in ["index/hook", "zlm/webhook"] {
        for name in HOOKS.into_iter().chain(["on_nothing_known"]) {
            let url = format!("{}/{base}/{name}?token=hook-token", site.api.base());
            answers.push(client()?.post(url).json(&body).send().await?.json::<Value>().await?);
        }
    }
    let (first, second) = answers.split_at(answers.len() / 2);
    assert_eq!(first, second);
    assert_eq!(second.last(), Some(&json!({"code": 0, "msg": "success"})));
    Ok(())
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().build()
}

/// `on_publish` as a real server sent it for RTP on its single port.
fn publish(app: &str, stream: &str) -> Value {
    json!({
        "app": app, "hook_index": 3, "id": stream, "ip": "127.0.0.1", "mediaServerId": "zlm-test-1",
        "originType": 3, "originTypeStr": "rtp_push", "params": "", "port": 9, "protocol": "rtp",
        "schema": "rtp", "stream": stream, "vhost": "__defaultVhost__",
    })
}

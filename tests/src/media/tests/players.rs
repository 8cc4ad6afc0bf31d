//! Viewers.

use serde_json::json;

use super::backend::Reply;
use super::sender::{SSRC, STREAM, Sender};
use super::{call, pair};
use crate::media::{Played, Protocol};

#[tokio::test]
async fn a_refused_viewer_sees_the_text() {
    let (zlm, backend) = pair().await;
    backend.reply("on_play", Reply::Json(json!({"code": -1, "msg": "refused by test"})));
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "rtmp").await.unwrap();
    let text = "[auth failed]: code:-1 msg:\"refused by test\"";
    let played = zlm.play(STREAM, Protocol::Flv, "sign=no").await;
    assert_eq!(played, Played::Refused { message: text.to_owned() });
    let page = reqwest::get(format!("{}/rtp/{STREAM}/hls.m3u8?sign=no", zlm.url())).await.unwrap();
    assert_eq!((page.status().as_u16(), page.text().await.unwrap().as_str()), (401, text));
    assert_eq!(zlm.stream(STREAM).unwrap().readers, 0);
}

/// `observations/hook_bad_replies.json`: what does not count as code 0, and how often it is asked.
#[tokio::test]
async fn only_the_integer_zero_lets_a_viewer_in() {
    let cases = [
        (Reply::Json(json!({"code": "0"})), 2),
        (Reply::Json(json!({"msg": "hi"})), 2),
        (Reply::Json(json!("<html>no</html>")), 2),
        (Reply::Status(500), 2),
        (Reply::Json(json!({"code": 401, "msg": "x"})), 1),
    ];
    for (reply, asked) in cases {
        let (zlm, backend) = pair().await;
        backend.reply("on_play", reply.clone());
        let played = zlm.play("X", Protocol::Rtmp, "").await;
        assert!(matches!(played, Played::Refused { .. }), "{reply:?}: {played:?}");
        assert_eq!(zlm.hooks().iter().filter(|hook| hook.name == "on_play").count(), asked, "{reply:?}");
    }
}

#[tokio::test]
async fn a_missing_stream_is_waited_for_unless_the_backend_closes() {
    let (zlm, backend) = pair().await;
    backend.reply("on_stream_not_found", Reply::Json(json!({"code": 0, "close": true})));
    let start = tokio::time::Instant::now();
    assert_eq!(zlm.play("NOSUCH02", Protocol::Flv, "").await, Played::NotFound);
    let at_once = start.elapsed();
    // Code -1 with close does not close.
    backend.reply("on_stream_not_found", Reply::Json(json!({"code": -1, "close": true})));
    let start = tokio::time::Instant::now();
    assert_eq!(zlm.play("NOSUCH07", Protocol::Flv, "").await, Played::NotFound);
    let patience = zlm.scaled(std::time::Duration::from_secs(15));
    assert!(at_once < start.elapsed() && start.elapsed() >= patience, "{at_once:?}");
}

#[tokio::test]
async fn viewers_are_counted_listed_and_kicked() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    let played = zlm.play(STREAM, Protocol::Flv, "").await;
    let Played::Ok { player } = played else { panic!("{played:?}") };
    assert_eq!(zlm.stream(STREAM).unwrap().readers, 1);
    let one = format!("schema=rtmp&vhost=__defaultVhost__&app=rtp&stream={STREAM}");
    let listed = call(&zlm, &format!("getMediaPlayerList?{one}")).await;
    assert_eq!(listed["data"][0]["identifier"], player.as_str());
    assert_eq!(call(&zlm, &format!("kick_session?id={player}")).await, json!({"code": 0}));
    assert!(!zlm.is_playing(&player));
    assert!(!zlm.stop_player(&player));
}

//! What the backend's answers do.

use std::time::Duration;

use serde_json::json;

use super::super::backend::Reply;
use super::super::sender::{SSRC, Sender};
use super::super::{call, pair};
use super::{compare, count, open, recorded, registered, sent};
use crate::media::{Played, Protocol};

#[tokio::test]
async fn without_readers_the_backend_may_close() {
    let (zlm, backend) = pair().await;
    backend.reply("on_stream_none_reader", Reply::Json(json!({"code": 0, "close": true})));
    let port = open(&zlm, "stream_id=nr1").await;
    let _sender = Sender::udp(port, SSRC).await;
    compare(&zlm, "none-reader-close-true-openrtpserver", &[]).await;
    assert_eq!(zlm.servers(), []);
}

#[tokio::test]
async fn without_readers_it_stays_when_the_backend_says_so() {
    let (zlm, backend) = pair().await;
    backend.reply("on_stream_none_reader", Reply::Json(json!({"code": 0, "close": false})));
    let _sender = Sender::udp(zlm.rtp_address(), 200_000_203).await;
    zlm.wait_hook("on_stream_none_reader", |_| true).await.unwrap();
    assert!(zlm.stream("0BEBC2CB").is_some());
    // Asked again only after a viewer came and left.
    let Played::Ok { player } = zlm.play("0BEBC2CB", Protocol::Flv, "").await else { panic!("no pictures") };
    assert!(zlm.stop_player(&player));
    count(&zlm, "on_stream_none_reader", 2).await;
}

#[tokio::test]
async fn refused_with_a_server_of_its_own() {
    let (zlm, backend) = pair().await;
    backend.reply("on_publish", Reply::Json(json!({"code": -1, "msg": "refused by test"})));
    let port = open(&zlm, "stream_id=pubref").await;
    let _sender = Sender::udp(port, SSRC).await;
    compare(&zlm, "publish-refused-openrtpserver", &[]).await;
    assert_eq!(zlm.servers(), []);
}

#[tokio::test]
async fn refused_on_the_single_port_it_asks_again() {
    let (zlm, backend) = pair().await;
    backend.reply("on_publish", Reply::Json(json!({"code": -1, "msg": "refused by test"})));
    let _sender = Sender::udp(zlm.rtp_address(), 200_000_101).await;
    let wanted = recorded("publish-refused-rtp-default-port", &[]);
    count(&zlm, "on_publish", 3).await;
    assert_eq!(sent(&zlm, &[])[..wanted.len()], wanted);
}

#[tokio::test]
async fn a_failing_backend_is_asked_once_more() {
    let (zlm, backend) = pair().await;
    backend.reply("on_publish", Reply::Status(500));
    let port = open(&zlm, "stream_id=err500").await;
    let _sender = Sender::udp(port, SSRC).await;
    compare(&zlm, "publish-hook-http-500", &[]).await;
}

#[tokio::test]
async fn a_silent_backend_costs_the_stream() {
    let (zlm, backend) = pair().await;
    // The limit for hooks is real time; scaled here so that order is as recorded.
    zlm.configure("hook.timeoutSec", "0.5");
    backend.reply("on_publish", Reply::Never);
    let port = open(&zlm, "stream_id=hang").await;
    let _sender = Sender::udp(port, SSRC).await;
    zlm.wait_hook("on_rtp_server_timeout", |body| body["stream_id"] == "hang").await.unwrap();
    assert_eq!(zlm.servers(), []);
    assert_eq!(backend.wait("on_publish").await["stream"], "hang");
}

#[tokio::test]
async fn media_that_comes_before_the_answer_is_kept() {
    let (zlm, backend) = pair().await;
    backend.reply("on_publish", Reply::After(Duration::from_millis(150), json!({"code": 0})));
    let port = open(&zlm, "stream_id=slow").await;
    let _sender = Sender::udp(port, SSRC).await;
    compare(&zlm, "publish-hook-answers-after-3s", &[]).await;
}

#[tokio::test]
async fn options_of_the_answer_are_obeyed() {
    let (zlm, backend) = pair().await;
    let options = json!({
        "code": 0, "enable_hls": false, "enable_mp4": true, "mp4_max_second": 4, "enable_ts": false,
        "enable_fmp4": false, "stream_replace": "renamed1",
    });
    backend.reply("on_publish", Reply::Json(options));
    let port = open(&zlm, "stream_id=opts1").await;
    let sender = Sender::udp(port, SSRC).await;
    zlm.wait_hook("on_stream_none_reader", |_| true).await.unwrap();
    assert_eq!(call(&zlm, "getRtpInfo?stream_id=opts1").await, json!({"code": 0, "exist": false}));
    let info = call(&zlm, "getRtpInfo?stream_id=renamed1").await;
    assert_eq!((&info["exist"], &info["identifier"]), (&json!(true), &json!("opts1")));
    sender.stop().await;
    zlm.wait_hook("on_rtp_server_timeout", |body| body["stream_id"] == "opts1").await.unwrap();
    let case = "publish-reply-with-options";
    // How many slices there are hangs on the speed of the sender.
    compare(&zlm, case, &["on_record_mp4"]).await;
    let record = zlm.wait_hook("on_record_mp4", |_| true).await.unwrap();
    assert_eq!(record.body["stream"], "renamed1");
    assert!((4.0..7.0).contains(&record.body["time_len"].as_f64().unwrap()), "{:?}", record.body);
}

#[tokio::test]
async fn a_player_before_the_media() {
    let (zlm, backend) = pair().await;
    backend.reply("on_stream_not_found", Reply::Json(json!({"code": 0, "close": false})));
    let publish = async {
        backend.wait("on_stream_not_found").await;
        let port = open(&zlm, "stream_id=ondemand1").await;
        let sender = Sender::udp(port, SSRC).await;
        registered(&zlm, "hls").await;
        sender
    };
    let (played, sender) = tokio::join!(zlm.play("ondemand1", Protocol::Flv, ""), publish);
    let Played::Ok { player } = played else { panic!("{played:?}") };
    assert!(zlm.stop_player(&player));
    call(&zlm, "closeRtpServer?stream_id=ondemand1").await;
    sender.stop().await;
    compare(&zlm, "play-before-media-on-demand", &[]).await;
}

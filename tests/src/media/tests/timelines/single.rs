//! The single RTP port, and the server's own start and end.

use serde_json::{Value, json};

use super::super::backend::Backend;
use super::super::sender::{SSRC, STREAM, Sender};
use super::super::{PATIENCE, call, fixture, pair};
use super::{compare, count, lines, open, recorded, registered};
use crate::media::{FakeZlm, HookSent, ZlmConfig};
use crate::rtp;

#[tokio::test]
async fn single_port_udp_live() {
    let (zlm, _backend) = pair().await;
    let sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    registered(&zlm, "ts").await;
    let seen = zlm.stream(STREAM).unwrap();
    assert_eq!((seen.ssrc, seen.lost, seen.readers), (SSRC, 0, 0));
    registered(&zlm, "hls").await;
    zlm.wait_hook("on_stream_none_reader", |_| true).await.unwrap();
    sender.stop().await;
    // Viewers and recordings have tests of their own.
    let others = ["on_play", "on_rtsp_realm", "on_record_mp4", "on_flow_report rtmp", "on_flow_report hls"];
    let more = ["on_flow_report rtsp", "on_flow_report ts", "on_flow_report fmp4"];
    compare(&zlm, "rtp-udp-default-port-live", &[&others[..], &more[..]].concat()).await;
    assert_eq!(zlm.streams(), []);
}

#[tokio::test]
async fn single_port_tcp() {
    let (zlm, _backend) = pair().await;
    let sender = Sender::tcp(zlm.rtp_address(), 1_234_567_890).await;
    registered(&zlm, "ts").await;
    assert!(zlm.stream("499602D2").is_some());
    sender.stop().await;
    compare(&zlm, "rtp-tcp-default-port", &[]).await;
}

#[tokio::test]
async fn audio_registers_without_waiting_for_a_second_track() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp_sending(zlm.rtp_address(), 200_000_051, rtp::SAMPLE_WITH_AUDIO).await;
    compare(&zlm, "rtp-udp-with-audio-start", &[]).await;
}

#[tokio::test]
async fn closed_on_the_single_port_it_is_born_again() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), 200_000_203).await;
    registered(&zlm, "hls").await;
    let mark = zlm.hook_journal().mark();
    let answer = call(&zlm, "close_streams?schema=rtmp&app=rtp&stream=0BEBC2CB&force=1").await;
    assert_eq!(answer, json!({"code": 0, "count_closed": 1, "count_hit": 1}));
    assert_eq!(zlm.streams(), []);
    let wanted = recorded("close_streams-default-port-sender-continues", &[]);
    let reborn = |hook: &HookSent| hook.body["schema"] == "hls" && hook.body["regist"] == true;
    zlm.hook_journal().wait_after(mark, PATIENCE, reborn).await.unwrap();
    assert_eq!(lines(zlm.hooks().split_off(mark), &[]), wanted);
}

#[tokio::test]
async fn a_second_sender_of_the_same_ssrc_stays_outside() {
    let (zlm, _backend) = pair().await;
    let first = Sender::udp(zlm.rtp_address(), 200_000_081).await;
    registered(&zlm, "ts").await;
    let second = Sender::udp(zlm.rtp_address(), 200_000_081).await;
    first.stop().await;
    count(&zlm, "on_publish", 3).await;
    second.stop().await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "ts" && body["regist"] == false)
        .await
        .unwrap();
    assert!(zlm.wait_streams(PATIENCE, <[_]>::is_empty).await);
}

#[tokio::test]
async fn only_the_wanted_forms_are_announced() {
    let (zlm, _backend) = pair().await;
    let answer = call(&zlm, "setServerConfig?hook.stream_changed_schemas=rtmp").await;
    assert_eq!(answer, json!({"code": 0, "changed": 1}));
    let _sender = Sender::udp(zlm.rtp_address(), 200_000_601).await;
    compare(&zlm, "stream_changed_schemas-rtmp-only", &[]).await;
}

#[tokio::test]
async fn terminated_with_a_live_stream() {
    let (zlm, _backend) = pair().await;
    open(&zlm, "stream_id=atexit").await;
    let _sender = Sender::udp(zlm.rtp_address(), 200_000_601).await;
    registered(&zlm, "hls").await;
    let mark = zlm.hook_journal().mark();
    zlm.terminate().await;
    let wanted = recorded("server-sigterm-with-live-stream", &["on_server_exited"]);
    assert_eq!(lines(zlm.hooks().split_off(mark), &[]), wanted);
    let last = zlm.hooks().into_iter().skip(mark).max_by_key(|hook| hook.index);
    assert_eq!(last.map(|hook| hook.name).as_deref(), Some("on_server_exited"));
}

/// Nothing that the backend gets says that it was started for a test.
#[tokio::test]
async fn the_start_is_announced_before_the_ports_listen() {
    let backend = Backend::start().await;
    let config = ZlmConfig { hook_base: Some(backend.url.clone()), ..ZlmConfig::default() };
    let zlm = FakeZlm::start(config).await.unwrap();
    let started = zlm.wait_hook("on_server_started", |_| true).await.unwrap();
    assert_eq!((started.index, started.body["hook_index"].as_u64()), (0, Some(0)));
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let real = fixture("hooks/on_server_started.start");
    assert_eq!(keys(&started.body), keys(&real["request"]["body"]));
    zlm.wait_hook("on_server_keepalive", |body| body["hook_index"] == 1).await.unwrap();
}

//! Kill and restart.

use serde_json::json;

use super::sender::{SSRC, STREAM, Sender};
use super::{PATIENCE, call, pair};
use crate::media::{FakeZlm, HookSent, ZlmConfig};

#[tokio::test]
async fn a_killed_server_refuses_and_says_nothing() {
    let (zlm, _backend) = pair().await;
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "ts").await.unwrap();
    let mark = zlm.hook_journal().mark();
    zlm.kill().await;
    let refused = reqwest::get(zlm.url()).await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    assert_eq!(zlm.streams(), []);
    // Whatever it still had to say would come before the next life's first word.
    zlm.restart_silently().await.unwrap();
    zlm.hook_journal().wait_after(mark, PATIENCE, |hook| hook.name == "on_server_keepalive").await.unwrap();
    let ending = |hook: &HookSent| hook.body["regist"] == false || hook.name == "on_server_exited";
    assert!(!zlm.hooks().iter().any(ending));
}

#[tokio::test]
async fn a_restarted_server_has_the_same_ports_and_counts_anew() {
    let (zlm, _backend) = pair().await;
    let (url, rtp) = (zlm.url(), zlm.rtp_address());
    let _sender = Sender::udp(rtp, SSRC).await;
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == "ts").await.unwrap();
    let mark = zlm.hook_journal().mark();
    zlm.restart().await.unwrap();
    assert_eq!((zlm.url(), zlm.rtp_address()), (url, rtp));
    let after =
        |name: &'static str| zlm.hook_journal().wait_after(mark, PATIENCE, move |one| one.name == name);
    assert_eq!(after("on_server_started").await.unwrap().index, 0);
    // The sender never stopped: its stream is back.
    after("on_stream_changed").await.unwrap();
    assert_eq!(call(&zlm, "version").await["code"], 0);
}

#[tokio::test]
async fn a_silent_restart_says_nothing() {
    let (zlm, _backend) = pair().await;
    let mark = zlm.hook_journal().mark();
    zlm.restart_silently().await.unwrap();
    zlm.hook_journal().wait_after(mark, PATIENCE, |hook| hook.name == "on_server_keepalive").await.unwrap();
    assert!(zlm.hooks()[mark..].iter().all(|hook| hook.name != "on_server_started"));
}

#[tokio::test]
async fn without_a_backend_everything_is_let_in() {
    let zlm = FakeZlm::start(ZlmConfig::default()).await.unwrap();
    let _sender = Sender::udp(zlm.rtp_address(), SSRC).await;
    assert!(zlm.wait_streams(PATIENCE, |streams| streams.iter().any(|one| one.schemas.len() >= 4)).await);
    assert!(zlm.hooks().is_empty());
    assert_eq!(call(&zlm, &format!("getRtpInfo?stream_id={STREAM}")).await["exist"], json!(true));
}

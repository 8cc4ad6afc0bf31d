//! Servers of `openRtpServer`.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::sender::{SSRC, Sender};
use super::super::{call, pair, pair_at};
use super::{compare, open, registered, sent};
use crate::media::{Played, Protocol, Schema};

#[tokio::test]
async fn openrtpserver_no_media() {
    let (zlm, _backend) = pair().await;
    open(&zlm, "tcp_mode=1&stream_id=nomedia&ssrc=200000009").await;
    compare(&zlm, "openrtpserver-no-media", &[]).await;
    assert_eq!(zlm.servers(), []);
}

#[tokio::test]
async fn openrtpserver_wrong_ssrc_drops_every_packet() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=ssrcwrong&ssrc=0200000011").await;
    let _sender = Sender::udp(port, SSRC).await;
    compare(&zlm, "openrtpserver-wrong-ssrc", &[]).await;
}

#[tokio::test]
async fn openrtpserver_tcp_connected_but_silent() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "tcp_mode=1&stream_id=idle1").await;
    let _connection = tokio::net::TcpStream::connect(port).await.unwrap();
    compare(&zlm, "openrtpserver-tcp-connected-but-silent", &[]).await;
}

#[tokio::test]
async fn openrtpserver_tcp_active_never_connected() {
    let (zlm, _backend) = pair().await;
    open(&zlm, "tcp_mode=2&stream_id=tcpc").await;
    compare(&zlm, "openrtpserver-tcp-active-never-connected", &[]).await;
}

#[tokio::test]
async fn openrtpserver_udp_then_close() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=34020000001320000001_34020000001310000001").await;
    let _sender = Sender::udp(port, SSRC).await;
    registered(&zlm, "ts").await;
    let answer = call(&zlm, "closeRtpServer?stream_id=34020000001320000001_34020000001310000001").await;
    assert_eq!(answer, json!({"code": 0, "hit": 1}));
    compare(&zlm, "openrtpserver-udp-then-closeRtpServer", &[]).await;
    assert_eq!((zlm.servers(), zlm.streams()), (vec![], vec![]));
}

#[tokio::test]
async fn openrtpserver_close_and_reopen() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=re1").await;
    let first = Sender::udp(port, SSRC).await;
    registered(&zlm, "ts").await;
    call(&zlm, "closeRtpServer?stream_id=re1").await;
    first.stop().await;
    let port = open(&zlm, "stream_id=re1").await;
    let _second = Sender::udp(port, SSRC).await;
    compare(&zlm, "openrtpserver-close-and-reopen-same-id", &[]).await;
}

#[tokio::test]
async fn openrtpserver_ssrc_mended_then_media_stops() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=ssrcbound&ssrc=0200000011").await;
    let sender = Sender::udp(port, 200_000_012).await;
    assert_eq!(
        call(&zlm, "updateRtpServerSSRC?stream_id=ssrcbound&ssrc=0200000012").await,
        json!({"code": 0})
    );
    registered(&zlm, "ts").await;
    sender.stop().await;
    compare(&zlm, "openrtpserver-ssrc-mismatch-update-then-media-stop", &[]).await;
    let timeout = zlm.wait_hook("on_rtp_server_timeout", |_| true).await.unwrap();
    assert_eq!(timeout.body["ssrc"], 200_000_011);
}

#[tokio::test]
async fn openrtpserver_tcp_passive_peer_closes() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "tcp_mode=1&stream_id=tcpp").await;
    let sender = Sender::tcp(port, SSRC).await;
    registered(&zlm, "ts").await;
    sender.stop().await;
    compare(&zlm, "openrtpserver-tcp-passive-peer-closes", &[]).await;
    assert_eq!(zlm.servers(), []);
}

#[tokio::test]
async fn openrtpserver_tcp_active_peer_closes() {
    let (zlm, _backend) = pair().await;
    open(&zlm, "tcp_mode=2&stream_id=tcpe").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = format!("connectRtpServer?stream_id=tcpe&dst_url=127.0.0.1&dst_port={port}");
    let (answer, sender) = tokio::join!(call(&zlm, &path), Sender::listening(listener, SSRC));
    assert_eq!(answer, json!({"code": 0}));
    registered(&zlm, "ts").await;
    sender.stop().await;
    compare(&zlm, "openrtpserver-tcp-active-peer-closes", &[]).await;
}

#[tokio::test]
async fn openrtpserver_tcp_active_connected_twice() {
    let (zlm, _backend) = pair().await;
    open(&zlm, "tcp_mode=2&stream_id=tcpd").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = format!("connectRtpServer?stream_id=tcpd&dst_url=127.0.0.1&dst_port={port}");
    let (_, _sender) = tokio::join!(call(&zlm, &path), Sender::listening(listener, SSRC));
    registered(&zlm, "ts").await;
    assert_eq!(call(&zlm, &path).await, json!({"code": -1, "msg": "address not available"}));
    compare(&zlm, "openrtpserver-tcp-active-connect-twice", &[]).await;
}

#[tokio::test]
async fn undecodable_rtp_is_published_but_never_registers() {
    static NOISE: [u8; 1_400] = [0x55; 1_400];
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=junk1").await;
    let _sender = Sender::udp_sending(port, SSRC, &NOISE).await;
    compare(&zlm, "rtp-arrives-but-undecodable", &[]).await;
}

#[tokio::test]
async fn forced_close_of_a_watched_stream() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "stream_id=cs1").await;
    let _sender = Sender::udp(port, SSRC).await;
    registered(&zlm, "ts").await;
    let Played::Ok { player } = zlm.play("cs1", Protocol::Flv, "").await else { panic!("no pictures") };
    let one = "vhost=__defaultVhost__&app=rtp&stream=cs1&schema=rtmp";
    let refused = call(&zlm, &format!("close_stream?{one}&force=0")).await;
    assert_eq!(refused, json!({"code": -1, "msg": "close failed", "result": -1}));
    call(&zlm, &format!("close_stream?{one}&force=1")).await;
    compare(&zlm, "close_stream-force-openrtpserver", &[]).await;
    assert!(!zlm.is_playing(&player));
}

#[tokio::test]
async fn a_kicked_publisher_takes_its_server_along() {
    let (zlm, _backend) = pair().await;
    let port = open(&zlm, "tcp_mode=1&stream_id=kick1").await;
    let _sender = Sender::tcp(port, SSRC).await;
    registered(&zlm, "ts").await;
    let sessions = call(&zlm, &format!("getAllSession?local_port={}", port.port())).await;
    let id = sessions["data"][0]["id"].as_str().unwrap_or_else(|| panic!("{sessions}"));
    assert_eq!(call(&zlm, &format!("kick_session?id={id}")).await, json!({"code": 0}));
    compare(&zlm, "kick_session-rtp-tcp-publisher", &[]).await;
    assert_eq!(zlm.servers(), []);
}

/// The first segment is closed by the end of the stream: HLS registers while it is being closed.
#[tokio::test]
async fn hls_registers_while_it_is_being_closed() {
    let (zlm, _backend) = pair_at(4).await;
    let port = open(&zlm, "stream_id=34020000001320000001_34020000001310000001").await;
    let _sender = Sender::udp(port, SSRC).await;
    registered(&zlm, "ts").await;
    assert!(zlm.streams().iter().all(|stream| !stream.schemas.contains(&Schema::Hls)));
    call(&zlm, "closeRtpServer?stream_id=34020000001320000001_34020000001310000001").await;
    let unregistered = |body: &Value| body["schema"] == "hls" && body["regist"] == false;
    zlm.wait_hook("on_stream_changed", unregistered).await.unwrap();
    let all = sent(&zlm, &[]);
    let order = |what: &str| all.iter().position(|line| line == what);
    let report = order("on_flow_report rtp player=false");
    assert!(report.is_some() && report < order("on_stream_changed hls regist=true"), "{all:#?}");
}

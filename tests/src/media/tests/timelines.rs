//! Every timeline that is modelled, against the recorded one: the same hooks for the same stream in the same
//! order by `hook_index`.
//!
//! Forms that register or unregister together come in no fixed order, so neighbours of one kind are sorted. The
//! report of a publisher and an unregistration of the same instant are such neighbours too.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::backend::{Backend, Reply};
use super::sender::{SSRC, STREAM, Sender};
use super::{PATIENCE, call, fixture, pair, pair_at};
use crate::media::{FakeZlm, HookSent, Played, Protocol, Schema};
use crate::rtp;

/// One hook, as a line to compare: name, stream, and what tells two of a name apart.
fn line(what: &str, body: &Value) -> String {
    let mut line = what.to_owned();
    for field in ["schema", "regist", "player"] {
        match &body[field] {
            Value::Null => {}
            // Arbitrary in reality.
            _ if what == "on_stream_none_reader" => {}
            Value::String(text) => line = format!("{line} {text}"),
            other => line = format!("{line} {field}={other}"),
        }
    }
    line
}

/// Which group of events without an order among themselves a line belongs to.
fn group(line: &str) -> &'static str {
    match line {
        _ if line.ends_with("regist=true") => "regist",
        _ if line.ends_with("regist=false") => "end",
        "on_flow_report rtp player=false" | "on_rtp_server_timeout" => "end",
        _ => "own",
    }
}

/// Sorts neighbours of one group. HLS that registers while it is being closed belongs to the end.
fn settle(lines: Vec<String>) -> Vec<String> {
    let mut settled: Vec<String> = Vec::new();
    let mut run: Vec<String> = Vec::new();
    let mut last = "own";
    for (index, one) in lines.iter().enumerate() {
        let closing = one == "on_stream_changed hls regist=true"
            && lines[index + 1..].iter().take(8).any(|next| next == "on_stream_changed hls regist=false");
        let own = if closing { "end" } else { group(one) };
        if own != last || own == "own" {
            run.sort();
            settled.append(&mut run);
        }
        run.push(one.clone());
        last = own;
    }
    run.sort();
    settled.append(&mut run);
    settled
}

/// The recorded hooks for a stream, in the server's own order.
fn recorded(case: &str, leave_out: &[&str]) -> Vec<String> {
    let timeline = fixture(&format!("timelines/{case}"));
    let mut events: Vec<Value> = timeline["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["hook_index"].is_u64())
        .cloned()
        .collect();
    events.sort_by_key(|event| event["hook_index"].as_u64());
    let lines = events.iter().map(|event| line(event["what"].as_str().unwrap(), event));
    settle(lines.filter(|line| !leave_out.iter().any(|out| line.starts_with(out))).collect())
}

/// What the server sent, in its own order, keepalives aside.
fn sent(zlm: &FakeZlm, leave_out: &[&str]) -> Vec<String> {
    lines(zlm.hooks(), leave_out)
}

fn lines(mut hooks: Vec<HookSent>, leave_out: &[&str]) -> Vec<String> {
    hooks.sort_by_key(|hook| hook.index);
    let lines = hooks.iter().map(|hook| line(&hook.name, &hook.body));
    let about = lines.filter(|line| !line.starts_with("on_server_"));
    settle(about.filter(|line| !leave_out.iter().any(|out| line.starts_with(out))).collect())
}

/// Waits until as many hooks are through as were recorded, then compares. HLS is left out: on a busy machine it
/// may register before the test gets to closing, and it has a test of its own.
async fn compare(zlm: &FakeZlm, case: &str, leave_out: &[&str]) {
    let leave_out = &[leave_out, &["on_stream_changed hls"]].concat()[..];
    let wanted = recorded(case, leave_out);
    let enough = |_: &_| sent(zlm, leave_out).len() >= wanted.len();
    let waited = zlm.hook_journal().wait_after(0, PATIENCE, enough).await;
    assert_eq!(sent(zlm, leave_out), wanted, "{case}, {waited:?}");
}

async fn open(zlm: &FakeZlm, query: &str) -> std::net::SocketAddr {
    let answer = call(zlm, &format!("openRtpServer?port=0&{query}")).await;
    let port = answer["port"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    ([127, 0, 0, 1], u16::try_from(port).unwrap()).into()
}

async fn registered(zlm: &FakeZlm, schema: &str) {
    zlm.wait_hook("on_stream_changed", |body| body["schema"] == schema && body["regist"] == true)
        .await
        .unwrap();
}

async fn count(zlm: &FakeZlm, hook: &str, wanted: usize) {
    let enough = |_: &_| zlm.hooks().iter().filter(|one| one.name == hook).count() >= wanted;
    zlm.hook_journal().wait_after(0, PATIENCE, enough).await.unwrap();
}

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

/// What the module of these tests promises about sorting.
#[test]
fn only_neighbours_of_one_kind_are_sorted() {
    let lines =
        ["on_publish rtp", "x ts regist=true", "x rtsp regist=true", "on_play rtmp", "on_publish rtp"];
    let settled = settle(lines.map(str::to_owned).to_vec());
    assert_eq!(
        settled,
        ["on_publish rtp", "x rtsp regist=true", "x ts regist=true", "on_play rtmp", "on_publish rtp"]
    );
}

/// Nothing that the backend gets says that it was started for a test.
#[tokio::test]
async fn the_start_is_announced_before_the_ports_listen() {
    let backend = Backend::start().await;
    let config = crate::media::ZlmConfig { hook_base: Some(backend.url.clone()), ..Default::default() };
    let zlm = FakeZlm::start(config).await.unwrap();
    let started = zlm.wait_hook("on_server_started", |_| true).await.unwrap();
    assert_eq!((started.index, started.body["hook_index"].as_u64()), (0, Some(0)));
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let real = fixture("hooks/on_server_started.start");
    assert_eq!(keys(&started.body), keys(&real["request"]["body"]));
    zlm.wait_hook("on_server_keepalive", |body| body["hook_index"] == 1).await.unwrap();
}

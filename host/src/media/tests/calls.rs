//! What we ask, and what we make of every recorded answer.

use std::{collections::BTreeMap, fmt::Debug, net::IpAddr};

use serde_json::{Value, json};

use super::{
    recording, recordings,
    server::{Asked, FakeServer},
};
use crate::media::{
    MediaServer, Medium, OpenRtp, OriginSock, RecordFiles, Result, RtpInfo, RtpServer, TcpMode, Track,
    Version,
};

/// What `call` makes of the recorded answer, and what it asked for it.
async fn replay<T>(
    recording: &Value,
    call: impl AsyncFnOnce(MediaServer) -> Result<T>,
) -> (Result<T>, Asked) {
    let server = FakeServer::bind().await;
    let client = server.client();
    let asked = server.replay(recording);
    let result = call(client).await;
    (result, asked.await.unwrap())
}

/// The same for a call that is asked in the recording the way we ask it: parameters, names and types.
async fn replay_exactly<T>(name: &str, call: impl AsyncFnOnce(MediaServer) -> Result<T>) -> T {
    let recording = recording("api", name);
    let (result, asked) = replay(&recording, call).await;
    let line = format!("POST {} HTTP/1.1", recording["request"]["path"].as_str().unwrap());
    assert_eq!(asked, Asked { line, body: recording["request"]["params"].clone() });
    result.unwrap()
}

fn open(stream_id: &str, tcp_mode: TcpMode, ssrc: Option<u32>) -> OpenRtp {
    OpenRtp { stream_id: stream_id.to_owned(), tcp_mode, ssrc, port: 0 }
}

#[tokio::test]
async fn the_files_of_a_day_are_listed() {
    let listed = replay_exactly("getMP4RecordFile.files", async |zlm| {
        zlm.record_files("0BEBC201", "2026-11-22").await
    });
    let names = ["2026-11-22-06-09-27-1.mp4", "2026-11-22-06-09-21-0.mp4", "2026-11-22-06-09-33-2.mp4"];
    let expected = RecordFiles {
        folder: "/zlm/www/record/rtp/0BEBC201/2026-11-22/".to_owned(),
        names: names.map(str::to_owned).to_vec(),
    };
    assert_eq!(listed.await, expected);
}

#[tokio::test]
async fn the_port_calls_ask_what_the_recorded_ones_asked() {
    let udp = open("34020000001320000001_34020000001310000001", TcpMode::Udp, None);
    let port =
        replay_exactly("openRtpServer.udp-random-port", async |zlm| zlm.open_rtp_server(&udp).await).await;
    assert_eq!(port, 30472);

    let bound = open("ssrcbound", TcpMode::Udp, Some(200_000_011));
    let port =
        replay_exactly("openRtpServer.ssrc-bound", async |zlm| zlm.open_rtp_server(&bound).await).await;
    assert_eq!(port, 30026);

    let active = open("tcpb", TcpMode::TcpActive, None);
    let port =
        replay_exactly("openRtpServer.tcp-active", async |zlm| zlm.open_rtp_server(&active).await).await;
    assert_eq!(port, 30328);

    let here: IpAddr = [127, 0, 0, 1].into();
    replay_exactly("connectRtpServer.ok", async |zlm| zlm.connect_rtp_server("tcpb", here, 30779).await)
        .await;
    replay_exactly("updateRtpServerSSRC.ok", async |zlm| {
        zlm.update_rtp_server_ssrc("ssrcbound", 200_000_012).await
    })
    .await;
    assert!(replay_exactly("closeRtpServer.ok", async |zlm| zlm.close_rtp_server("fixed1").await).await);
}

#[tokio::test]
async fn tcp_passive_is_mode_1() {
    let passive = open("tcpp", TcpMode::TcpPassive, None);
    let (port, asked) = replay(&recording("api", "openRtpServer.tcp-passive"), async |zlm| {
        zlm.open_rtp_server(&passive).await
    })
    .await;
    assert_eq!(port.unwrap(), 30196);
    assert_eq!(
        asked.body,
        json!({ "port": 0, "tcp_mode": 1, "stream_id": "tcpp", "secret": "dummy-secret" })
    );
}

#[tokio::test]
async fn the_record_calls_ask_what_the_recorded_ones_asked() {
    replay_exactly("startRecord.mp4-ok", async |zlm| zlm.start_record("0BEBC201", Some(5), None).await).await;
    replay_exactly("stopRecord.mp4-ok", async |zlm| zlm.stop_record("0BEBC201").await).await;
    assert!(replay_exactly("isRecording.yes", async |zlm| zlm.is_recording("0BEBC201").await).await);

    let (started, asked) = replay(&recording("api", "startRecord.mp4-ok"), async |zlm| {
        zlm.start_record("0BEBC201", None, Some("/elsewhere")).await
    })
    .await;
    started.unwrap();
    assert_eq!(
        asked.body,
        json!({ "vhost": "__defaultVhost__", "app": "rtp", "stream": "0BEBC201", "type": 1,
                "customized_path": "/elsewhere", "secret": "dummy-secret" })
    );
}

#[tokio::test]
async fn the_stream_calls_ask_what_the_recorded_ones_asked() {
    let closed =
        replay_exactly("close_streams.all-schemas", async |zlm| zlm.close_streams("0BEBC522").await).await;
    assert_eq!(closed, 5);

    let servers = replay_exactly("listRtpServer.after-updateSSRC", async |zlm| zlm.rtp_servers().await).await;
    let server = RtpServer {
        vhost: "__defaultVhost__".to_owned(),
        app: "rtp".to_owned(),
        stream_id: "ssrcbound".to_owned(),
        port: 30026,
        ssrc: 200_000_012,
        tcp_mode: 0,
    };
    assert_eq!(servers, [server]);

    let info = replay_exactly("getRtpInfo.exist", async |zlm| zlm.rtp_info("0BEBC201").await).await;
    let sender = RtpInfo {
        identifier: "0BEBC201".to_owned(),
        local_ip: "127.0.0.1".to_owned(),
        local_port: 10000,
        peer_ip: "127.0.0.1".to_owned(),
        peer_port: 53522,
    };
    assert_eq!(info, Some(sender));
}

#[tokio::test]
async fn a_medium_is_read_whole() {
    let recorded = recording("api", "getMediaList.one-schema");
    let (media, asked) = replay(&recorded, async |zlm| zlm.media_list(Some("0BEBC201")).await).await;
    assert_eq!(
        asked.body,
        json!({ "vhost": "__defaultVhost__", "app": "rtp", "stream": "0BEBC201", "secret": "dummy-secret" })
    );
    assert_eq!(media.unwrap(), [medium()]);
}

fn medium() -> Medium {
    Medium {
        schema: "rtsp".to_owned(),
        vhost: "__defaultVhost__".to_owned(),
        app: "rtp".to_owned(),
        stream: "0BEBC201".to_owned(),
        alive_second: 3,
        create_stamp: 1_795_327_727,
        current_stamp: 1900,
        bytes_speed: 14396,
        total_bytes: 49310,
        is_recording_hls: true,
        origin_type: 3,
        origin_type_str: "rtp_push".to_owned(),
        origin_url: "rtp://__defaultVhost__/rtp/0BEBC201".to_owned(),
        origin_sock: Some(OriginSock {
            identifier: "0BEBC201".to_owned(),
            local_ip: "127.0.0.1".to_owned(),
            local_port: 10000,
            peer_ip: "127.0.0.1".to_owned(),
            peer_port: 53522,
        }),
        tracks: vec![audio(), video()],
        ..Medium::default()
    }
}

fn audio() -> Track {
    Track {
        codec_type: 1,
        codec_id: 2,
        codec_id_name: "mpeg4-generic".to_owned(),
        ready: true,
        frames: 24,
        duration: 2944,
        loss: -1.0,
        channels: 1,
        sample_rate: 8000,
        sample_bit: 16,
        ..Track::default()
    }
}

fn video() -> Track {
    Track {
        codec_id_name: "H264".to_owned(),
        ready: true,
        frames: 33,
        duration: 3000,
        loss: -1.0,
        width: 320,
        height: 240,
        fps: 10.0,
        key_frames: 3,
        gop_size: 20,
        gop_interval_ms: 2000,
        ..Track::default()
    }
}

#[tokio::test]
async fn the_server_calls_ask_what_the_recorded_ones_asked() {
    let version = replay_exactly("version.ok", async |zlm| zlm.version().await).await;
    let built = Version {
        branch_name: String::new(),
        build_time: "2026-11-22T05:58:30".to_owned(),
        commit_hash: "daaa74a".to_owned(),
    };
    assert_eq!(version, built);

    let config = replay_exactly("getServerConfig.ok", async |zlm| zlm.server_config().await).await;
    let recorded = &recording("api", "getServerConfig.ok")["response"]["body"]["data"][0];
    assert_eq!(json!(config), *recorded);

    let changes = BTreeMap::from([("hook.stream_changed_schemas".to_owned(), "rtmp".to_owned())]);
    let changed =
        replay_exactly("setServerConfig.hook-filter-on", async |zlm| zlm.set_server_config(&changes).await)
            .await;
    assert_eq!(changed, 1);
}

/// Every recorded answer to a call that we make, those that went wrong above all.
#[tokio::test]
async fn every_recorded_answer_has_a_stated_outcome() {
    let mut outcomes = Vec::new();
    outcomes.extend(outcomes_of("closeRtpServer.", async |zlm| zlm.close_rtp_server("x").await).await);
    outcomes.extend(outcomes_of("close_streams.", async |zlm| zlm.close_streams("x").await).await);
    let here: IpAddr = [127, 0, 0, 1].into();
    outcomes.extend(
        outcomes_of("connectRtpServer.", async |zlm| zlm.connect_rtp_server("x", here, 9).await).await,
    );
    outcomes.extend(outcomes_of("getMediaList.", async |zlm| zlm.media_list(None).await.map(brief)).await);
    outcomes.extend(outcomes_of("getRtpInfo.", async |zlm| zlm.rtp_info("x").await).await);
    outcomes.extend(outcomes_of("isRecording.", async |zlm| zlm.is_recording("x").await).await);
    outcomes.extend(outcomes_of("listRtpServer.", async |zlm| zlm.rtp_servers().await).await);
    outcomes.extend(outcomes_of("noSuchApi.", async |zlm| zlm.version().await).await);
    let udp = open("x", TcpMode::Udp, None);
    outcomes.extend(outcomes_of("openRtpServer.", async |zlm| zlm.open_rtp_server(&udp).await).await);
    outcomes.extend(
        outcomes_of("setServerConfig.", async |zlm| zlm.set_server_config(&BTreeMap::new()).await).await,
    );
    outcomes.extend(outcomes_of("startRecord.", async |zlm| zlm.start_record("x", None, None).await).await);
    outcomes.extend(outcomes_of("stopRecord.", async |zlm| zlm.stop_record("x").await).await);
    outcomes.extend(
        outcomes_of("updateRtpServerSSRC.", async |zlm| zlm.update_rtp_server_ssrc("x", 1).await).await,
    );
    outcomes.extend(outcomes_of("version.", async |zlm| zlm.version().await).await);
    insta::assert_snapshot!(outcomes.join("\n"));
}

async fn outcomes_of<T: Debug>(prefix: &str, call: impl AsyncFn(MediaServer) -> Result<T>) -> Vec<String> {
    let mut outcomes = Vec::new();
    for (name, recording) in recordings("api", prefix) {
        let (result, _) = replay(&recording, &call).await;
        outcomes.push(match result {
            Ok(value) => format!("{name}: {value:?}"),
            Err(error) => format!("{name}: error: {error}"),
        });
    }
    assert!(!outcomes.is_empty(), "no recording begins with {prefix}");
    outcomes
}

/// Enough of a medium to tell it by.
fn brief(media: Vec<Medium>) -> Vec<String> {
    let codecs = |medium: &Medium| {
        let names: Vec<_> = medium.tracks.iter().map(|track| track.codec_id_name.as_str()).collect();
        names.join("+")
    };
    media
        .iter()
        .map(|medium| format!("{} {}/{} {}", medium.schema, medium.app, medium.stream, codecs(medium)))
        .collect()
}

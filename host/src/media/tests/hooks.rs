//! Every recorded hook, and what we answer.

use serde::Serialize;
use serde_json::{Value, json};

use super::{recording, recordings};
use crate::media::{
    AccessReply, CloseReply, Hook, OnRecordMp4, OnStreamChanged, OnStreamNoneReader, PublishOptions, Reply,
    Session,
};

fn parse(recording: &Value) -> Hook {
    let name = recording["hook"].as_str().unwrap();
    Hook::parse(name, recording["request"]["body"].to_string().as_bytes()).unwrap()
}

#[test]
fn every_recorded_hook_is_read() {
    let read: Vec<String> = recordings("hooks", "")
        .iter()
        .map(|(name, recording)| format!("{name}: {:?}", parse(recording)))
        .collect();
    assert_eq!(read.len(), 71);
    insta::assert_snapshot!(read.join("\n"));
}

#[test]
fn a_viewer_is_read_whole() {
    let viewer = Session {
        vhost: "__defaultVhost__".to_owned(),
        app: "rtp".to_owned(),
        stream: "0BEBC201".to_owned(),
        schema: "hls".to_owned(),
        protocol: "hls".to_owned(),
        params: "token=abc".to_owned(),
        id: "83-25".to_owned(),
        ip: "127.0.0.1".to_owned(),
        port: 55074,
        origin_type: 0,
        origin_type_str: String::new(),
        media_server_id: "zlm-test-1".to_owned(),
        hook_index: 19,
    };
    assert_eq!(parse(&recording("hooks", "on_play.hls")), Hook::Play(viewer));
}

#[test]
fn a_file_is_read_whole() {
    let file = OnRecordMp4 {
        vhost: "__defaultVhost__".to_owned(),
        app: "rtp".to_owned(),
        stream: "0BEBC201".to_owned(),
        params: String::new(),
        file_name: "2026-11-22-06-09-21-0.mp4".to_owned(),
        file_path: "/zlm/www/record/rtp/0BEBC201/2026-11-22/2026-11-22-06-09-21-0.mp4".to_owned(),
        file_size: 119_807,
        folder: "/zlm/www/record/rtp/0BEBC201/".to_owned(),
        start_time: 1_795_327_761,
        time_len: 5.900_000_095_367_432,
        url: "record/rtp/0BEBC201/2026-11-22/2026-11-22-06-09-21-0.mp4".to_owned(),
        media_server_id: "zlm-test-1".to_owned(),
        hook_index: 51,
    };
    assert_eq!(parse(&recording("hooks", "on_record_mp4.slice")), Hook::RecordMp4(file));
}

#[test]
fn missing_unknown_and_null_fields_do_no_harm() {
    let body = br#"{"stream":"0BEBC201","regist":true,"schema":"rtmp","from the future":[1],
                    "tracks":[{"codec_type":0,"fps":null,"loss":null}]}"#;
    let Hook::StreamChanged(changed) = Hook::parse("on_stream_changed", body).unwrap() else { panic!() };
    let mut expected = OnStreamChanged { regist: true, ..OnStreamChanged::default() };
    expected.medium.stream = "0BEBC201".to_owned();
    expected.medium.schema = "rtmp".to_owned();
    expected.medium.tracks = vec![crate::media::Track::default()];
    assert_eq!(*changed, expected);

    let nothing = Hook::StreamNoneReader(OnStreamNoneReader::default());
    assert_eq!(Hook::parse("on_stream_none_reader", b"{}").unwrap(), nothing);
}

#[test]
fn what_is_no_json_object_is_an_error_for_every_hook() {
    for name in ["on_play", "on_server_started", "on_stream_changed", "on_something_else"] {
        for body in ["", "[1", "7", r#""text""#, "{", "null"] {
            assert!(Hook::parse(name, body.as_bytes()).is_err(), "{name} {body}");
        }
    }
    assert_eq!(Hook::parse("on_something_else", b"{}").unwrap(), Hook::Unknown);
}

#[test]
fn the_api_secret_is_not_kept() {
    let recorded = recording("hooks", "on_server_started.start");
    let Hook::ServerStarted(started) = parse(&recorded) else { panic!() };
    let mut expected = recorded["request"]["body"].clone();
    for field in ["api.secret", "mediaServerId", "hook_index"] {
        expected.as_object_mut().unwrap().remove(field).unwrap();
    }
    assert_eq!(json!(started.config), expected);
    assert_eq!(started.media_server_id, "zlm-test-1");
}

fn text(reply: impl Serialize) -> String {
    serde_json::to_string(&reply).unwrap()
}

#[test]
fn replies_are_what_the_media_server_takes() {
    assert_eq!(text(Reply::success()), r#"{"code":0,"msg":"success"}"#);
    assert_eq!(text(Reply::refused("sign is wrong")), r#"{"code":-1,"msg":"sign is wrong"}"#);
    assert_eq!(text(CloseReply::close(true)), r#"{"code":0,"close":true}"#);
    assert_eq!(text(AccessReply::allowed()), r#"{"code":0,"second":86400}"#);
    assert_eq!(text(PublishOptions::refused("not asked for")), r#"{"code":-1,"msg":"not asked for"}"#);
    let options =
        PublishOptions { enable_hls: Some(false), enable_mp4: Some(true), ..PublishOptions::accepted() };
    assert_eq!(text(options), r#"{"code":0,"msg":"success","enable_hls":false,"enable_mp4":true}"#);
}

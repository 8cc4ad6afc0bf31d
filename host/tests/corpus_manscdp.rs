//! Every captured body reaches its stated outcome, and no beginning of one makes a codec panic.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use sluice::gb28181::{
    manscdp::{self, Body, Document, Item},
    mansrtsp, ptz,
    sdp::{Media, Session},
    subject::Subject,
};

/// The outcomes stand in `snapshots/corpus_manscdp__manscdp.snap`: a line for each document of each file.
#[test]
fn every_manscdp_file_reaches_its_outcome() {
    insta::assert_snapshot!("manscdp", outcomes("manscdp", documents));
}

/// What was reported of devices and never captured, rebuilt from the reports: a file for each tolerance.
#[test]
fn every_reported_fault_reaches_its_outcome() {
    insta::assert_snapshot!("manscdp-field", outcomes("manscdp-field", documents));
}

/// The outcomes stand in `snapshots/corpus_manscdp__gb28181.snap`: a line for each message with a body.
#[test]
fn every_message_body_reaches_its_outcome() {
    let outcome = |message: &[u8]| match body(message) {
        b"" => vec![],
        body if is_sdp(body) => vec![session(&Session::parse(body).expect("a session"))],
        body if is_rtsp(body) => vec![format!("{:?}", mansrtsp::Message::parse(body).expect("MANSRTSP"))],
        body => vec![manscdp::parse(body).map_or_else(|error| error.to_string(), |body| document(&body))],
    };
    insta::assert_snapshot!("gb28181", outcomes("gb28181", outcome));
}

#[test]
fn no_prefix_of_any_body_panics() {
    for (_, message) in all_files() {
        let bytes = body_or_all(&message);
        for end in 0..=bytes.len() {
            read_as_everything(&bytes[..end]);
        }
    }
}

fn documents(bytes: &[u8]) -> Vec<String> {
    match manscdp::parse_all(bytes) {
        Ok(documents) => documents.iter().map(document).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn read_as_everything(bytes: &[u8]) {
    let first = manscdp::parse(bytes);
    let all = manscdp::parse_all(bytes);
    assert_eq!(first.as_ref().ok(), all.as_ref().ok().and_then(|all| all.first()));
    manscdp::cmd_type(bytes);
    let _ = Session::parse(bytes);
    let _ = mansrtsp::Message::parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = Subject::parse(&text);
    let _ = ptz::Frame::parse(&text);
}

/// Each file of a folder with what it says.
fn outcomes(folder: &str, outcome: impl Fn(&[u8]) -> Vec<String>) -> String {
    let mut lines = Vec::new();
    for (name, bytes) in files(folder) {
        let says = outcome(&bytes);
        assert!(!says.is_empty() || body(&bytes).is_empty(), "{name} has no outcome");
        lines.extend(says.into_iter().map(|says| format!("{name}\n    {says}")));
    }
    lines.join("\n")
}

fn all_files() -> Vec<(String, Vec<u8>)> {
    ["manscdp", "manscdp-field", "gb28181"].into_iter().flat_map(files).collect()
}

/// The files of a folder, without their index, by the number and maker in their name.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is part of the project");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "tsv"));
    paths.sort();
    let name = |path: &Path| path.file_stem().expect("a file").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).expect("a readable file"))).collect()
}

/// What follows the first blank line of a message.
fn body(message: &[u8]) -> &[u8] {
    let blank = message.windows(4).position(|window| window == b"\r\n\r\n");
    blank.map_or(&[], |at| &message[at + 4..])
}

fn body_or_all(bytes: &[u8]) -> Vec<u8> {
    let body = body(bytes);
    if body.is_empty() { bytes.to_vec() } else { body.to_vec() }
}

fn is_sdp(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"v=0")
}

fn is_rtsp(body: &[u8]) -> bool {
    body.split(|byte| *byte == b'\n')
        .next()
        .is_some_and(|line| line.windows(5).any(|window| window == b"RTSP/"))
}

/// A document in a line.
fn document(document: &Document) -> String {
    let sn = document.sn.map_or_else(|| "-".to_owned(), |sn| sn.to_string());
    let head = format!("{} {} {sn} {}: ", document.root.as_str(), document.cmd_type, document.device_id);
    head + &match &document.body {
        Body::Catalog(catalog) => {
            let items: Vec<_> = catalog.items.iter().map(item).collect();
            format!(
                "{:?} of {:?}, {} skipped: {}",
                catalog.num,
                catalog.sum_num,
                catalog.skipped,
                items.join(", ")
            )
        }
        Body::Other(fields) => {
            let head = ["CmdType", "SN", "DeviceID"];
            let own = fields.0.iter().filter(|(name, _)| !head.contains(&name.as_str()));
            own.map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ")
        }
        Body::Alarm(alarm) => {
            format!("{:?}", manscdp::Alarm { fields: manscdp::Fields::default(), ..alarm.clone() })
        }
        Body::Config(config) => format!("{:?} {:?}", config.result, config.basic),
        body => format!("{body:?}"),
    }
}

fn item(item: &Item) -> String {
    let mut line = item.device_id.to_string();
    for text in [&item.name, &item.manufacturer, &item.model, &item.civil_code].into_iter().flatten() {
        let _ = write!(line, " {text}");
    }
    if let Some(parent) = &item.parent_id {
        let _ = write!(line, " ^{parent}");
    }
    if let Some(address) = &item.address {
        let _ = write!(line, " @{address}");
    }
    if let Some(parental) = item.parental {
        let _ = write!(line, " parental {parental}");
    }
    if let Some(kind) = item.ptz_type {
        let _ = write!(line, " PTZ {kind}");
    }
    if let Some(status) = item.status {
        let _ = write!(line, " {}", status.as_str());
    }
    if let Some(event) = item.event {
        let _ = write!(line, " {event:?}");
    }
    line
}

/// A session in a line.
fn session(session: &Session) -> String {
    let mut line = format!("{} by {:?}", session.name, session.origin.as_ref().map(|origin| &origin.user));
    let _ = write!(line, " {:?}", session.time);
    for media in &session.media {
        let _ = write!(line, ", {}", self::media(session, media));
    }
    let _ = write!(
        line,
        ", ssrc {:?} size {:?} f={:?}",
        session.ssrc.map(|ssrc| ssrc.0),
        session.file_size,
        session.format
    );
    line
}

fn media(session: &Session, media: &Media) -> String {
    let Media { kind, port, tcp, payloads, setup, direction, .. } = media;
    let address = session.address(media).map(|address| address.to_string()).unwrap_or_default();
    format!("{kind:?} {address}:{port} tcp={tcp} {payloads:?} {setup:?} {direction:?}")
}

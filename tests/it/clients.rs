//! The two clients that people start from, `tests/clients/gosip.http` and the walk in README, as they stand.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sluice_tests::device::{Device, Recording};
use sluice_tests::media::{FakeZlm, StreamSeen, ZlmConfig};
use sluice_tests::site::{Process, Settings, wait_for};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::binary;

const HTTP: &str = include_str!("../clients/gosip.http");
const README: &str = include_str!("../../README.md");

/// The ids that a gateway issues first.
const USER: &str = "37070000081118000001";
const CHANNEL: &str = "37070000081318000001";

/// A gateway that has issued nothing yet, in a folder of its own.
async fn fresh(mode: &'static str) -> anyhow::Result<(FakeZlm, Process, TempDir)> {
    let query = Some("token=hook-token".to_owned());
    let zlm = FakeZlm::start(ZlmConfig { hook_query: query, ..Default::default() }).await?;
    zlm.configure("general.streamNoneReaderDelayMS", "2000000");
    let folder = tempfile::tempdir()?;
    let mut settings = Settings::new(&zlm)?;
    settings.mode = mode;
    let gateway = Process::start(&binary::gateway()?, &settings, folder.path()).await?;
    zlm.set_hook_base(&format!("http://{}/index/hook", gateway.http));
    Ok((zlm, gateway, folder))
}

/// Starts the recorder that was issued first, with an hour that it recorded itself, and waits until it is known.
async fn recorder(gateway: &Process) -> anyhow::Result<Device> {
    let issued = sluice_tests::site::Issued { device: USER.to_owned(), channels: vec![CHANNEL.to_owned()] };
    let mut config = gateway.recorder(&issued);
    config.speed = 20;
    config.recordings = vec![Recording {
        name: "录像".to_owned(),
        start: "2026-11-20T10:00:00".to_owned(),
        end: "2026-11-20T11:00:00".to_owned(),
        kind: "time".to_owned(),
        size: 1 << 20,
    }];
    let device = config.start().await?;
    ensure!(device.register().await?.status == 200, "it is not let in");
    gateway.wait_until_on(CHANNEL).await?;
    Ok(device)
}

/// A request of an `.http` file.
#[derive(Debug)]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// An `.http` file as the editors read it: variables, then requests between lines that begin with `###`.
fn parse(text: &str, host: &str) -> anyhow::Result<(BTreeMap<String, String>, Vec<Request>)> {
    let mut sections = text.split("\n###");
    let head = sections.next().unwrap_or_default();
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix('@')?.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let mut variables: BTreeMap<_, _> = head.lines().filter_map(variable).collect();
    variables.insert("host".to_owned(), host.to_owned());
    let requests = sections.map(|section| request(&filled(section, &variables))).collect::<Result<_, _>>()?;
    Ok((variables, requests))
}

fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    variables
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// What stands below a section's title: request line, headers, an empty line, body.
fn request(section: &str) -> anyhow::Result<Request> {
    let (_, rest) = section.split_once('\n').context("a title")?;
    ensure!(!rest.contains("{{"), "a variable is not set: {rest}");
    let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let mut lines = head.lines().filter(|line| !line.starts_with('#'));
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).context("a request line")?;
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: lines.map(header).collect::<Option<_>>().context("a header")?,
        body: body.trim().to_owned(),
    })
}

/// The path without host and query.
fn path(url: &str) -> &str {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    path.split('?').next().unwrap_or_default()
}

/// Whether `path` is one of the route's, whose `{id}` and `{name}` stand for anything.
fn serves(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) = (route[1..].split('/').collect(), path.split('/').collect());
    let fits = |(route, path): (&&str, &&str)| route.starts_with('{') || route == path;
    route.len() == path.len() && route.iter().zip(&path).all(fits)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_file_goes_through_every_route_as_it_stands() -> anyhow::Result<()> {
    let (zlm, gateway, _folder) = fresh("debug").await?;
    let (variables, requests) = parse(HTTP, &gateway.http.to_string())?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut device = None;
    let mut document = Value::Null;
    for request in &requests {
        let mut sent = client.request(request.method.parse()?, &request.url).body(request.body.clone());
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        let path = path(&request.url);
        // A person would not be quicker either.
        if path.ends_with("/record") {
            enough(&zlm, &variables["stream"], 1).await?;
        } else if path.starts_with("record/") {
            enough(&zlm, &variables["stream"], 100).await?;
        }
        let response = sent.send().await?;
        // A fresh gateway has neither a candidate nor anything that was in force before.
        let expected = if path.ends_with("/promote") || path.ends_with("/demote") { 400 } else { 200 };
        assert_eq!(response.status(), expected, "{path}");
        let text = response.text().await?;
        let answer: Value =
            if ["livez", "metrics"].contains(&path) { text.into() } else { serde_json::from_str(&text)? };
        match path.split('/').next().unwrap_or_default() {
            "livez" => assert_eq!(answer, "ok"),
            "metrics" => assert!(answer.as_str().is_some_and(|page| page.starts_with("# HELP ")), "{answer}"),
            "readyz" => assert_eq!(answer["ready"], true, "{answer}"),
            "openapi.json" => document = answer.clone(),
            "index" | "zlm" => assert_eq!(answer["code"], 0, "{path}: {answer}"),
            _ if expected == 400 => assert_eq!(answer["code"], "1002", "{path}: {answer}"),
            _ => assert_eq!(answer["code"], "0", "{path}: {answer}"),
        }
        // The file's variables are what a fresh gateway answers.
        match path.rsplit('/').next() {
            Some("users") => assert_eq!(answer["data"]["deviceid"], variables["user"].as_str()),
            Some("play") => assert_eq!(answer["data"]["ssrc"], variables["stream"].as_str()),
            Some("devices") => {
                assert_eq!(answer["data"]["deviceid"], variables["channel"].as_str());
                device = Some(recorder(&gateway).await?);
            }
            _ => {}
        }
    }
    let device = device.context("no channel was issued")?;
    wait_for(|| async { device.open_dialogs().is_empty() && zlm.streams().is_empty() }).await?;

    let routes = document["paths"].as_object().context("paths")?;
    for (route, methods) in routes {
        for method in methods.as_object().context("methods")?.keys() {
            let is_it =
                |one: &Request| one.method.eq_ignore_ascii_case(method) && serves(route, path(&one.url));
            assert!(requests.iter().any(is_it), "{method} {route} is not in gosip.http");
        }
    }
    Ok(())
}

/// Waits until the media server has so many packets of a stream that can be watched.
async fn enough(zlm: &FakeZlm, stream: &str, packets: u64) -> anyhow::Result<()> {
    let there = |seen: StreamSeen| seen.packets >= packets && !seen.schemas.is_empty();
    wait_for(|| async { zlm.stream(stream).is_some_and(there) }).await
}

/// The indented blocks of README's section on the API.
fn walk() -> Vec<String> {
    let (_, section) = README.split_once("\n## The API\n").expect("a section");
    let section = section.split("\n## ").next().expect("a first piece");
    let paragraphs = section.split("\n\n").filter(|paragraph| paragraph.starts_with("    "));
    let unindented = |line: &str| line.strip_prefix("    ").unwrap_or(line).to_owned();
    paragraphs.map(|block| block.lines().map(unindented).collect::<Vec<_>>().join("\n") + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_in_readme_runs_as_it_stands() -> anyhow::Result<()> {
    let (zlm, gateway, folder) = fresh("release").await?;
    let here = |block: &String| {
        let block = block.replace("127.0.0.1:8090", &gateway.http.to_string());
        block.replace("http://127.0.0.1:8080", &zlm.url())
    };
    let mut shell = Command::new("bash")
        .args(["-eu", "-o", "pipefail"])
        .current_dir(&folder)
        .env_remove("http_proxy")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = shell.stdin.take().context("its input is piped")?;
    let blocks = walk();
    // The first two issue the ids, which a person then enters at the device.
    let (issue, rest) = blocks.split_at(2);
    for block in issue {
        input.write_all(here(block).as_bytes()).await?;
    }
    let issued = || gateway.row("SELECT deviceid FROM channels WHERE deviceid = ?1", CHANNEL).is_ok();
    wait_for(|| async { issued() }).await.context("the walk issues no channel")?;
    let device = recorder(&gateway).await?;
    for block in rest {
        input.write_all(here(block).as_bytes()).await?;
    }
    drop(input);
    let ended = shell.wait_with_output().await?;
    let (out, err) = (String::from_utf8(ended.stdout)?, String::from_utf8(ended.stderr)?);
    assert!(ended.status.success() && err.is_empty(), "{out}{err}");

    let shown: Vec<String> = out.lines().filter(|line| !line.is_empty()).map(shape).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    0 deviceid="37070000081118000001" name="gate"
    0 deviceid="37070000081318000001" name=""
    0 deviceid="37070000081318000001" ssrc="29B92700"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-TARGETDURATION:3
    #EXT-X-MEDIA-SEQUENCE:0
    0 a recording's id
    0 a file's URL
    0 daynum=1 timenum=1
    0 deviceid="37070000081318000001" ssrc="6553F101"
    0 ""
    0 ""
    0 deviceid="37070000081118000001" module=null
    0 deviceid="37070000081118000001" module="dahua"
    0 deviceid="37070000081118000001" module=null
    0 deviceid="37070000081118000001" name="yard"
    0 ""
    0 ""
    {"code":0,"msg":"success"}
    {"code":0,"close":true}
    "#);
    assert_eq!((device.open_dialogs(), zlm.streams()), (vec![], vec![]));
    Ok(())
}

/// A line of the walk's output: a success's `data`, or its names where it has many; a hook's answer; other lines.
fn shape(line: &str) -> String {
    let Ok(answer) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let data = &answer["data"];
    let text = data.as_str().unwrap_or_default();
    match (&answer["code"], data) {
        (Value::String(code), Value::Object(fields)) => format!("{code} {}", names(fields)),
        (Value::String(code), _) if text.len() == 32 => format!("{code} a recording's id"),
        (Value::String(code), _) if text.ends_with(".mp4") => format!("{code} a file's URL"),
        (Value::String(code), _) => format!("{code} {data}"),
        _ => line.to_owned(),
    }
}

fn names(fields: &serde_json::Map<String, Value>) -> String {
    let short = ["deviceid", "ssrc", "name", "daynum", "timenum", "module"];
    let shown = short.iter().filter_map(|name| Some(format!("{name}={}", fields.get(*name)?)));
    shown.collect::<Vec<_>>().join(" ")
}

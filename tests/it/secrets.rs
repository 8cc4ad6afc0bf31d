//! What must never be seen: in the log at its most talkative, in errors, in `/metrics` and in `/readyz`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::json;
use sluice_tests::device::DeviceConfig;
use sluice_tests::media::{FakeZlm, Played, Protocol, ZlmConfig};
use sluice_tests::site::{Process, Settings, wait_for};

use crate::binary;
use crate::plugins::metrics;
use crate::receiver::{Mood, Receiver};

const API: &str = "5ecret-of-the-api";
const HOOKS: &str = "5ecret-of-hooks";
const MEDIA: &str = "5ecret-of-the-media-server";
const PLUGIN: &str = "5ecret-of-a-plugin";
const RECEIVER: &str = "5ecret-of-a-receiver";
const PASSWORD: &str = "5ecret-of-a-device";
const CHANGED: &str = "5ecret-of-a-device-changed";
const GUESSED: &str = "5ecret-guessed-wrongly";

/// All of them begin so; signs and digests are known by their own names.
const SECRET: &str = "5ecret";

/// A gateway that logs all it can, with secrets wherever secrets go.
struct Talkative {
    zlm: FakeZlm,
    process: Process,
    receiver: Receiver,
    _folder: tempfile::TempDir,
}

impl Talkative {
    async fn start() -> anyhow::Result<Self> {
        let zlm = FakeZlm::start(ZlmConfig {
            secret: MEDIA.to_owned(),
            hook_query: Some(format!("token={HOOKS}")),
            ..Default::default()
        });
        let zlm = zlm.await.context("the media server does not start")?;
        let (receiver, folder) = (Receiver::start(Mood::Answers(500, "no")).await?, tempfile::tempdir()?);
        let mut settings = Settings::new(&zlm)?;
        API.clone_into(&mut settings.secret);
        HOOKS.clone_into(&mut settings.hook_token);
        settings.notify =
            format!("http://me:{RECEIVER}@{}/{RECEIVER}?access_token={RECEIVER}", receiver.address);
        settings.extra = format!("[plugins.keys]\ngosip-notify = \"{PLUGIN}\"\n");
        settings.log = "trace";
        let process = Process::start(&binary::gateway()?, &settings, folder.path()).await?;
        zlm.set_hook_base(&format!("http://{}/index/hook", process.http));
        Ok(Self { zlm, process, receiver, _folder: folder })
    }

    /// Everything that carries a secret, done rightly and wrongly; each sign that was sent, and all that was answered.
    async fn live(&self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let Self { zlm, process, .. } = self;
        let api = &process.api;
        let issued = {
            let user = api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
            user["deviceid"].as_str().context("an id")?.to_owned()
        };
        let update = format!("/users/{issued}/update");
        let channel = api.get(&format!("/users/{issued}/devices"), &[]).await?.ok()?;
        let channel = channel["deviceid"].as_str().context("an id")?.to_owned();
        let recorder =
            |password: &str| DeviceConfig::recorder(&issued, password, process.sip, vec![channel.clone()]);
        let stranger = recorder(GUESSED).start().await?;
        assert_eq!(stranger.register().await?.status, 403);
        let mut config = recorder(PASSWORD);
        config.speed = 20;
        let device = config.start().await?;
        assert_eq!(device.register().await?.status, 200);
        process.wait_until_on(&channel).await?;
        let path = format!("/devices/{channel}/play");
        let stream = api.get(&path, &[]).await?.ok()?["ssrc"].as_str().context("a stream")?.to_owned();
        let player = api.player_query(&stream, &[]);
        let watched = zlm.play(&stream, Protocol::Rtmp, &player).await;
        assert!(matches!(watched, Played::Ok { .. }), "{watched:?}");
        let refused = zlm.play(&stream, Protocol::Rtmp, &format!("sign={GUESSED}")).await;
        assert!(matches!(refused, Played::Refused { .. }), "{refused:?}");
        api.get(&update, &[("pwd", CHANGED)]).await?.ok()?;

        let mut answers = self.go_wrong(&issued).await?;
        answers.push(metrics(process).await?);
        let signs = [
            api.sign("/users", &[("pwd", PASSWORD)]),
            api.sign(&update, &[("pwd", CHANGED)]),
            api.sign(&path, &[]),
            player.trim_start_matches("sign=").to_owned(),
        ];
        Ok((signs.into(), answers))
    }

    /// Calls and hooks that fail, each with a secret in it; what is answered.
    async fn go_wrong(&self, issued: &str) -> anyhow::Result<Vec<String>> {
        let Self { zlm, process, .. } = self;
        let base = process.api.base();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut answers = Vec::new();
        for path in [
            format!("/users?pwd={GUESSED}"),
            format!("/users?pwd={GUESSED}&sign={GUESSED}"),
            format!("/users?pwd={GUESSED}&pwd={GUESSED}"),
            format!("/users?pwd={GUESSED}%"),
            format!("/nowhere?token={GUESSED}"),
            format!("/users/{issued}/update?pwd={GUESSED}&sign=1"),
        ] {
            answers.push(client.get(format!("{base}{path}")).send().await?.text().await?);
        }
        for (query, body) in [
            (format!("token={GUESSED}"), "{}".to_owned()),
            (format!("token={HOOKS}"), format!("{{\"params\":\"sign={GUESSED}\"")),
            (
                format!("token={HOOKS}"),
                json!({ "params": format!("sign={GUESSED}"), "port": GUESSED }).to_string(),
            ),
        ] {
            let hook = client.post(format!("{base}/index/hook/on_play?{query}")).body(body);
            answers.push(hook.send().await?.text().await?);
        }
        let database = rusqlite::Connection::open(&process.database)?;
        database.execute_batch("BEGIN IMMEDIATE")?;
        answers.push(process.api.get("/users", &[("pwd", GUESSED)]).await?.envelope.to_string());
        database.execute_batch("ROLLBACK")?;
        zlm.kill().await;
        answers.push(client.get(format!("{base}/readyz")).send().await?.text().await?);
        Ok(answers)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_told_or_measured() -> anyhow::Result<()> {
    let mut talkative = Talkative::start().await?;
    let (signs, answers) = talkative.live().await?;
    // The receiver refuses, which is logged; then it takes what waited.
    talkative.receiver.set(Mood::Takes);
    talkative.receiver.taken("users.regiester", 1).await?;
    talkative.process.terminate().await?;
    let file = talkative.process.log.clone();
    let log = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_for(|| async { log().contains("stopping") }).await?;
    let log = log();
    for said in ["TRACE", "DEBUG", "notification not taken", "API call answered", "hooks were refused"] {
        assert!(log.contains(said), "{said} is not in the log, so it shows nothing");
    }
    let mut found = BTreeMap::new();
    let secrets = [SECRET, "sign=", "pwd=", "response=\""].into_iter();
    for secret in secrets.chain(signs.iter().map(String::as_str)) {
        for text in log.lines().chain(answers.iter().map(String::as_str)) {
            if text.contains(secret) {
                found.entry(secret).or_insert_with(Vec::new).push(text);
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// What a crash would write.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_writes_no_memory_to_disk() -> anyhow::Result<()> {
    let (_house, process) = crate::house::House::start(|_| {}).await?;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id().context("it runs")?))?;
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).context("a limit")?;
    assert_eq!(line.split_whitespace().nth(4), Some("1"), "{line}");
    Ok(())
}

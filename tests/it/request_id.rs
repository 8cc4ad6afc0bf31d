//! One name for a request: in the answer, in the log, and in what the gateway does for it elsewhere.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;
use sluice_tests::site::{PASSWORD, Process, Site, wait_for};

use crate::house::{House, online};

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()
}

/// The answer's header, and its envelope.
async fn call(url: &str, named: Option<&str>) -> anyhow::Result<(String, Value)> {
    let mut request = client()?.get(url);
    if let Some(name) = named {
        request = request.header("x-request-id", name);
    }
    let response = request.send().await?;
    let id = response.headers().get("x-request-id").context("no X-Request-Id")?.to_str()?.to_owned();
    let body = response.text().await?;
    Ok((id, serde_json::from_str(&body).unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_caller_s_name_for_it_or_ours() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let base = site.api.base();
    for path in ["/users", "/nowhere", "/livez", "/readyz", "/metrics", "/openapi.json", "/users?%"] {
        let url = format!("{base}{path}");
        assert_eq!(call(&url, Some("trace-7:a_b.c")).await?.0, "trace-7:a_b.c", "{path}");
        let (id, _) = call(&url, None).await?;
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{path}: {id}");
        for odd in ["a b", "x=1", &"x".repeat(65)] {
            assert_eq!(call(&url, Some(odd)).await?.0.len(), 16, "{path}: {odd}");
        }
    }
    let hook = client()?.post(format!("{base}/index/hook/on_play")).header("x-request-id", "hook-1");
    assert_eq!(hook.send().await?.headers()["x-request-id"], "hook-1");
    // gosip's clients look at the envelope, whose id is ours whatever the caller sends.
    let (id, envelope) = call(&format!("{base}/users"), None).await?;
    assert_eq!(envelope["id"], id.as_str());
    let (id, envelope) = call(&format!("{base}/users"), Some("mine")).await?;
    assert!(id == "mine" && envelope["id"].as_str().is_some_and(|id| id.len() == 16), "{envelope}");
    Ok(())
}

/// The lines of the log with this text, once there is one.
async fn lines(process: &Process, text: &str) -> anyhow::Result<Vec<String>> {
    let log = || std::fs::read_to_string(&process.log).unwrap_or_default();
    wait_for(|| async { log().contains(text) }).await.with_context(|| format!("{text} in:\n{}", log()))?;
    Ok(log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect())
}

/// Opening a stream runs in a task of its own, and its end in another.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_s_work_for_a_request_is_logged_under_its_name() -> anyhow::Result<()> {
    let (_house, process) = House::start(|settings| settings.log = "debug").await?;
    let (_device, channel) = online(&process, |config| config.speed = 20).await?;
    let base = process.api.base();
    let signed = |path: &str| format!("{base}{path}?sign={}", process.api.sign(path, &[]));
    let (_, played) = call(&signed(&format!("/devices/{channel}/play")), Some("play-7")).await?;
    let stream = played["data"]["ssrc"].as_str().context("a stream")?;
    let (_, _) = call(&signed(&format!("/play/{stream}/stop")), Some("stop-8")).await?;
    for (name, what) in
        [("play-7", "API call answered"), ("stop-8", "closing stream"), ("stop-8", "API call answered")]
    {
        let under = lines(&process, &format!("request.id=\"{name}\"")).await?;
        assert!(
            under.iter().any(|line| line.contains(what)),
            "{what} is not logged under {name}: {under:#?}"
        );
    }
    // The envelope's id finds the same lines.
    let id = played["id"].as_str().context("an id")?;
    assert!(lines(&process, id).await?.iter().all(|line| line.contains("play-7")));
    Ok(())
}

/// What the caller is not told stands in the log, under the id that the caller has.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_is_not_told_is_found_by_its_id() -> anyhow::Result<()> {
    let (_house, process) = House::start(|settings| settings.log = "warn,sluice::run=info").await?;
    let database = rusqlite::Connection::open(&process.database)?;
    database.execute_batch("BEGIN IMMEDIATE")?;
    let failed = process.api.get("/users", &[("pwd", PASSWORD)]).await?;
    database.execute_batch("ROLLBACK")?;
    let id = failed.envelope["id"].as_str().context("an id")?.to_owned();
    assert_eq!(failed.refusal(), (500, "1001".to_owned(), "数据库错误 (storage failed)".to_owned()));
    let found = lines(&process, &id).await?;
    assert!(found.iter().any(|line| line.contains("database is locked")), "{found:#?}");
    Ok(())
}

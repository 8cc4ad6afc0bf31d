//! What a caller may take of the gateway's HTTP side, and that others are served meanwhile.

use std::time::Duration;

use serde_json::json;
use sluice_tests::site::{PASSWORD, Site};
use tokio::time::timeout;

use crate::raw_http::{Raw, refused};

/// The shortest time that can be configured.
const SECOND: Duration = Duration::from_secs(1);

/// How long nothing may happen before it counts as nothing.
const MOMENT: Duration = Duration::from_secs(2);

async fn site(http_lines: &str) -> anyhow::Result<Site> {
    Site::start_with(|settings| http_lines.clone_into(&mut settings.http_lines)).await
}

/// Slowloris: heads that never end hold connections for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_is_cut_off_and_others_are_served() -> anyhow::Result<()> {
    let site = site("head_timeout_secs = 1\n").await?;
    for (count, begun) in [(1, "GET /livez HTTP/1.1\r\nX-Long: "), (2, "GET /"), (3, "\r\n")] {
        let mut slow = Raw::connect(&site).await?;
        slow.send(begun.as_bytes()).await?;
        let (held, served) = tokio::join!(slow.trickle(SECOND), site.issue(0));
        served?;
        let held = held?;
        assert!((SECOND / 2..10 * SECOND).contains(&held), "{begun:?} was held {held:?}");
        refused(&site, "slow", count).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_not_counted_as_refused() -> anyhow::Result<()> {
    let site = site("head_timeout_secs = 2\n").await?;
    let mut fresh = Raw::connect(&site).await?;
    assert_eq!(fresh.rest().await?, "");
    let mut used = Raw::connect(&site).await?;
    for _ in 0..2 {
        used.ask("/livez").await?;
        assert!(used.until("\r\n\r\nok").await?.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(used.rest().await?, "");
    refused(&site, "slow", 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() -> anyhow::Result<()> {
    let site = site("head_max_kb = 16\n").await?;
    let long = "x".repeat(20_000);
    let many = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    for (count, head) in [
        (1, format!("GET /livez HTTP/1.1\r\nX-Long: {long}\r\n\r\n")),
        (2, format!("GET /livez?{long} HTTP/1.1\r\n\r\n")),
        (3, format!("GET /livez HTTP/1.1\r\n{many}\r\n")),
        (4, "REGISTER sip:37070000082008000001 SIP/2.0\r\n\r\n".to_owned()),
    ] {
        let mut caller = Raw::connect(&site).await?;
        caller.send(head.as_bytes()).await?;
        let answer = caller.rest().await?;
        let status = if count == 4 { "HTTP/1.1 400 " } else { "HTTP/1.1 431 " };
        assert!(answer.is_empty() || answer.starts_with(status), "{count}: {answer}");
        assert!(answer.is_empty() || answer.ends_with("\r\n\r\n"), "it says no more: {answer}");
        refused(&site, "head", count).await?;
    }
    site.issue(0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_s_body_is_neither_too_large_nor_too_slow() -> anyhow::Result<()> {
    let site = site("body_max_kb = 8\nbody_timeout_secs = 1\n").await?;
    let head = "POST /index/hook/on_play?token=hook-token HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n";
    let large = format!("{head}Content-Length: 9000\r\n\r\n{}", " ".repeat(9000));
    let chunks = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
    for (count, request) in [
        (1, large),
        (2, format!("{head}Content-Length: 1000000000\r\n\r\n{{")),
        (3, format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunks.repeat(9))),
        (4, format!("{head}Content-Length: 10\r\n\r\n{{")),
        (5, format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n")),
    ] {
        let mut caller = Raw::connect(&site).await?;
        caller.send(request.as_bytes()).await?;
        let answer = caller.until(")\"}").await?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let refusal = json!({ "code": -1, "msg": "请求体错误 (bad body: too long, too slow, or cut off)" });
        assert_eq!(serde_json::from_str::<serde_json::Value>(body)?, refusal, "{count}");
        refused(&site, "body", count).await?;
    }
    assert_eq!(site.api.hook("on_server_keepalive", &json!({})).await?["code"], 0);
    Ok(())
}

/// Calls of the API have no body: one that is announced is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_s_body_is_not_waited_for() -> anyhow::Result<()> {
    let site = site("").await?;
    let sign = site.api.sign("/users", &[("pwd", PASSWORD)]);
    let mut caller = Raw::connect(&site).await?;
    let head = format!(
        "GET /users?pwd={PASSWORD}&sign={sign} HTTP/1.1\r\nHost: s\r\nContent-Length: 1000000000\r\n\r\n{{"
    );
    caller.send(head.as_bytes()).await?;
    let answer = caller.rest().await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"code\":\"0\""), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_has_so_many_connections_and_others_have_theirs() -> anyhow::Result<()> {
    let site = site("connections_per_source_max = 3\n").await?;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = Raw::connect(&site).await?;
        connection.ask("/livez").await?;
        connection.until("ok").await?;
        held.push(connection);
    }
    for count in 1..=5 {
        assert_eq!(Raw::connect(&site).await?.rest().await?, "");
        refused(&site, "connections", count).await?;
    }
    let mut another = Raw::connect_from([127, 0, 0, 3].into(), &site).await?;
    another.ask("/livez").await?;
    another.until("ok").await?;
    // A seat that is given back can be taken again. When the gateway notices is its own affair.
    drop(held.pop());
    let taken = async {
        loop {
            let mut again = Raw::connect(&site).await?;
            if again.ask("/livez").await.is_ok() && again.until("ok").await.is_ok() {
                return anyhow::Ok(());
            }
        }
    };
    timeout(10 * SECOND, taken).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_limit_of_all_a_connection_waits_for_its_turn() -> anyhow::Result<()> {
    // Some are the API client's and the media server's.
    let site = site("connections_max = 6\n").await?;
    let mut held: Vec<Raw> = Vec::new();
    let mut waiting = loop {
        let mut connection = Raw::connect(&site).await?;
        connection.ask("/livez").await?;
        match timeout(MOMENT, connection.until("ok")).await {
            Ok(answered) => {
                answered?;
                held.push(connection);
            }
            Err(_) => break connection,
        }
        assert!(held.len() <= 6, "there is no limit");
    };
    assert!(!held.is_empty(), "nobody is served");
    drop(held.pop());
    waiting.until("ok").await?;
    Ok(())
}

/// Answers that nobody takes fill the kernel's buffers, and then hold a connection and memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_takes_nothing_of_its_answer_is_cut_off() -> anyhow::Result<()> {
    let site = site("write_timeout_secs = 1\n").await?;
    let mut caller = Raw::connect(&site).await?;
    let asked = b"GET /openapi.json HTTP/1.1\r\nHost: s\r\n\r\n".repeat(1_000);
    // The gateway stops reading while it cannot write.
    let _ = timeout(SECOND, caller.send(&asked)).await;
    refused(&site, "stalled", 1).await?;
    site.issue(0).await?;
    Ok(())
}

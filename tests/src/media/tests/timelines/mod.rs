//! Every timeline that is modelled, against the recorded one: the same hooks for the same stream in the same
//! order by `hook_index`.
//!
//! Forms that register or unregister together come in no fixed order, so neighbours of one kind are sorted. The
//! report of a publisher and an unregistration of the same instant are such neighbours too.

mod policy;
mod server;
mod single;

use serde_json::Value;

use super::{PATIENCE, call, fixture};
use crate::media::{FakeZlm, HookSent};

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

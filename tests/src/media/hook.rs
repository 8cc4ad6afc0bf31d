//! Hooks: a POST each, on a connection of its own, retried as ZLMediaKit does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::body::VHOST;
use super::core::Core;

const USER_AGENT: &str =
    "ZLMediaKit(git hash:daaa74a/2026-07-22T20:43:21-07:00,branch:,build time:2026-11-22T05:58:30)";

/// A hook that was sent, once its fate is known.
#[derive(Debug, Clone, PartialEq)]
pub struct HookSent {
    /// The server's own order; it restarts at 0 with the process.
    pub index: u64,
    /// `on_publish` and so on.
    pub name: String,
    /// What was posted.
    pub body: Value,
    /// The HTTP status; `None`: no answer.
    pub status: Option<u16>,
    /// The JSON that was answered; `None`: none.
    pub answer: Option<Value>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Code 0, with the whole answer.
    Accepted(Value),
    /// Another code, or no usable answer after all retries: the code and text that a viewer gets to see.
    Refused(i64, String),
}

impl Verdict {
    /// Whether the backend wants the stream closed.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Self::Accepted(answer) if answer["close"] == true)
    }
}

/// Sends a hook that nobody waits for. Its index is taken now.
pub(super) fn fire(core: &Arc<Core>, name: &'static str, body: Value) {
    let first = core.next_hook(name);
    let task = Arc::clone(core);
    core.spawn(async move {
        if let Some((index, url)) = first {
            deliver(&task, name, body, index, &url).await;
        }
    });
}

/// Sends a hook and waits for what the backend says. Without a URL it counts as accepted.
pub(super) async fn ask(core: &Arc<Core>, name: &'static str, body: Value) -> Verdict {
    match core.next_hook(name) {
        Some((index, url)) => deliver(core, name, body, index, &url).await,
        None => Verdict::Accepted(json!({"code": 0})),
    }
}

async fn deliver(core: &Core, name: &str, mut body: Value, first: u64, url: &str) -> Verdict {
    let (retries, delay) =
        core.with(|state| (state.settings.hook_retries(), state.settings.hook_retry_delay()));
    let mut index = first;
    for attempt in 0..=retries {
        if attempt > 0 {
            tokio::time::sleep(delay).await;
            index = core.take_hook_index();
        }
        body["hook_index"] = index.into();
        body["mediaServerId"] = core.config.server_id.as_str().into();
        let (status, answer) = post(core, url, &body).await;
        let entry =
            HookSent { index, name: name.to_owned(), body: body.clone(), status, answer: answer.clone() };
        core.hooks.push(entry);
        if let (Some(200), Some(answer)) = (status, answer)
            && let Some(code) = answer["code"].as_i64()
        {
            if code == 0 {
                return Verdict::Accepted(answer);
            }
            return Verdict::Refused(code, answer["msg"].as_str().unwrap_or_default().to_owned());
        }
    }
    Verdict::Refused(-1, "hook failed".to_owned())
}

async fn post(core: &Core, url: &str, body: &Value) -> (Option<u16>, Option<Value>) {
    let timeout = core.with(|state| state.settings.hook_timeout());
    let mut request = core.client.post(url).timeout(timeout).header("User-Agent", USER_AGENT).json(body);
    if body.get("vhost").is_some() {
        request = request.header("X-VHOST", VHOST);
    }
    let Ok(response) = request.send().await else { return (None, None) };
    let status = response.status().as_u16();
    (Some(status), response.json().await.ok())
}

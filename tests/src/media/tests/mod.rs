//! The simulated server against its own RTP sender and a small hook receiver.

mod api;
mod backend;
mod bodies;
mod lifecycle;
mod players;
mod sender;
mod timelines;

use std::time::Duration;

use serde_json::Value;

use self::backend::Backend;
use super::{FakeZlm, ZlmConfig};

/// A server that posts to a backend, both new.
async fn pair() -> (FakeZlm, Backend) {
    pair_at(20).await
}

async fn pair_at(speed: u32) -> (FakeZlm, Backend) {
    let backend = Backend::start().await;
    let config = ZlmConfig { hook_base: Some(backend.url.clone()), speed, ..ZlmConfig::default() };
    (FakeZlm::start(config).await.unwrap(), backend)
}

/// Calls the API with its secret.
async fn call(zlm: &FakeZlm, path: &str) -> Value {
    let joint = if path.contains('?') { '&' } else { '?' };
    let url = format!("{}/index/api/{path}{joint}secret={}", zlm.url(), zlm.secret());
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// A recorded file under `tests/data/zlm`.
fn fixture(path: &str) -> Value {
    let path = format!("{}/data/zlm/{path}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Long enough for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

//! Events and a key for the robots' tests.

use serde_json::Value;
use sluice_sdk::{
    Key,
    notify::{Event, HttpRequest},
};

/// What is said of [`offline`].
pub const OFFLINE: &str = "[sluice] 设备 device 离线 offline: 37070000081118000001";

/// A device went silent.
pub fn offline() -> Event {
    event(r#"{"deviceid":"37070000081118000001","status":"OFF","time":1618043462}"#)
}

/// A keepalive.
pub fn online() -> Event {
    event(r#"{"deviceid":"37070000081118000001","status":"ON","time":1618043462}"#)
}

/// A key under which every code is `dead`, `3q0=` in Base64.
pub fn key() -> Key<'static> {
    Key::stand_in(&|_, _| Ok("dead".to_owned()))
}

/// The bodies of requests, read as JSON.
///
/// # Panics
///
/// A body is no JSON.
pub fn bodies(requests: &[HttpRequest]) -> Vec<Value> {
    requests.iter().map(|request| serde_json::from_slice(&request.body).expect("a JSON body")).collect()
}

fn event(data: &str) -> Event {
    Event { data: data.into(), ..sluice_sdk::samples::event() }
}

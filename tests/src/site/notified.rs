//! Somebody who is notified: takes every notification and keeps it.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::ANY;
use crate::journal::{Journal, NotSeen};

/// A receiver of notifications. Dropping it closes its port.
#[derive(Debug)]
pub struct Notified {
    /// For [`Settings::notify`](super::Settings::notify).
    pub url: String,
    journal: Arc<Journal<Value>>,
    server: JoinHandle<()>,
}

impl Notified {
    /// Starts a receiver on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let journal = Arc::new(Journal::default());
        let listener = TcpListener::bind(ANY).await?;
        let url = format!("http://{}/notify", listener.local_addr()?);
        let routes = Router::new().route("/notify", post(take)).with_state(Arc::clone(&journal));
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { url, journal, server })
    }

    /// The first notification, past or to come, with that method and these values in `data`.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn wait(&self, method: &str, data: &[(&str, &str)]) -> Result<Value, NotSeen> {
        self.journal.wait(|told| is(told, method, data)).await
    }

    /// Everything that came so far, in order.
    pub fn all(&self) -> Vec<Value> {
        self.journal.all()
    }

    /// What came of `device` so far by `users.regiester` and `users.active`: the method, and the status that
    /// the latter tells.
    pub fn of_user(&self, device: &str) -> Vec<String> {
        let told = self.all();
        let own = told.iter().filter(|told| told["data"]["deviceid"] == device);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        own.filter(|told| text(&told["method"]).starts_with("users."))
            .map(|told| format!("{} {}", text(&told["method"]), text(&told["data"]["status"])))
            .map(|told| told.trim_end().to_owned())
            .collect()
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn is(told: &Value, method: &str, data: &[(&str, &str)]) -> bool {
    told["method"] == method && data.iter().all(|(key, value)| told["data"][key] == *value)
}

async fn take(State(journal): State<Arc<Journal<Value>>>, Json(told): Json<Value>) -> &'static str {
    journal.push(told);
    "ok"
}

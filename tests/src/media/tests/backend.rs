//! A backend for hooks that answers what it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::journal::Journal;

pub(super) struct Backend {
    pub(super) url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    answers: Mutex<HashMap<String, Reply>>,
    came: Journal<(String, Value)>,
}

/// What is answered to a hook.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    After(Duration, Value),
    Json(Value),
    Never,
    Status(u16),
}

impl Backend {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/index/hook", listener.local_addr().unwrap());
        let inner = Arc::new(Inner::default());
        let routes = Router::new().route("/index/hook/{name}", post(answer)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, inner }
    }

    pub(super) fn reply(&self, hook: &str, reply: Reply) {
        self.inner.answers.lock().unwrap().insert(hook.to_owned(), reply);
    }

    /// Waits for a hook as it arrives, before it is answered.
    pub(super) async fn wait(&self, hook: &str) -> Value {
        self.inner.came.wait(|(name, _)| name == hook).await.unwrap().1
    }
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let reply = inner.answers.lock().unwrap().get(&name).cloned();
    inner.came.push((name, body));
    match reply.unwrap_or_else(|| Reply::Json(json!({"code": 0, "msg": "success"}))) {
        Reply::After(delay, answer) => {
            tokio::time::sleep(delay).await;
            Json(answer).into_response()
        }
        Reply::Json(answer) => Json(answer).into_response(),
        Reply::Never => std::future::pending().await,
        Reply::Status(status) => (StatusCode::from_u16(status).unwrap(), Json(json!({}))).into_response(),
    }
}

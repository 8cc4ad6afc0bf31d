//! A receiver of notifications that does what it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sluice_tests::journal::{Journal, NotSeen, PATIENCE};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// With this status and text.
    Answers(u16, &'static str),
    /// Never.
    Hangs,
    /// `ok`.
    Takes,
}

/// A notification that came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    /// How it was answered.
    pub(crate) mood: Mood,
    /// Method, path and Content-Type of the request.
    pub(crate) head: [String; 3],
    pub(crate) headers: HeaderMap,
    /// Null where it is no JSON.
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
}

/// A running receiver. Dropping it closes its port and its connections.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    mood: Mutex<Mood>,
    deliveries: Journal<Delivery>,
}

impl Receiver {
    /// Starts on any port.
    pub(crate) async fn start(mood: Mood) -> std::io::Result<Self> {
        Self::start_at(([127, 0, 0, 1], 0).into(), mood).await
    }

    /// Starts on this port.
    pub(crate) async fn start_at(address: SocketAddr, mood: Mood) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { mood: Mutex::new(mood), deliveries: Journal::default() });
        let router = axum::Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// What is configured to reach it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/notify", self.address)
    }

    /// Answers so from now on.
    pub(crate) fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Everything that came, whatever became of it.
    pub(crate) fn journal(&self) -> &Journal<Delivery> {
        &self.shared.deliveries
    }

    /// The bodies of a method that were taken, in order, once there are `count`.
    pub(crate) async fn taken(&self, method: &str, count: usize) -> Result<Vec<Value>, NotSeen> {
        loop {
            let all = self.journal().all();
            let mark = all.len();
            let taken = all.into_iter().filter(|delivery| delivery.mood == Mood::Takes);
            let bodies = taken.map(|delivery| delivery.body).filter(|body| body["method"] == method);
            let bodies: Vec<Value> = bodies.collect();
            if bodies.len() >= count {
                return Ok(bodies);
            }
            self.journal().wait_after(mark, PATIENCE, |_| true).await?;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mood = *shared.mood.lock().unwrap_or_else(PoisonError::into_inner);
    let headers = request.headers().clone();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let head = [request.method().to_string(), request.uri().to_string(), kind.to_owned()];
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    shared.deliveries.push(Delivery { mood, head, headers, body, text });
    let (status, text) = match mood {
        Mood::Answers(status, text) => (status, text),
        Mood::Hangs => std::future::pending().await,
        Mood::Takes => (200, "ok"),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Every notification comes by a connection of its own, so that a receiver that is dropped is down.
    (status, [("connection", "close")], text).into_response()
}

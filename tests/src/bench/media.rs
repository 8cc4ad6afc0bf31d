//! A media server that says yes to everything, as long as it is in the mood.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};
use tokio::time::sleep;

/// Longer than the gateway waits for an answer.
const TOO_LONG: Duration = Duration::from_secs(12);

/// What it does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Its port refuses.
    Down,
    /// It says yes.
    Ready,
    /// What it says is no JSON.
    Rubbish,
    /// It answers when nobody waits any more.
    Slow,
}

/// The server.
pub(crate) struct Media {
    pub(crate) address: SocketAddr,
    mood: Arc<AtomicU8>,
    /// Ends what runs; none while it is down.
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Media {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mood = Arc::new(AtomicU8::new(Mood::Ready as u8));
        let stop = serve(listener, Arc::clone(&mood));
        Ok(Self { address, mood, stop: Mutex::new(Some(stop)) })
    }

    pub(crate) async fn set(&self, mood: Mood) -> anyhow::Result<()> {
        self.mood.store(mood as u8, Relaxed);
        let mut stop = self.stop.lock().await;
        if mood == Mood::Down {
            drop(stop.take());
        } else if stop.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            *stop = Some(serve(listener, Arc::clone(&self.mood)));
        }
        Ok(())
    }
}

/// Serves until what is returned is dropped.
fn serve(listener: TcpListener, mood: Arc<AtomicU8>) -> oneshot::Sender<()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let routes = Router::new().fallback(any(move || answer(Arc::clone(&mood))));
    let ended = async {
        let _ = stopped.await; // It is dropped, never used.
    };
    tokio::spawn(async move { axum::serve(listener, routes).with_graceful_shutdown(ended).await });
    stop
}

async fn answer(mood: Arc<AtomicU8>) -> Response {
    let now = mood.load(Relaxed);
    if now == Mood::Rubbish as u8 {
        return "<html>502 Bad Gateway".into_response();
    }
    if now == Mood::Slow as u8 {
        sleep(TOO_LONG).await;
    }
    axum::Json(json!({ "code": 0, "count_hit": 0, "count_closed": 0, "data": [] })).into_response()
}

//! Connections: accepted, bounded, and ended in order.

use std::{net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time,
};
use tower::ServiceExt;

use super::{
    errand::Errands,
    request::Peer,
    routes::{self, Face},
};
use crate::gateway::Gateway;

/// How many connections are held at once; the rest wait in the kernel's backlog.
const CONNECTIONS: usize = 4096;
/// How long a caller may take to send a request's head, or to stay idle before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How large a request's head may grow, in bytes.
const HEAD_SIZE: usize = 64 * 1024;
/// How long calls that are under way may go on after `shutdown`.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept: usually there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the API and the hooks until `shutdown`; then lets the calls under way end.
pub async fn serve(listener: TcpListener, gateway: Gateway, shutdown: impl Future<Output = ()>) {
    let errands = Errands::default();
    let router = routes::router(Face { gateway, errands: errands.clone() });
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => note(ended),
            (stream, peer) = accept(&listener), if connections.len() < CONNECTIONS => {
                connections.spawn(converse(stream, peer, router.clone(), stopping.clone()));
            }
        }
    }
    drop((listener, stop));
    let ended = time::timeout(GRACE, async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
        errands.finish().await;
    });
    if ended.await.is_err() {
        tracing::warn!("calls were still under way when the gateway stopped");
    }
}

/// The next connection. A failed accept is not the end: the caller is gone, or we are out of something.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, mut stopping: watch::Receiver<()>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "connection lost");
        return;
    }
    let service = router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_SIZE);
    let mut conversation =
        pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        _ = stopping.changed() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection lost");
    }
}

/// A connection's task has ended; if by a panic, the handler's caller got no answer.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a handler panicked");
    }
}

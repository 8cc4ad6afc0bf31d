//! Connections: accepted, bounded, and ended in order.

use std::{
    error::Error as _, io, net::SocketAddr, pin::pin, sync::atomic::Ordering::Relaxed, time::Duration,
};

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
    limits::{Cut, Cuts, Limits, Seats},
    patient::Patient,
    request::Peer,
    routes::{self, Face},
};
use crate::gateway::Gateway;

/// How long calls that are under way may go on after `shutdown`.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept: usually there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the API and the hooks until `shutdown`; then lets the calls under way end.
pub async fn serve(listener: TcpListener, gateway: Gateway, shutdown: impl Future<Output = ()>) {
    let (cuts, errands, limits) = (Cuts::default(), Errands::default(), Limits::from(gateway.config()));
    let face = Face { gateway, errands: errands.clone(), limits, cuts: cuts.clone() };
    run(listener, Floor { router: routes::router(face), limits, cuts }, shutdown).await;
    if time::timeout(GRACE, errands.finish()).await.is_err() {
        tracing::warn!("what hooks started was still under way when the gateway stopped");
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Floor {
    router: Router,
    limits: Limits,
    cuts: Cuts,
}

/// Accepts and serves connections until `shutdown`, and then for as long as it takes, up to [`GRACE`].
async fn run(listener: TcpListener, floor: Floor, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(());
    let seats = Seats::default();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => note(ended),
            (stream, peer) = accept(&listener), if connections.len() < floor.limits.connections => {
                let Some(seat) = seats.take(peer.ip(), floor.limits.connections_per_source) else {
                    tracing::debug!(%peer, "connection refused: its source has too many");
                    floor.cuts.count(Cut::Connections);
                    continue;
                };
                let conversation = converse(stream, peer, floor.clone(), stopping.clone());
                connections.spawn(async move {
                    conversation.await;
                    drop(seat);
                });
            }
        }
    }
    drop((listener, stop));
    let ended = time::timeout(GRACE, async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!("calls were still under way when the gateway stopped");
    }
}

/// The next connection. A failed accept is not the end: the caller is gone, or we are out of something. The log has
/// the first of a row of failures.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "no connection accepted; tried again until one is");
                }
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, peer: SocketAddr, floor: Floor, mut stopping: watch::Receiver<()>) {
    let Floor { router, limits, cuts } = floor;
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
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.head_size);
    let stream = Patient::new(stream, limits.write);
    let begun = stream.begun();
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
        if let Some(cut) = cut(&error, begun.load(Relaxed)) {
            cuts.count(cut);
        }
    }
}

/// Whether it was we who ended a connection, and why. One that was only idle costs nobody anything.
fn cut(error: &hyper::Error, begun: bool) -> Option<Cut> {
    let broken = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if broken.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        return Some(Cut::Stalled);
    }
    if error.is_timeout() {
        return begun.then_some(Cut::Slow);
    }
    error.is_parse().then_some(Cut::Head)
}

/// A connection's task has ended; if by a panic, the handler's caller got no answer.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a handler panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Notify, oneshot},
    };

    use super::*;
    use crate::config::Config;

    /// A server whose `/slow` waits for `go` and whose `/panic` does what it says.
    struct Fixture {
        address: SocketAddr,
        entered: Arc<Notify>,
        go: Arc<Notify>,
        stop: oneshot::Sender<()>,
        server: tokio::task::JoinHandle<()>,
    }

    impl Fixture {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("a bound port");
            let (entered, go) = <(Arc<Notify>, Arc<Notify>)>::default();
            let (called, wait) = (entered.clone(), go.clone());
            let slow = async move || {
                called.notify_one();
                wait.notified().await;
                "done"
            };
            let peer = async |request: Request| {
                let peer = request.extensions().get::<Peer>().expect("the server notes it");
                peer.0.to_string()
            };
            let panic = async || -> () { panic!("on purpose") };
            let router =
                Router::new().route("/slow", get(slow)).route("/peer", get(peer)).route("/panic", get(panic));
            let (stop, stopped) = oneshot::channel();
            let floor = Floor { router, limits: Limits::from(&Config::default()), cuts: Cuts::default() };
            let server = tokio::spawn(run(listener, floor, async { stopped.await.unwrap_or_default() }));
            Self { address, entered, go, stop, server }
        }

        /// Sends a request and leaves the connection open; `rest` reads the answer.
        async fn request(&self, path: &str, connection: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.expect("a listening server");
            let request = format!("GET {path} HTTP/1.1\r\nHost: sluice\r\nConnection: {connection}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("an open connection");
            stream
        }
    }

    /// What comes until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.expect("text, then the end");
        rest
    }

    #[tokio::test]
    async fn a_call_under_way_ends_before_the_server_does() {
        let fixture = Fixture::start().await;
        let call = fixture.request("/slow", "keep-alive").await;
        fixture.entered.notified().await;
        fixture.stop.send(()).expect("the server listens for it");
        fixture.go.notify_one();
        let answer = rest(call).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\ndone"), "{answer}");
        fixture.server.await.expect("the server ends without panic");
        TcpStream::connect(fixture.address).await.expect_err("nobody listens any more");
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_the_server() {
        let fixture = Fixture::start().await;
        let mut idle = fixture.request("/peer", "keep-alive").await;
        let peer = idle.local_addr().expect("a bound port").to_string();
        let mut answer = Vec::new();
        while !answer.ends_with(peer.as_bytes()) {
            assert_ne!(idle.read_buf(&mut answer).await.expect("an open connection"), 0);
        }
        fixture.stop.send(()).expect("the server listens for it");
        fixture.server.await.expect("the server ends without panic");
        assert_eq!(rest(idle).await, "");
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_connection_only() {
        let fixture = Fixture::start().await;
        assert_eq!(rest(fixture.request("/panic", "close").await).await, "");
        let answer = rest(fixture.request("/peer", "close").await).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        fixture.stop.send(()).expect("the server listens for it");
        fixture.server.await.expect("the server ends without panic");
    }
}

//! Connections. Devices open them; we answer and ask on the one that a device opened.

use std::{collections::HashMap, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tracing::{debug, warn};

use super::core::{
    ConnectionId, ParseError, Peer, Transport,
    framing::{Framed, StreamDecoder},
};

/// How much to bear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most connections.
    pub(super) connections: usize,
    /// How long one may stay without a whole message or a keep-alive.
    pub(super) idle: Duration,
}

/// All connections, and the listener that they come from. Each has a task, which ends with it or
/// with `self`.
#[derive(Debug)]
pub(super) struct Connections {
    listener: Option<TcpListener>,
    limits: Limits,
    last: u64,
    open: HashMap<ConnectionId, (Peer, mpsc::Sender<Bytes>)>,
    tasks: JoinSet<()>,
    reporter: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

/// What a connection has to say.
#[derive(Debug)]
pub(super) enum Report {
    /// It is gone; perhaps because of what it said, which has been answered.
    Closed(Peer, Option<ParseError>),
    /// It has said something.
    Said(Peer, Framed),
}

impl Connections {
    /// Opens a listener.
    pub(super) fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Some(TcpListener::from_std(listener)?), ..Self::none(limits) })
    }

    /// No listener, and so never a connection.
    pub(super) fn none(limits: Limits) -> Self {
        let (reporter, reports) = mpsc::channel(REPORTS);
        let (open, tasks) = (HashMap::new(), JoinSet::new());
        Self { listener: None, limits, last: 0, open, tasks, reporter, reports }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Waits for the next report and takes in new connections meanwhile. Nothing is lost when the
    /// wait is given up.
    pub(super) async fn next(&mut self) -> Report {
        loop {
            tokio::select! {
                // `self` holds a sender: the channel never closes.
                Some(report) = self.reports.recv() => {
                    if let Report::Closed(Peer { transport: Transport::Tcp(id), .. }, _) = report {
                        self.open.remove(&id);
                    }
                    return report;
                }
                accepted = accept(self.listener.as_ref()) => match accepted {
                    Ok((stream, remote)) => self.admit(stream, remote),
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    /// Hands a message to its connection; false if that is gone, or its device reads nothing any
    /// more, which ends it.
    pub(super) fn send(&mut self, id: ConnectionId, remote: SocketAddr, bytes: Bytes) -> bool {
        // A peer that was stored before a restart may name a number that is given to another now.
        let Some((_, queue)) = self.open.get(&id).filter(|(peer, _)| peer.remote == remote) else {
            return false;
        };
        let sent = queue.try_send(bytes).is_ok();
        if !sent {
            self.open.remove(&id);
        }
        sent
    }

    fn admit(&mut self, stream: TcpStream, remote: SocketAddr) {
        while self.tasks.try_join_next().is_some() {}
        let Ok(local) = stream.local_addr() else { return };
        if self.open.len() >= self.limits.connections {
            debug!(peer = %remote, "too many connections: closed");
            return;
        }
        self.last += 1;
        let id = ConnectionId(self.last);
        let peer = Peer::tcp(id, remote, local);
        let (queue, to_send) = mpsc::channel(QUEUE);
        self.open.insert(id, (peer, queue));
        self.tasks.spawn(serve(stream, peer, to_send, self.reporter.clone(), self.limits.idle));
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One connection, from its first byte to its end.
async fn serve(
    mut stream: TcpStream,
    peer: Peer,
    queue: mpsc::Receiver<Bytes>,
    reports: mpsc::Sender<Report>,
    idle: Duration,
) {
    let _ = stream.set_nodelay(true); // Slower without, but no less right.
    let (reader, mut writer) = stream.split();
    let refused = tokio::select! {
        refused = read(reader, peer, &reports, idle) => refused,
        () = write(&mut writer, queue) => None,
    };
    if let Some(reply) = refused.as_ref().and_then(|error| error.reply.as_ref()) {
        let _ = timeout(WRITE_TIMEOUT, writer.write_all(&reply.to_bytes())).await; // It ends in any case.
    }
    let _ = reports.send(Report::Closed(peer, refused)).await; // Nobody listens: we are shut down.
}

/// Reads until the connection ends, falls silent or says what cannot be framed.
async fn read(
    reader: ReadHalf<'_>,
    peer: Peer,
    reports: &mpsc::Sender<Report>,
    idle: Duration,
) -> Option<ParseError> {
    let mut decoder = StreamDecoder::new();
    let mut deadline = Instant::now() + FIRST_MESSAGE;
    let mut known = false;
    loop {
        timeout_at(deadline, reader.readable()).await.ok()?.ok()?;
        match take(&reader, &mut decoder) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        }
        // Keep-alives count once there was a message; the beginning of a message does not.
        let mut alive = known && decoder.is_idle();
        loop {
            match decoder.next_message() {
                Ok(Some(framed)) => reports.send(Report::Said(peer, framed)).await.ok()?,
                Ok(None) => break,
                Err(error) => return Some(error),
            }
            (known, alive) = (true, true);
        }
        if alive {
            deadline = Instant::now() + idle;
        }
    }
}

/// Moves what is there into the decoder. The buffer lives here and not in the task: a hundred
/// thousand silent connections hold none.
fn take(reader: &ReadHalf<'_>, decoder: &mut StreamDecoder) -> io::Result<usize> {
    let mut buffer = [0; 8 * 1024];
    let length = reader.try_read(&mut buffer)?;
    decoder.push(&buffer[..length]);
    Ok(length)
}

/// Writes until there is nothing more to come, or the device does not read.
async fn write(writer: &mut WriteHalf<'_>, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        match timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// How long a new connection may take to say something that makes sense.
const FIRST_MESSAGE: Duration = Duration::from_secs(32);
/// How long a device may leave one message unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Messages that may wait for one connection.
const QUEUE: usize = 64;
/// Reports that may wait for the driver; beyond that the connections wait, and so their devices.
const REPORTS: usize = 1_024;

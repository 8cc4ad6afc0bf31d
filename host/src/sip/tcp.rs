//! Connections. Devices open them; we answer and ask on the one that a device opened.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tracing::{debug, info, warn};

use super::{
    core::{
        ConnectionId, ParseError, Peer, Transport,
        framing::{Framed, StreamDecoder},
    },
    drops::{Drops, Ending},
    gate::Gate,
};

/// How much to bear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most connections.
    pub(super) connections: usize,
    /// Most of them from one address.
    pub(super) per_source: usize,
    /// How long one may stay without a whole message or a keep-alive.
    pub(super) idle: Duration,
    /// How long a message may take to come, the first one from the beginning of the connection.
    pub(super) message: Duration,
    /// How long a device may leave one message unread.
    pub(super) write: Duration,
}

/// All connections, and the listener that they come from. Each has a task, which ends with it or
/// with `self`.
#[derive(Debug)]
pub(super) struct Connections {
    listener: Option<TcpListener>,
    limits: Limits,
    drops: Arc<Drops>,
    last: u64,
    open: HashMap<ConnectionId, (Peer, mpsc::Sender<Bytes>)>,
    /// How many there are from each address.
    sources: HashMap<IpAddr, usize>,
    /// How many there are, those that are about to end among them.
    held: usize,
    tasks: JoinSet<()>,
    /// Until then nobody is let in: the system has no file descriptors left.
    pause: Option<Instant>,
    reporter: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

/// What a connection has to say.
#[derive(Debug)]
pub(super) enum Report {
    /// It is gone, and why.
    Closed(Peer, End),
    /// It has said something.
    Said(Peer, Framed),
}

/// Why a connection is gone.
#[derive(Debug)]
pub(super) enum End {
    /// It ended itself, or broke.
    Gone,
    /// What it said cannot be cut into messages; that has been answered.
    Refused(ParseError),
    /// It was too slow.
    Slow(Ending),
}

impl Connections {
    /// Opens a listener.
    pub(super) fn bind(address: SocketAddr, limits: Limits, drops: Arc<Drops>) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self { listener: Some(socket.listen(BACKLOG)?), ..Self::none(limits, drops) })
    }

    /// No listener, and so never a connection.
    pub(super) fn none(limits: Limits, drops: Arc<Drops>) -> Self {
        let (reporter, reports) = mpsc::channel(REPORTS);
        let (open, sources, tasks) = (HashMap::new(), HashMap::new(), JoinSet::new());
        let (last, held, pause) = (0, 0, None);
        Self { listener: None, limits, drops, last, open, sources, held, tasks, pause, reporter, reports }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Waits for the next report and takes in new connections meanwhile, as `gate` lets them. Nothing is lost when
    /// the wait is given up.
    pub(super) async fn next(&mut self, gate: &Gate) -> Report {
        loop {
            tokio::select! {
                // `self` holds a sender: the channel never closes.
                Some(report) = self.reports.recv() => {
                    if let Report::Closed(peer, end) = &report {
                        self.forget(*peer, end);
                    }
                    return report;
                }
                accepted = accept(self.listener.as_ref(), self.pause) => match accepted {
                    Ok((stream, remote)) => {
                        if self.pause.take().is_some() {
                            info!("connections are accepted again");
                        }
                        self.admit(stream, remote, gate);
                    }
                    Err(error) => self.rest(&error),
                },
            }
        }
    }

    /// Lets nobody in for a moment. The pause is kept here and not slept through: whoever waits for `next` gives up
    /// waiting with each datagram, and without it would ask again at once, for ever.
    fn rest(&mut self, error: &io::Error) {
        self.drops.end(Ending::Accept);
        if self.pause.is_none() {
            warn!(%error, "cannot accept connections; those that are open go on");
        }
        self.pause = Some(Instant::now() + ACCEPT_PAUSE);
    }

    fn forget(&mut self, peer: Peer, end: &End) {
        if let End::Slow(ending) = end {
            self.drops.end(*ending);
        }
        if let Transport::Tcp(id) = peer.transport {
            self.open.remove(&id);
        }
        if let Entry::Occupied(mut count) = self.sources.entry(peer.remote.ip()) {
            self.held -= 1;
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// Closes the connection of `peer`. It is reported as any other end.
    pub(super) fn close(&mut self, peer: Peer) {
        if let Transport::Tcp(id) = peer.transport {
            self.open.remove(&id);
        }
    }

    /// Hands a message to its connection; false if that is gone, or its device reads nothing any
    /// more, which ends it.
    pub(super) fn send(&mut self, id: ConnectionId, remote: SocketAddr, bytes: Bytes) -> bool {
        // A peer that was stored before a restart may name a number that is given to another now.
        let Some((_, queue)) = self.open.get(&id).filter(|(peer, _)| peer.remote == remote) else {
            return false;
        };
        let sent = queue.try_send(bytes);
        if sent.is_err() {
            self.open.remove(&id);
        }
        if matches!(sent, Err(TrySendError::Full(_))) {
            self.drops.end(Ending::Unread);
        }
        sent.is_ok()
    }

    fn admit(&mut self, stream: TcpStream, remote: SocketAddr, gate: &Gate) {
        while self.tasks.try_join_next().is_some() {}
        let Ok(local) = stream.local_addr() else { return };
        let peer = Peer::tcp(ConnectionId(self.last + 1), remote, local);
        if !gate.hears(Instant::now().into_std(), peer) {
            return;
        }
        let of_source = self.sources.get(&remote.ip()).copied().unwrap_or_default();
        let full = [
            (self.held >= self.limits.connections, Ending::Total),
            (of_source >= self.limits.per_source, Ending::Source),
        ];
        if let Some((_, ending)) = full.into_iter().find(|(full, _)| *full) {
            debug!(peer = %remote, ?ending, "too many connections: closed");
            return self.drops.end(ending);
        }
        self.last += 1;
        let (queue, to_send) = mpsc::channel(QUEUE);
        self.open.insert(ConnectionId(self.last), (peer, queue));
        self.sources.insert(remote.ip(), of_source + 1);
        self.held += 1;
        self.tasks.spawn(serve(stream, peer, to_send, self.reporter.clone(), self.limits));
    }
}

/// The next connection, not before the end of `pause`.
async fn accept(
    listener: Option<&TcpListener>,
    pause: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(pause) = pause {
        sleep_until(pause).await;
    }
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
    limits: Limits,
) {
    let _ = stream.set_nodelay(true); // Slower without, but no less right.
    let (reader, mut writer) = stream.split();
    let end = tokio::select! {
        end = read(reader, peer, &reports, limits) => end,
        end = write(&mut writer, queue, limits.write) => end,
    };
    if let End::Refused(ParseError { reply: Some(reply), .. }) = &end {
        let _ = timeout(limits.write, writer.write_all(&reply.to_bytes())).await; // It ends in any case.
    }
    let _ = reports.send(Report::Closed(peer, end)).await; // Nobody listens: we are shut down.
}

/// Reads until the connection ends, falls silent or says what cannot be framed.
async fn read(reader: ReadHalf<'_>, peer: Peer, reports: &mpsc::Sender<Report>, limits: Limits) -> End {
    let mut decoder = StreamDecoder::new();
    let mut pace = Pace::new(limits);
    loop {
        let Ok(ready) = timeout_at(pace.deadline(), reader.readable()).await else {
            return End::Slow(pace.ending());
        };
        match ready.and_then(|()| take(&reader, &mut decoder)) {
            Ok(0) => return End::Gone,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return End::Gone,
        }
        let mut whole = false;
        loop {
            match decoder.next_message() {
                Ok(Some(framed)) => {
                    if reports.send(Report::Said(peer, framed)).await.is_err() {
                        return End::Gone;
                    }
                    whole = true;
                }
                Ok(None) => break,
                Err(error) => return End::Refused(error),
            }
        }
        pace.step(whole, decoder.is_idle());
    }
}

/// How long a connection may take for what comes next.
#[derive(Debug)]
struct Pace {
    limits: Limits,
    /// By then there must be a whole message or a keep-alive.
    alive: Instant,
    /// By then the message that has begun must be whole; none where none has.
    whole: Option<Instant>,
    /// Whether there was a whole message.
    known: bool,
}

impl Pace {
    fn new(limits: Limits) -> Self {
        Self { limits, alive: Instant::now() + limits.message, whole: None, known: false }
    }

    /// Something has come: whether whole messages, and whether nothing of a further one.
    fn step(&mut self, whole: bool, idle: bool) {
        let now = Instant::now();
        self.known |= whole;
        // Keep-alives count once there was a message; the beginning of a message does not.
        if whole || self.known && idle {
            self.alive = now + self.limits.idle;
        }
        if whole || idle {
            self.whole = None;
        }
        if !idle {
            // Who sends a byte now and then is as slow as who sends none.
            self.whole.get_or_insert(now + self.limits.message);
        }
    }

    fn deadline(&self) -> Instant {
        self.whole.map_or(self.alive, |whole| whole.min(self.alive))
    }

    /// What the connection was too slow with.
    fn ending(&self) -> Ending {
        if self.whole.is_some() { Ending::Partial } else { Ending::Idle }
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
async fn write(writer: &mut WriteHalf<'_>, mut queue: mpsc::Receiver<Bytes>, patience: Duration) -> End {
    while let Some(bytes) = queue.recv().await {
        match timeout(patience, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::Slow(Ending::Unread),
        }
    }
    End::Gone
}

/// Connections that may wait to be accepted, as far as `net.core.somaxconn` lets them: all devices come back at once
/// after a power cut, and one that does not fit tries again only after a second.
const BACKLOG: u32 = 16_384;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Messages that may wait for one connection.
const QUEUE: usize = 64;
/// Reports that may wait for the driver; beyond that the connections wait, and so their devices.
const REPORTS: usize = 1_024;

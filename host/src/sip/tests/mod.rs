//! The door with real sockets on loopback. Whoever waits here waits for a packet or an event.

mod invite;
mod tcp;
mod udp;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{
    Answer, Arrivals, Config, Driver, Error, Incoming, Sip, Snapshot, bind,
    core::{Message, Method, Peer, Request, Response, ServerId, framing, framing::Framed},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A door that runs.
struct Door {
    sip: Sip,
    arrivals: Arrivals,
    running: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// UDP and TCP on ports that are free.
fn config() -> Config {
    let loopback = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    Config { udp: loopback, tcp: loopback, ..Config::default() }
}

impl Door {
    fn open(config: Config) -> Self {
        let (sip, arrivals, driver) = bind(config).expect("a free port");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(Driver::run(driver, async {
            stopped.await.ok();
        }));
        Self { sip, arrivals, running, stop }
    }

    fn udp(&self) -> SocketAddr {
        self.sip.udp_addr().expect("it listens")
    }

    fn tcp(&self) -> SocketAddr {
        self.sip.tcp_addr().expect("it listens")
    }

    async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.arrivals.recv()).await.expect("something comes in").expect("it runs")
    }

    async fn next_request(&mut self) -> (ServerId, Request, Peer) {
        match self.next().await {
            Incoming::Request { id, request, peer } => (id, request, peer),
            other => panic!("{other:?}"),
        }
    }

    /// Answers the next request with `status` and returns it.
    async fn serve(&mut self, status: u16) -> (Request, Peer) {
        let (id, request, peer) = self.next_request().await;
        self.sip.respond(id, request.respond(status)).await.expect("it runs");
        (request, peer)
    }

    /// Waits until a connection was closed for that reason so often.
    async fn closed(&self, reason: &str, times: u64) {
        let count = || self.sip.drops().connections().into_iter().find(|(name, _)| *name == reason);
        let reached = async {
            while count() != Some((reason, times)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{reason}: {:?}", count()));
    }

    fn counters(&self) -> Snapshot {
        self.sip.counters().snapshot()
    }
}

/// A device that speaks UDP.
struct Device {
    socket: UdpSocket,
    gateway: SocketAddr,
}

impl Device {
    async fn new(gateway: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        Self { socket, gateway }
    }

    /// How the gateway sees it.
    fn peer(&self) -> Peer {
        Peer::udp(self.socket.local_addr().expect("it is bound"), self.gateway)
    }

    async fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.gateway).await.expect("loopback takes it");
    }

    async fn next(&self) -> Message {
        let mut buffer = vec![0; 65_535];
        let (length, _) =
            timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await.expect("a packet").expect("it");
        message(&buffer[..length])
    }

    async fn next_request(&self) -> Request {
        match self.next().await {
            Message::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    async fn next_response(&self) -> Response {
        match self.next().await {
            Message::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }
}

/// A device that speaks TCP.
struct Caller {
    stream: TcpStream,
    decoder: framing::StreamDecoder,
}

impl Caller {
    async fn new(gateway: SocketAddr) -> Self {
        let stream = TcpStream::connect(gateway).await.expect("it listens");
        Self { stream, decoder: framing::StreamDecoder::new() }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("loopback takes it");
    }

    /// The next message; none when the connection is closed.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(Framed::Message(message)) = self.decoder.next_message().expect("messages") {
                return Some(message);
            }
            let mut buffer = [0; 4_096];
            let length = timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("bytes").unwrap_or(0);
            if length == 0 {
                return None;
            }
            self.decoder.push(&buffer[..length]);
        }
    }

    /// The next message, which is an answer; its status and CSeq.
    async fn next_status(&mut self) -> (u16, u32) {
        match self.next().await {
            Some(Message::Response(response)) => (response.status, cseq(&response)),
            other => panic!("{other:?}"),
        }
    }
}

fn message(bytes: &[u8]) -> Message {
    match framing::datagram(bytes) {
        Framed::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn cseq(response: &Response) -> u32 {
    response.headers.cseq().expect("it has one").number
}

/// What a device sends.
fn from_device(method: Method, number: u32) -> Vec<u8> {
    let via = format!("SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{number}");
    Request { uri: "sip:34020000002000000001@3402000000".to_owned(), ..to_device(method, number) }
        .with("Via", via)
        .to_bytes()
}

/// What the gateway sends.
fn to_device(method: Method, number: u32) -> Request {
    let cseq = format!("{number} {method}");
    Request::new(method, "sip:34020000001320000001@3402000000")
        .with("From", "<sip:34020000001320000001@3402000000>;tag=1")
        .with("To", "<sip:34020000001320000001@3402000000>")
        .with("Call-ID", "call")
        .with("CSeq", cseq)
}

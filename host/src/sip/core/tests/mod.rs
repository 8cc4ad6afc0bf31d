//! Transactions in virtual time: one endpoint against a script (`client`, `server`, `modest`), and two on a
//! wire that loses, delays, doubles and reorders (`wire`).

mod client;
mod modest;
mod server;
mod wire;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    Config, ConnectionId, Dialog, Endpoint, Event, Message, Method, Peer, Request, Response, framing,
    framing::Framed,
};

const GATEWAY: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);
const DEVICE: ([u8; 4], u16) = ([192, 0, 2, 2], 5060);

/// The device as the gateway sees it.
fn device() -> Peer {
    Peer::udp(SocketAddr::from(DEVICE), SocketAddr::from(GATEWAY))
}

/// The same over TCP.
fn device_on_tcp() -> Peer {
    Peer::tcp(ConnectionId(1), SocketAddr::from(DEVICE), SocketAddr::from(GATEWAY))
}

/// A request as the gateway's user makes it: without Via.
fn request(method: Method) -> Request {
    let cseq = format!("1 {method}");
    Request::new(method, "sip:34020000001320000001@192.0.2.2:5060")
        .with("From", "<sip:34020000002000000001@3402000000>;tag=a")
        .with("To", "<sip:34020000001320000001@3402000000>")
        .with("Call-ID", "call")
        .with("CSeq", cseq)
}

/// A request as a device sends it.
fn from_device(method: Method) -> Request {
    request(method).with("Via", "SIP/2.0/UDP 192.0.2.2:5060;rport;branch=z9hG4bK1")
}

/// The device's answer to a request of ours.
fn answer(request: &Request, status: u16) -> Message {
    Message::Response(request.respond(status))
}

/// One endpoint with its clock. Timers fire as it sleeps.
struct Agent {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
    sent: Vec<(f64, Request)>,
    answered: Vec<(f64, Response)>,
    events: Vec<(f64, Event)>,
}

impl Agent {
    fn new() -> Self {
        Self::with(Config::default())
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin; only differences count")]
    fn with(config: Config) -> Self {
        let now = Instant::now();
        let endpoint = Endpoint::new(config);
        Self { endpoint, start: now, now, sent: Vec::new(), answered: Vec::new(), events: Vec::new() }
    }

    /// Lets time pass.
    fn sleep(&mut self, seconds: f64) {
        self.collect();
        let end = self.now + Duration::from_secs_f64(seconds);
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    /// How often it is woken until nothing is left to wait for.
    fn wakes(&mut self) -> usize {
        let mut wakes = 0;
        while let Some(at) = self.endpoint.poll_timeout() {
            wakes += 1;
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
        }
        wakes
    }

    /// Takes a message from the device.
    fn hear(&mut self, message: Message) {
        self.hear_from(device(), message);
    }

    fn hear_from(&mut self, peer: Peer, message: Message) {
        self.endpoint.handle_message(self.now, peer, message);
        self.collect();
    }

    /// The requests sent since the last call, as (second, method).
    fn requests(&mut self) -> Vec<(f64, String)> {
        self.collect();
        self.sent.drain(..).map(|(at, request)| (at, request.method.to_string())).collect()
    }

    /// The answers sent since the last call, as (second, status).
    fn statuses(&mut self) -> Vec<(f64, u16)> {
        self.collect();
        self.answered.drain(..).map(|(at, response)| (at, response.status)).collect()
    }

    /// What was told since the last call, as (second, what).
    fn told(&mut self) -> Vec<(f64, String)> {
        self.collect();
        self.events.drain(..).map(|(at, event)| (at, name(&event))).collect()
    }

    /// The last request that was sent, whole.
    fn last_request(&mut self) -> Request {
        self.collect();
        self.sent.last().expect("something was sent").1.clone()
    }

    fn collect(&mut self) {
        let at = (self.now - self.start).as_secs_f64();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            match framing::datagram(&transmit.bytes) {
                Framed::Message(Message::Request(request)) => self.sent.push((at, request)),
                Framed::Message(Message::Response(response)) => self.answered.push((at, response)),
                other => panic!("not a message: {other:?}"),
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push((at, event));
        }
    }
}

/// An event in a word or two.
fn name(event: &Event) -> String {
    match event {
        Event::Ack { .. } => "ack".to_owned(),
        Event::Cancelled { .. } => "cancelled".to_owned(),
        Event::Request { request, .. } => format!("request {}", request.method),
        Event::Response { response, .. } => format!("answer {}", response.status),
        Event::StrayAnswer { response, .. } => format!("stray {}", response.status),
        Event::Timeout { .. } => "timeout".to_owned(),
        Event::TransportFailed { .. } => "failed".to_owned(),
        Event::Unacknowledged { .. } => "unacknowledged".to_owned(),
    }
}

/// `at` for each of `times`.
fn each<T: Clone>(times: &[f64], what: T) -> Vec<(f64, T)> {
    times.iter().map(|at| (*at, what.clone())).collect()
}

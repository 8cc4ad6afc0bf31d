//! SIP spoken by hand, for what no device of the kit would say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sluice_tests::digest::{Challenge, Login, Request};
use sluice_tests::sip::{Framer, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The platform as the default configuration has it.
pub(crate) const PLATFORM: &str = "sip:37070000082008000001@3707000008";

/// A UDP socket that sends what it is told.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: UdpSocket,
    pub(crate) local: SocketAddr,
}

impl Wire {
    /// A socket of 127.0.0.1 that speaks with `gateway`.
    pub(crate) async fn open(gateway: SocketAddr) -> anyhow::Result<Self> {
        Self::open_at(Ipv4Addr::LOCALHOST, gateway).await
    }

    /// A socket of another address of loopback: another host, as far as the gateway can see.
    pub(crate) async fn open_at(host: Ipv4Addr, gateway: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((IpAddr::V4(host), 0)).await?;
        socket.connect(gateway).await?;
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&self, bytes: &[u8]) -> anyhow::Result<()> {
        self.socket.send(bytes).await?;
        Ok(())
    }

    /// A Via that names this socket, under a branch that was never used.
    pub(crate) fn via(&self) -> String {
        format!("SIP/2.0/UDP {};rport;branch={}", self.local, unused("z9hG4bK"))
    }

    /// Sends a request under a new Via and waits for its final answer.
    pub(crate) async fn ask(&self, request: &Message) -> anyhow::Result<Message> {
        let request = with_via(request, self.via());
        self.send(&request.to_bytes()).await?;
        self.answer_to(request.branch()).await
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&self) -> anyhow::Result<Message> {
        let mut buffer = vec![0; 65_536];
        let length = timeout(PATIENCE, self.socket.recv(&mut buffer)).await.context("nothing came")??;
        Ok(Message::parse(&buffer[..length])?)
    }

    /// The next final answer under that branch; whatever else comes is passed over.
    pub(crate) async fn answer_to(&self, branch: &str) -> anyhow::Result<Message> {
        let search = async {
            loop {
                let message = self.next().await?;
                if message.status().is_some_and(|status| status >= 200) && message.branch() == branch {
                    return Ok(message);
                }
            }
        };
        timeout(PATIENCE, search).await.with_context(|| format!("no answer to {branch}"))?
    }

    /// Asks for a challenge and gives back a REGISTER that answers it, without its Via.
    pub(crate) async fn authorized(&self, id: &str, password: &str) -> anyhow::Result<Message> {
        let request = register(id, self.local);
        let refused = self.ask(&request).await?;
        ensure!(refused.status() == Some(401), "not challenged: {refused:?}");
        let challenge = refused.header("WWW-Authenticate").and_then(Challenge::parse);
        let mut request = request;
        request.set("CSeq", "2 REGISTER");
        let answer = answer(&challenge.context("a challenge")?, id, password);
        Ok(request.with("Authorization", answer))
    }

    /// Registers from this socket.
    pub(crate) async fn register(&self, id: &str, password: &str) -> anyhow::Result<Message> {
        let request = self.authorized(id, password).await?;
        self.ask(&request).await
    }
}

/// A REGISTER without credentials and without Via.
pub(crate) fn register(id: &str, contact: SocketAddr) -> Message {
    from(id, "REGISTER").with("Contact", format!("<sip:{id}@{contact}>")).with("Expires", "3600")
}

/// A request of `id` to the platform, outside any dialog, without Via.
pub(crate) fn from(id: &str, method: &str) -> Message {
    let to = if method == "REGISTER" { format!("sip:{id}@3707000008") } else { PLATFORM.to_owned() };
    Message::request(method, PLATFORM)
        .with("From", format!("<sip:{id}@3707000008>;tag={}", unused("t")))
        .with("To", format!("<{to}>"))
        .with("Call-ID", unused("call"))
        .with("CSeq", format!("1 {method}"))
        .with("Max-Forwards", "70")
}

/// The keepalive of `id`.
pub(crate) fn keepalive(id: &str) -> Message {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n\
         <SN>1</SN>\r\n<DeviceID>{id}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
    );
    from(id, "MESSAGE").with_body("Application/MANSCDP+xml", body.into_bytes())
}

/// An Authorization that answers `challenge`.
pub(crate) fn answer(challenge: &Challenge, id: &str, password: &str) -> String {
    let request = Request { method: "REGISTER", uri: PLATFORM, count: 1, cnonce: "0a4f113b" };
    challenge.answer(&Login { user: id, password }, &request)
}

/// The same request with a Via at its head.
pub(crate) fn with_via(request: &Message, via: String) -> Message {
    let mut request = request.clone();
    request.headers.insert(0, ("Via".to_owned(), via));
    request
}

/// Sends a request on a connection of its own and waits for its answer.
pub(crate) async fn ask_by_tcp(gateway: SocketAddr, request: &Message) -> anyhow::Result<Message> {
    let mut stream = TcpStream::connect(gateway).await?;
    let via = format!("SIP/2.0/TCP {};rport;branch={}", stream.local_addr()?, unused("z9hG4bK"));
    stream.write_all(&with_via(request, via).to_bytes()).await?;
    let mut framer = Framer::default();
    let mut buffer = [0; 4_096];
    let read = async {
        loop {
            if let Some(message) = framer.next_message() {
                return Ok(message?);
            }
            let length = stream.read(&mut buffer).await?;
            ensure!(length > 0, "the connection was closed");
            framer.push(&buffer[..length]);
        }
    };
    timeout(PATIENCE, read).await.context("no answer by TCP")?
}

/// A word that this process never gave before.
fn unused(prefix: &str) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}x{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

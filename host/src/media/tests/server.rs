//! A media server that gives one answer to everything and remembers what it was asked.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::media::{MediaServer, Timeouts};

/// Long enough for every answer on loopback, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct FakeServer {
    listener: TcpListener,
}

/// A request as it came.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) body: Value,
}

impl FakeServer {
    pub(super) async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(super) fn client(&self) -> MediaServer {
        self.client_waiting(PATIENCE)
    }

    pub(super) fn client_waiting(&self, answer: Duration) -> MediaServer {
        let address = format!("http://{}", self.listener.local_addr().unwrap());
        MediaServer::new(&address, "dummy-secret", Timeouts { connect: PATIENCE, answer }).unwrap()
    }

    /// Takes one connection and one request on it. Both stay open.
    pub(super) async fn accept(&self) -> (TcpStream, Asked) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let asked = read_request(&mut stream).await;
        (stream, asked)
    }

    /// Answers one request with `status` and `body`, and keeps the connection as ZLMediaKit does.
    pub(super) fn answer_once(self, status: u16, body: String) -> JoinHandle<Asked> {
        tokio::spawn(async move {
            let (mut stream, asked) = self.accept().await;
            write_answer(&mut stream, status, &body).await;
            asked
        })
    }

    /// Gives the answer of a recording.
    pub(super) fn replay(self, recording: &Value) -> JoinHandle<Asked> {
        let response = &recording["response"];
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let body = match response["body"].get("_text") {
            Some(text) => text.as_str().unwrap().to_owned(),
            None => response["body"].to_string(),
        };
        self.answer_once(status, body)
    }
}

pub(super) async fn write_answer(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} whatever\r\nConnection: keep-alive\r\nKeep-Alive: timeout=15, max=100\r\n\
         Content-Type: application/json; charset=utf-8\r\nSet-Cookie: ZLM_UNLOGIN=1;path=/\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

async fn read_request(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = parse(&bytes) {
            return asked;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request breaks off");
    }
}

/// The request, once it is whole.
fn parse(bytes: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let length =
        lines.find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    if body.len() < length.unwrap_or(0) {
        return None;
    }
    Some(Asked { line, body: serde_json::from_str(body).unwrap() })
}

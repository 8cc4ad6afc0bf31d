//! A platform that is a socket and a script.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::PATIENCE;
use crate::device::Device;
use crate::random;
use crate::sip::Message;

pub(super) struct Platform {
    socket: UdpSocket,
}

/// The offer of a live stream to a socket of the test.
pub(super) fn offer(media: SocketAddr, protocol: &str, setup: &str, session: &str) -> String {
    let setup =
        if setup.is_empty() { String::new() } else { format!("a=setup:{setup}\r\na=connection:new\r\n") };
    format!(
        "v=0\r\no=37070000082008000001 0 0 IN IP4 127.0.0.1\r\ns={session}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=video {} {protocol} 96\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n{setup}y=0200000001\r\n",
        media.port()
    )
}

impl Platform {
    pub(super) async fn bind() -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The next message, whatever it is.
    pub(super) async fn next(&self) -> Message {
        Message::parse(&self.datagram().await).unwrap()
    }

    pub(super) async fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let received = tokio::time::timeout(PATIENCE, self.socket.recv_from(&mut buffer));
        let (length, _) = received.await.expect("a datagram comes in time").unwrap();
        buffer.truncate(length);
        buffer
    }

    /// The next message that is a request with this method.
    pub(super) async fn request(&self, method: &str) -> Message {
        loop {
            let message = self.next().await;
            if message.status().is_none() && message.method() == method {
                return message;
            }
        }
    }

    /// The next response to this method with this status.
    pub(super) async fn status(&self, method: &str, status: u16) -> Message {
        loop {
            let message = self.next().await;
            if message.status() == Some(status) && message.method() == method {
                return message;
            }
        }
    }

    pub(super) async fn send(&self, device: &Device, message: &Message) {
        self.socket.send_to(&message.to_bytes(), device.address()).await.unwrap();
    }

    pub(super) async fn respond(&self, device: &Device, response: Message) {
        self.send(device, &response).await;
    }

    /// Challenges a REGISTER and lets the answer in.
    pub(super) async fn register(&self, device: &Device, challenge: &str) -> Message {
        let first = self.request("REGISTER").await;
        self.respond(device, Message::response(&first, 401).with("WWW-Authenticate", challenge)).await;
        let second = self.request("REGISTER").await;
        let ok =
            Message::response(&second, 200).with("Date", "2026-11-22T10:00:00.000").with("Expires", "3600");
        self.respond(device, ok).await;
        second
    }

    /// A request of the platform's own, outside any dialog or within one.
    pub(super) fn make(&self, method: &str, target: &str, call_id: &str, sequence: u32) -> Message {
        let branch = random::id();
        Message::request(method, &format!("sip:{target}@3707000008"))
            .with("Via", format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{branch}", self.address()))
            .with("From", "<sip:37070000082008000001@3707000008>;tag=p1")
            .with("To", format!("<sip:{target}@3707000008>"))
            .with("Call-ID", call_id)
            .with("CSeq", format!("{sequence} {method}"))
            .with("Max-Forwards", "70")
    }

    /// Asks with a MANSCDP body.
    pub(super) fn query(&self, target: &str, xml: &str) -> Message {
        let body = xml.as_bytes().to_vec();
        self.make("MESSAGE", target, &random::id(), 1).with_body("Application/MANSCDP+xml", body)
    }

    pub(super) fn invite(&self, channel: &str, call_id: &str, sdp: &str) -> Message {
        self.make("INVITE", channel, call_id, 1)
            .with("Subject", format!("{channel}:0200000001,37070000082008000001:0"))
            .with_body("APPLICATION/SDP", sdp.as_bytes().to_vec())
    }

    /// Invites, waits for the 200 and acknowledges it.
    pub(super) async fn establish(&self, device: &Device, invite: &Message) -> Message {
        self.send(device, invite).await;
        let ok = self.status("INVITE", 200).await;
        self.acknowledge(device, &ok).await;
        ok
    }

    pub(super) async fn acknowledge(&self, device: &Device, ok: &Message) {
        let mut ack = self.make("ACK", device.id(), ok.call_id(), 1);
        ack.set("To", ok.header("To").unwrap());
        self.send(device, &ack).await;
    }
}

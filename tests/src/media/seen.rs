//! What can be seen of a server from outside.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use super::stream::{Key, RtpServer, Schema, Stream};

/// A stream that the server receives, registered or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSeen {
    /// The app, `rtp` as a rule.
    pub app: String,
    /// The stream id.
    pub id: String,
    /// The SSRC in its packets.
    pub ssrc: u32,
    /// Where they come from.
    pub peer: SocketAddr,
    /// The forms it is offered in; none: nothing decodable came yet, or it is not let in yet.
    pub schemas: Vec<Schema>,
    /// RTP packets received.
    pub packets: u64,
    /// Payload bytes received.
    pub bytes: u64,
    /// Packets that the sequence numbers say are missing.
    pub lost: u64,
    /// Viewers.
    pub readers: usize,
    /// An MP4 is being written.
    pub recording: bool,
}

/// A server that `openRtpServer` opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSeen {
    /// The app.
    pub app: String,
    /// The stream id that was asked for.
    pub id: String,
    /// Its port.
    pub port: u16,
    /// 0 UDP, 1 TCP passive, 2 TCP active.
    pub tcp_mode: u8,
    /// Packets refused for their SSRC or sender.
    pub dropped: u64,
}

impl StreamSeen {
    pub(super) fn new(key: &Key, stream: &Stream, readers: usize) -> Self {
        Self {
            app: key.app.clone(),
            id: key.stream.clone(),
            ssrc: stream.origin.ssrc,
            peer: stream.origin.peer,
            schemas: stream.schemas.clone(),
            packets: stream.packets,
            bytes: stream.bytes,
            lost: stream.lost,
            readers,
            recording: stream.recording.is_some(),
        }
    }
}

impl ServerSeen {
    pub(super) fn new(key: &Key, server: &RtpServer) -> Self {
        Self {
            app: key.app.clone(),
            id: key.stream.clone(),
            port: server.port,
            tcp_mode: server.tcp_mode,
            dropped: server.dropped.load(Ordering::Relaxed),
        }
    }
}

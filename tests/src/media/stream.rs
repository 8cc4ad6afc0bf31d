//! What the server knows of its streams, RTP servers and players.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::program::Program;
use crate::rtp::Packet;

/// App and stream id; the vhost is always the default one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) app: String,
    pub(super) stream: String,
}

impl Key {
    pub(super) fn new(app: &str, stream: &str) -> Self {
        Self { app: app.to_owned(), stream: stream.to_owned() }
    }

    /// The name of a stream on the single port: its SSRC in upper-case hex.
    pub(super) fn of_ssrc(ssrc: u32) -> Self {
        Self::new("rtp", &format!("{ssrc:08X}"))
    }
}

/// The forms in which a stream is offered to players.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schema {
    /// Fragmented MP4.
    Fmp4,
    /// HLS, once segments exist.
    Hls,
    /// RTMP, and FLV over HTTP and WebSocket.
    Rtmp,
    /// RTSP.
    Rtsp,
    /// MPEG-TS over HTTP.
    Ts,
}

impl Schema {
    /// In the order in which streams unregister.
    pub(super) const LEAVING: [Self; 5] = [Self::Hls, Self::Ts, Self::Rtsp, Self::Rtmp, Self::Fmp4];

    /// As hooks and API write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fmp4 => "fmp4",
            Self::Hls => "hls",
            Self::Rtmp => "rtmp",
            Self::Rtsp => "rtsp",
            Self::Ts => "ts",
        }
    }
}

/// Where a stream's packets come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// `rtp_proxy.port` over TCP.
    SingleTcp,
    /// `rtp_proxy.port` over UDP.
    SingleUdp,
    /// `openRtpServer` with this tcp_mode: 0 UDP, 1 passive, 2 active.
    Server(u8),
}

impl Entrance {
    pub(super) fn is_server(self) -> bool {
        matches!(self, Self::Server(_))
    }
}

/// Who sends a stream, and how.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The id that was asked for; `stream_replace` does not change it.
    pub(super) asked: Key,
    pub(super) entrance: Entrance,
    pub(super) local_port: u16,
    pub(super) peer: SocketAddr,
    pub(super) ssrc: u32,
    /// The id of the network session, for `kick_session`.
    pub(super) session: String,
    pub(super) since: Instant,
}

/// A packet and where it came from.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) packet: Packet,
    pub(super) from: SocketAddr,
}

/// What a publisher's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// The stream was closed by the API or a hook's answer; its state is gone already.
    Closed,
    /// The sender closed its TCP connection.
    PeerClosed,
    /// A player came or left.
    Readers,
}

/// The way to a publisher's task.
#[derive(Debug, Clone)]
pub(super) struct Inlet {
    pub(super) packets: mpsc::Sender<Arrival>,
    pub(super) control: mpsc::Sender<Control>,
}

/// A stream, from its first packet on.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) origin: Origin,
    pub(super) inlet: Inlet,
    pub(super) program: Program,
    /// Registered forms, in order of registration.
    pub(super) schemas: Vec<Schema>,
    /// Whether an HLS form is made at all.
    pub(super) hls: bool,
    pub(super) created: Instant,
    pub(super) created_unix: i64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) lost: u64,
    pub(super) frames: u64,
    pub(super) key_frames: u64,
    /// Media time since the first packet, in ticks of the RTP clock.
    pub(super) ticks: u64,
    pub(super) last: Option<(u16, u32)>,
    pub(super) recording: Option<Recording>,
    /// Files written so far.
    pub(super) files: u32,
}

/// An MP4 being written.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    /// Length of a slice, in ticks of the RTP clock.
    pub(super) slice_ticks: u64,
    pub(super) from_tick: u64,
    pub(super) from_byte: u64,
    pub(super) from_unix: i64,
    /// The root folder, where the caller named one.
    pub(super) root: Option<PathBuf>,
}

/// What `openRtpServer` opened.
#[derive(Debug)]
pub(super) struct RtpServer {
    pub(super) port: u16,
    pub(super) tcp_mode: u8,
    pub(super) reuse: bool,
    /// The SSRC that is let in; 0: any.
    pub(super) ssrc: Arc<AtomicU32>,
    pub(super) ssrc_at_open: u32,
    pub(super) opened: Instant,
    pub(super) inlet: Inlet,
    pub(super) dropped: Arc<AtomicU64>,
    /// Who sends; unspecified before the first packet.
    pub(super) peer: SocketAddr,
    /// What the stream is called now (`stream_replace`).
    pub(super) media: Key,
    /// Sockets and the publisher's task.
    pub(super) tasks: Vec<JoinHandle<()>>,
    /// tcp_mode 2: the connection to the device.
    pub(super) connection: Option<Connection>,
}

/// A connection that the server made.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) reader: JoinHandle<()>,
    /// Kept: dropping it would tell the device.
    pub(super) _writer: OwnedWriteHalf,
}

/// A viewer.
#[derive(Debug, Clone)]
pub(super) struct Player {
    pub(super) key: Key,
    pub(super) schema: Schema,
    pub(super) protocol: &'static str,
    pub(super) params: String,
    pub(super) port: u16,
    pub(super) since: Instant,
}

impl Stream {
    pub(super) fn new(origin: Origin, inlet: Inlet) -> Self {
        Self {
            origin,
            inlet,
            program: Program::default(),
            schemas: Vec::new(),
            hls: true,
            created: Instant::now(),
            created_unix: jiff::Timestamp::now().as_second(),
            packets: 0,
            bytes: 0,
            lost: 0,
            frames: 0,
            key_frames: 0,
            ticks: 0,
            last: None,
            recording: None,
            files: 0,
        }
    }

    /// Counts a packet; whether a recording's slice ends before it.
    pub(super) fn take(&mut self, packet: &Packet) -> bool {
        if let Some((sequence, timestamp)) = self.last {
            self.lost += u64::from(packet.sequence.wrapping_sub(sequence).wrapping_sub(1).min(1_000));
            // A jump of more than ten seconds is a new clock, not time that passed.
            let step = packet.timestamp.wrapping_sub(timestamp);
            self.ticks += u64::from(if step < crate::rtp::CLOCK * 10 { step } else { 0 });
        }
        self.last = Some((packet.sequence, packet.timestamp));
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        self.frames += u64::from(packet.marker);
        let key = self.program.look(&packet.payload);
        self.key_frames += u64::from(key);
        key && self.recording.as_ref().is_some_and(|one| self.ticks - one.from_tick >= one.slice_ticks)
    }
}

/// Those who watch a stream, by schema.
pub(super) fn readers(players: &BTreeMap<String, Player>, key: &Key, schema: Option<Schema>) -> usize {
    let watches =
        |player: &&Player| player.key == *key && schema.is_none_or(|schema| player.schema == schema);
    players.values().filter(watches).count()
}

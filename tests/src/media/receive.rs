//! The sockets that RTP comes in by.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::time::Instant;

use super::core::Core;
use super::session::{Session, inlet};
use super::stream::{Arrival, Control, Entrance, Inlet, Key, Origin};
use crate::rtp::{Deframer, Packet};

/// The ports of one number, UDP bound and TCP not yet listening.
pub(super) struct Pair {
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpSocket,
    pub(super) port: u16,
}

impl Pair {
    /// Binds both; port 0 takes any number that both have free.
    pub(super) async fn bind(address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..if port == 0 { 32 } else { 1 } {
            match Self::try_bind(address, port).await {
                Ok(pair) => return Ok(pair),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn try_bind(address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let udp = UdpSocket::bind((address, port)).await?;
        let port = udp.local_addr()?.port();
        Ok(Self { udp, tcp: bind_tcp(address, port)?, port })
    }
}

/// A TCP socket that holds its port but refuses connections until it listens.
pub(super) fn bind_tcp(address: Ipv4Addr, port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((address, port)))?;
    Ok(socket)
}

/// The single port over UDP: a session for each sender and SSRC.
pub(super) async fn single_udp(core: Arc<Core>, socket: UdpSocket, port: u16) {
    let mut sessions: HashMap<(SocketAddr, u32), Inlet> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { return };
        let Some(packet) = Packet::parse(&buffer[..length]) else { continue };
        let key = (from, packet.ssrc);
        if sessions.get(&key).is_none_or(|inlet| inlet.packets.is_closed()) {
            sessions.retain(|_, inlet| !inlet.packets.is_closed());
            let origin = single_origin(&core, Entrance::SingleUdp, port, from, packet.ssrc);
            sessions.insert(key, start(&core, origin));
        }
        if let Some(inlet) = sessions.get(&key) {
            // Full: lost, as in a full socket buffer.
            let _ = inlet.packets.try_send(Arrival { packet, from });
        }
    }
}

/// The single port over TCP: a session for each connection.
pub(super) async fn single_tcp(core: Arc<Core>, listener: TcpListener, port: u16) {
    loop {
        let Ok((connection, from)) = listener.accept().await else { return };
        let task = Arc::clone(&core);
        core.spawn(async move {
            let mut inlet: Option<Inlet> = None;
            read_framed(connection, |packet| {
                let inlet = inlet.get_or_insert_with(|| {
                    start(&task, single_origin(&task, Entrance::SingleTcp, port, from, packet.ssrc))
                });
                let _ = inlet.packets.try_send(Arrival { packet, from });
            })
            .await;
            if let Some(inlet) = inlet {
                let _ = inlet.control.send(Control::PeerClosed).await;
            }
        });
    }
}

/// What lets a packet into a server of `openRtpServer`.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) inlet: Inlet,
    /// 0: any.
    pub(super) ssrc: Arc<AtomicU32>,
    pub(super) dropped: Arc<AtomicU64>,
}

impl Door {
    fn take(&self, packet: Packet, from: SocketAddr) {
        let wanted = self.ssrc.load(Ordering::Relaxed);
        if wanted != 0 && wanted != packet.ssrc {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let _ = self.inlet.packets.try_send(Arrival { packet, from });
    }
}

/// A UDP server of `openRtpServer`; it keeps to the first sender that got in.
pub(super) async fn server_udp(socket: UdpSocket, door: Door) {
    let mut buffer = vec![0; 65_536];
    let mut first = None;
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { return };
        let Some(packet) = Packet::parse(&buffer[..length]) else { continue };
        let wanted = door.ssrc.load(Ordering::Relaxed);
        if (wanted == 0 || wanted == packet.ssrc) && *first.get_or_insert(from) != from {
            door.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        door.take(packet, from);
    }
}

/// A TCP server of `openRtpServer`, tcp_mode 1; one connection after the other.
pub(super) async fn server_tcp(listener: TcpListener, door: Door) {
    loop {
        let Ok((connection, from)) = listener.accept().await else { return };
        read_framed(connection, |packet| door.take(packet, from)).await;
        let _ = door.inlet.control.send(Control::PeerClosed).await;
    }
}

/// A connection that the server made (tcp_mode 2). Its end is not noticed but by the silence.
pub(super) async fn connected(connection: impl AsyncRead + Unpin, from: SocketAddr, door: Door) {
    read_framed(connection, |packet| door.take(packet, from)).await;
}

/// Starts the task of a publisher on the single port.
fn start(core: &Arc<Core>, origin: Origin) -> Inlet {
    let (inlet, outlet) = inlet();
    let session = Session {
        core: Arc::clone(core),
        origin,
        inlet: inlet.clone(),
        packets: outlet.packets,
        control: outlet.control,
    };
    core.spawn(session.run());
    inlet
}

fn single_origin(core: &Core, entrance: Entrance, port: u16, peer: SocketAddr, ssrc: u32) -> Origin {
    Origin {
        asked: Key::of_ssrc(ssrc),
        entrance,
        local_port: port,
        peer,
        ssrc,
        session: core.next_id(),
        since: Instant::now(),
    }
}

async fn read_framed(mut connection: impl AsyncRead + Unpin, mut take: impl FnMut(Packet)) {
    let mut deframer = Deframer::default();
    let mut buffer = vec![0; 65_536];
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => deframer.push(&buffer[..length]),
        }
        while let Some(bytes) = deframer.next_packet() {
            if let Some(packet) = Packet::parse(&bytes) {
                take(packet);
            }
        }
    }
}

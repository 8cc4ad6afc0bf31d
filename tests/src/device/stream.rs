//! The RTP of a session.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::offer::{Carrier, Offer};
use crate::rtp::{self, Packet, Packetizer};

/// A socket for media, bound but not connected: its port goes into the SDP answer.
#[derive(Debug)]
pub(super) enum Outlet {
    TcpConnect(TcpSocket, SocketAddr),
    TcpListen(TcpListener),
    Udp(UdpSocket, SocketAddr),
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) sample: &'static [u8],
    pub(super) ssrc: u32,
    pub(super) speed: u32,
    /// Where the file ends; `None`: never.
    pub(super) frames: Option<u64>,
    pub(super) lose_one_in: Option<u32>,
    pub(super) undecodable: bool,
}

enum Wire {
    Tcp(TcpStream),
    Udp(UdpSocket, SocketAddr),
}

impl Outlet {
    pub(super) async fn bind(offer: &Offer) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(match offer.carrier {
            Carrier::TcpConnect => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(any)?;
                Self::TcpConnect(socket, offer.target)
            }
            Carrier::TcpListen => Self::TcpListen(TcpListener::bind(any).await?),
            Carrier::Udp => Self::Udp(UdpSocket::bind(any).await?, offer.target),
        })
    }

    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::TcpConnect(socket, _) => socket.local_addr(),
            Self::TcpListen(listener) => listener.local_addr(),
            Self::Udp(socket, _) => socket.local_addr(),
        }
    }

    async fn open(self) -> io::Result<Wire> {
        Ok(match self {
            Self::TcpConnect(socket, target) => Wire::Tcp(socket.connect(target).await?),
            Self::TcpListen(listener) => Wire::Tcp(listener.accept().await?.0),
            Self::Udp(socket, target) => Wire::Udp(socket, target),
        })
    }
}

impl Wire {
    async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let bytes = packet.to_bytes();
        match self {
            Self::Tcp(stream) => stream.write_all(&rtp::frame(&bytes)).await,
            Self::Udp(socket, target) => socket.send_to(&bytes, *target).await.map(drop),
        }
    }
}

/// Sends until the file ends or the socket fails, counting packets. `started` is called before the first.
pub(super) async fn run(
    outlet: Outlet,
    plan: Plan,
    sent: &watch::Sender<u64>,
    started: impl FnOnce() + Send,
) -> io::Result<()> {
    let mut wire = outlet.open().await?;
    started();
    let mut packetizer = Packetizer::new(plan.ssrc);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rtp::FRAME_RATE / plan.speed.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let packs = rtp::packs(plan.sample);
    let mut number = 0_u32;
    for (frame, pack) in (1..).zip(packs.iter().cycle()) {
        pace.tick().await;
        for mut packet in packetizer.pack(pack) {
            number = number.wrapping_add(1);
            if plan.lose_one_in.is_some_and(|n| number.is_multiple_of(n.max(1))) {
                continue;
            }
            if plan.undecodable {
                packet.payload.fill(0x55);
            }
            wire.send(&packet).await?;
            sent.send_modify(|count| *count += 1);
        }
        if plan.frames.is_some_and(|last| frame >= last) {
            return Ok(());
        }
    }
    Ok(())
}

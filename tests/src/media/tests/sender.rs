//! A sender of RTP that knows nothing of SIP.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use crate::rtp::{self, Packet, Packetizer};

/// Sends until it is stopped or dropped.
pub(super) struct Sender {
    task: JoinHandle<()>,
}

pub(super) const SSRC: u32 = 200_000_001;
pub(super) const STREAM: &str = "0BEBC201";
/// Ten frames a second, twenty times faster.
const PACE: Duration = Duration::from_millis(5);

enum Wire {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Sender {
    /// Over UDP, from a port of its own.
    pub(super) async fn udp(target: SocketAddr, ssrc: u32) -> Self {
        Self::udp_sending(target, ssrc, rtp::SAMPLE).await
    }

    pub(super) async fn udp_sending(target: SocketAddr, ssrc: u32, sample: &'static [u8]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(target).await.unwrap();
        Self::run(Wire::Udp(socket), ssrc, sample)
    }

    /// Over TCP, connecting.
    pub(super) async fn tcp(target: SocketAddr, ssrc: u32) -> Self {
        Self::run(Wire::Tcp(TcpStream::connect(target).await.unwrap()), ssrc, rtp::SAMPLE)
    }

    /// Over TCP, waiting to be connected to.
    pub(super) async fn listening(listener: TcpListener, ssrc: u32) -> Self {
        Self::run(Wire::Tcp(listener.accept().await.unwrap().0), ssrc, rtp::SAMPLE)
    }

    /// Stops; over TCP the connection closes.
    pub(super) async fn stop(self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    fn run(mut wire: Wire, ssrc: u32, sample: &'static [u8]) -> Self {
        let task = tokio::spawn(async move {
            let mut packetizer = Packetizer::new(ssrc);
            let mut pace = tokio::time::interval(PACE);
            let packs = match rtp::packs(sample) {
                packs if packs.is_empty() => vec![sample],
                packs => packs,
            };
            for pack in packs.into_iter().cycle() {
                pace.tick().await;
                for packet in packetizer.pack(pack) {
                    if wire.send(&packet).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self { task }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    async fn send(&mut self, packet: &Packet) -> std::io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(&rtp::frame(&packet.to_bytes())).await,
            // Nobody listening is no error of the sender.
            Self::Udp(socket) => socket.send(&packet.to_bytes()).await.map(drop).or(Ok(())),
        }
    }
}

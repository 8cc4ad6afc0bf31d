//! The socket between a device and the platform.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::Mutex;

use super::{DeviceConfig, Transport};
use crate::sip::{Framer, Message};

/// The sending side; shared.
#[derive(Debug)]
pub(super) enum Link {
    Tcp { write: Mutex<OwnedWriteHalf>, local: SocketAddr },
    Udp { socket: Arc<UdpSocket>, platform: SocketAddr, local: SocketAddr },
}

/// The receiving side; one task has it.
#[derive(Debug)]
pub(super) enum Reader {
    Tcp { read: OwnedReadHalf, framer: Framer },
    Udp { socket: Arc<UdpSocket>, buffer: Vec<u8> },
}

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    Closed,
    Message(Message),
    Rubbish,
}

/// Opens the socket of a device, at its own address.
pub(super) async fn open(config: &DeviceConfig) -> io::Result<(Link, Reader)> {
    let (platform, any) = (config.platform, SocketAddr::from((config.address, 0)));
    match config.transport {
        Transport::Tcp => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(any)?;
            let stream = socket.connect(platform).await?;
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            let (read, write) = stream.into_split();
            Ok((
                Link::Tcp { write: Mutex::new(write), local },
                Reader::Tcp { read, framer: Framer::default() },
            ))
        }
        Transport::Udp => {
            let socket = Arc::new(UdpSocket::bind(any).await?);
            let local = socket.local_addr()?;
            let link = Link::Udp { socket: Arc::clone(&socket), platform, local };
            Ok((link, Reader::Udp { socket, buffer: vec![0; 65_536] }))
        }
    }
}

impl Link {
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp { write, .. } => write.lock().await.write_all(bytes).await,
            Self::Udp { socket, platform, .. } => socket.send_to(bytes, platform).await.map(drop),
        }
    }

    pub(super) fn local(&self) -> SocketAddr {
        match self {
            Self::Tcp { local, .. } | Self::Udp { local, .. } => *local,
        }
    }

    /// The transport's name in Via.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Tcp { .. } => "TCP",
            Self::Udp { .. } => "UDP",
        }
    }

    pub(super) fn is_reliable(&self) -> bool {
        matches!(self, Self::Tcp { .. })
    }
}

impl Reader {
    pub(super) async fn next(&mut self) -> Incoming {
        match self {
            Self::Tcp { read, framer } => next_on_tcp(read, framer).await,
            Self::Udp { socket, buffer } => match socket.recv_from(buffer).await {
                Ok((length, _)) => {
                    Message::parse(&buffer[..length]).map_or(Incoming::Rubbish, Incoming::Message)
                }
                Err(_) => Incoming::Closed,
            },
        }
    }
}

async fn next_on_tcp(read: &mut OwnedReadHalf, framer: &mut Framer) -> Incoming {
    let mut buffer = [0; 8_192];
    loop {
        if let Some(message) = framer.next_message() {
            return message.map_or(Incoming::Rubbish, Incoming::Message);
        }
        match read.read(&mut buffer).await {
            Ok(0) | Err(_) => return Incoming::Closed,
            Ok(length) => framer.push(&buffer[..length]),
        }
    }
}

//! Who is at the other end: where a packet came from, and so where its answer goes.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// The other end of an exchange. Never taken from Via or Contact: cameras name private addresses
/// there, and a stranger could name anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    /// How its packets travel.
    pub transport: Transport,
    /// The source of its packets.
    pub remote: SocketAddr,
    /// The address of ours that its packets come to.
    pub local: SocketAddr,
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    /// On this connection and no other: nobody can be reached at a port that only called out.
    Tcp(ConnectionId),
    /// As datagrams.
    Udp,
}

/// One TCP connection, never given twice while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

impl Peer {
    /// A peer that sends datagrams.
    pub fn udp(remote: SocketAddr, local: SocketAddr) -> Self {
        Self { transport: Transport::Udp, remote, local }
    }

    /// A peer at the other end of a connection.
    pub fn tcp(connection: ConnectionId, remote: SocketAddr, local: SocketAddr) -> Self {
        Self { transport: Transport::Tcp(connection), remote, local }
    }

    /// Whether the transport loses nothing, so that nothing is sent twice (RFC 3261 §17).
    pub fn is_reliable(&self) -> bool {
        matches!(self.transport, Transport::Tcp(_))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.remote)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "TCP",
            Self::Udp => "UDP",
        })
    }
}

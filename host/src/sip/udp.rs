//! Datagrams.

use std::{
    collections::HashMap,
    fs,
    io::{self, IoSlice},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket},
    os::fd::AsRawFd,
    path::Path,
};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, Type};
use tokio::{io::Interest, net::UdpSocket};
use tracing::debug;

use super::{
    core::{Peer, Transmit},
    filter,
    inbox::Inbox,
};

/// One socket, with what is needed to say who its peers are.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
    routes: Routes,
    inbox: Inbox,
}

impl Socket {
    /// Opens a socket with room for a storm: ten thousand devices that come back at once fill the
    /// kernel's usual buffer in milliseconds, and then retransmit in step for half a minute.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Beyond the system's limit with the right to it, else up to the limit, else as it is.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err()
            && let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER)
        {
            debug!(%error, "the receive buffer stays small");
        }
        if let Err(error) = socket.set_send_buffer_size(SEND_BUFFER) {
            debug!(%error, "the send buffer stays small");
        }
        if let Err(error) = filter::attach(&socket) {
            debug!(%error, "what is sent to everybody is answered too");
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, routes: Routes::new(address), inbox: Inbox::new() })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number by which the kernel lists it.
    pub(super) fn inode(&self) -> Option<u64> {
        let link =
            fs::read_link(Path::new("/proc/self/fd").join(self.socket.as_raw_fd().to_string())).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }

    /// Waits until `receive` has something.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Takes in datagrams that wait; how many there are now.
    pub(super) fn receive(&mut self) -> io::Result<usize> {
        let Self { socket, inbox, .. } = self;
        // It is not filled where tokio knows that nothing waits.
        inbox.clear();
        let taken = socket.try_io(Interest::READABLE, || match inbox.fill(socket) {
            // Saying so now saves the call that would find nothing.
            Ok(true) => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        });
        match taken {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(self.inbox.len()),
        }
    }

    /// One of the datagrams that were taken in.
    pub(super) fn datagram(&mut self, index: usize) -> (Peer, &[u8]) {
        let (remote, bytes) = self.inbox.datagram(index);
        (Peer::udp(remote, self.routes.local(remote)), bytes)
    }

    /// Sends datagrams, each at once or not at all, and says how many went: a packet lost here is a packet lost, and
    /// the transactions know what to do about that.
    pub(super) fn send(&self, batch: &[Transmit]) -> usize {
        let (mut from, mut sent) = (0, 0);
        while from < batch.len() {
            let taken = self.send_some(&batch[from..]).unwrap_or(0);
            sent += taken;
            // The kernel stops before one that it does not take.
            from += taken.max(1);
        }
        sent
    }

    /// Hands datagrams to the kernel in one call; how many it took. It alone says whether there is room: tokio would
    /// say no before it has first heard of the socket.
    fn send_some(&self, batch: &[Transmit]) -> rustix::io::Result<usize> {
        let remotes: Vec<_> =
            batch.iter().map(|transmit| SocketAddrAny::from(transmit.peer.remote)).collect();
        let bytes: Vec<_> = batch.iter().map(|transmit| [IoSlice::new(&transmit.bytes)]).collect();
        let mut extras: Vec<_> = batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let parts = remotes.iter().zip(&bytes).zip(&mut extras);
        let mut messages: Vec<_> =
            parts.map(|((remote, bytes), extra)| MMsgHdr::new_with_addr(remote, bytes, extra)).collect();
        sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT)
    }
}

/// Which address of ours a peer sees. On a socket that is bound to one address it is that one.
/// Otherwise the route tells: a connected socket that sends nothing knows the address that our
/// packets to the peer leave from, which is also where its answers must come. (The address that
/// a packet came *to* would need IP_PKTINFO; it differs only on hosts with
/// several addresses in one network.)
#[derive(Debug)]
struct Routes {
    bound: SocketAddr,
    known: HashMap<IpAddr, IpAddr>,
}

impl Routes {
    fn new(bound: SocketAddr) -> Self {
        Self { bound, known: HashMap::new() }
    }

    fn local(&mut self, remote: SocketAddr) -> SocketAddr {
        if !self.bound.ip().is_unspecified() {
            return self.bound;
        }
        if let Some(local) = self.known.get(&remote.ip()) {
            return SocketAddr::new(*local, self.bound.port());
        }
        let local = probe(remote).unwrap_or_else(|_| self.bound.ip());
        if self.known.len() >= KNOWN_ROUTES {
            self.known.clear();
        }
        self.known.insert(remote.ip(), local);
        SocketAddr::new(local, self.bound.port())
    }
}

fn probe(remote: SocketAddr) -> io::Result<IpAddr> {
    let any = match remote {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let probe = StdSocket::bind((any, 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}

/// The drops of the socket `inode`, from the kernel's table.
pub(super) fn kernel_drops(inode: u64) -> Option<u64> {
    let tables =
        ["/proc/net/udp", "/proc/net/udp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let ours = columns.get(INODE_COLUMN)?.parse() == Ok(inode);
        if ours { columns.last()?.parse().ok() } else { None }
    })
}

/// What is asked of the kernel for datagrams that wait: 64 MiB, which it doubles, is a hundred thousand of them. It
/// takes memory only while they wait. Without the right to more (CAP_NET_ADMIN), `net.core.rmem_max` is the limit.
const RECEIVE_BUFFER: usize = 64 << 20;
/// What is asked of the kernel for answers that wait while a batch is worked off.
const SEND_BUFFER: usize = 1 << 20;
/// Peers whose route is remembered.
const KNOWN_ROUTES: usize = 262_144;
/// Which column of `/proc/net/udp` holds the inode.
const INODE_COLUMN: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_taken_in_is_there_once() {
        let mut socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let sender = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        sender.send_to(b"a", socket.address()).unwrap();
        socket.readable().await.unwrap();
        assert_eq!(socket.receive().unwrap(), 1);
        assert_eq!(socket.datagram(0).1, b"a");
        assert_eq!(socket.receive().unwrap(), 0, "tokio knows that nothing waits");
    }
}

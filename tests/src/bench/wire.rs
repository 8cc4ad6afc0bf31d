//! The generator's sockets.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use sluice_tests::random::Dice;

/// What is asked of the kernel for answers that wait: a whole storm's.
const RECEIVE_BUFFER: usize = 64 << 20;

/// Some sockets that all talk to one address. Devices share them.
pub(crate) struct Wire {
    sockets: Vec<Socket>,
    poll: Poll,
    events: Events,
    /// Of a thousand datagrams, in either direction, so many are lost.
    lost_per_mille: u32,
    dice: Cell<Dice>,
    sent: Cell<u64>,
}

struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Wire {
    /// Opens `count` sockets, each at a loopback address of its own.
    pub(crate) fn open(count: u8, peer: SocketAddr) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut sockets =
            (2..2 + count).map(|host| Socket::open(host, peer)).collect::<io::Result<Vec<_>>>()?;
        for (index, socket) in sockets.iter_mut().enumerate() {
            poll.registry().register(&mut socket.socket, Token(index), Interest::READABLE)?;
        }
        let events = Events::with_capacity(256);
        Ok(Self {
            sockets,
            poll,
            events,
            lost_per_mille: 0,
            dice: Cell::new(Dice::new(1)),
            sent: Cell::new(0),
        })
    }

    /// The same, but of a thousand datagrams so many are lost, in either direction.
    pub(crate) fn losing(self, per_mille: u32) -> Self {
        Self { lost_per_mille: per_mille, ..self }
    }

    /// How many datagrams went out.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(crate) fn address(&self, socket: usize) -> SocketAddr {
        self.sockets[socket].address
    }

    /// Sends a datagram. What the kernel does not take is lost, as on any network.
    pub(crate) fn send(&self, socket: usize, datagram: &[u8]) {
        if !self.loses() && self.sockets[socket].socket.send(datagram).is_ok() {
            self.sent.set(self.sent.get() + 1);
        }
    }

    /// Receives the next datagram of a socket into `room`; none if there is none.
    pub(crate) fn receive(&self, socket: usize, room: &mut [u8]) -> Option<usize> {
        loop {
            match self.sockets[socket].socket.recv(room) {
                Ok(_) if self.loses() => {}
                Ok(length) => return Some(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // Nobody listens while the gateway starts.
                Err(_) => {}
            }
        }
    }

    /// Sleeps until something has come, or for so long. Only after `receive` had nothing.
    pub(crate) fn wait(&mut self, longest: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(longest)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Wire {
    /// Whether the next datagram is lost.
    fn loses(&self) -> bool {
        let mut dice = self.dice.get();
        let lost = self.lost_per_mille > 0 && dice.happens(self.lost_per_mille);
        self.dice.set(dice);
        lost
    }
}

impl Socket {
    fn open(host: u8, peer: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0))?;
        // Without the right to it, as much as the system allows.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        socket.set_nonblocking(true)?;
        socket.connect(peer)?;
        Ok(Self { address: socket.local_addr()?, socket: UdpSocket::from_std(socket) })
    }
}

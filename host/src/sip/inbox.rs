//! Datagrams, taken in from the kernel many at a time: a call for each would cost more than reading it.

use std::{array, io, mem, net::SocketAddr, os::fd::AsRawFd, ptr};

use socket2::{SockAddr, SockAddrStorage};

/// Most datagrams that are taken with one call.
const MOST: usize = 32;

/// Longest datagram.
const LONGEST: usize = 65_535;

/// Room for datagrams, and those that came with the last call.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Takes memory only as far as datagrams have come to fill it.
    room: Vec<u8>,
    /// Source and length.
    come: Vec<(SocketAddr, usize)>,
}

impl Inbox {
    /// An empty inbox.
    pub(super) fn new() -> Self {
        Self { room: vec![0; MOST * LONGEST], come: Vec::with_capacity(MOST) }
    }

    /// Throws away what is here.
    pub(super) fn clear(&mut self) {
        self.come.clear();
    }

    /// Takes in what waits at `socket`, in the place of what is here. False when more may wait.
    pub(super) fn fill(&mut self, socket: &impl AsRawFd) -> io::Result<bool> {
        self.clear();
        self.receive(socket)?;
        Ok(self.come.len() < MOST)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.come.len()
    }

    /// A datagram and its source. `index` is below [`len`](Self::len).
    pub(super) fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let (source, length) = self.come[index];
        (source, &self.room[index * LONGEST..][..length])
    }

    #[expect(unsafe_code, reason = "recvmmsg(2) has no safe wrapper among our dependencies")]
    fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<()> {
        let mut sources: [_; MOST] = array::from_fn(|_| SockAddrStorage::zeroed());
        // SAFETY: these are plain numbers and pointers of C, for all of which zero is a value.
        let (mut parts, mut messages): ([libc::iovec; MOST], [libc::mmsghdr; MOST]) =
            unsafe { mem::zeroed() };
        for (index, room) in self.room.chunks_exact_mut(LONGEST).enumerate() {
            parts[index] = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let header = &mut messages[index].msg_hdr;
            header.msg_iov = &raw mut parts[index];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut sources[index]).cast();
            header.msg_namelen = sources[index].size_of();
        }
        // SAFETY: each pointer leads to as many bytes as stands beside it, all of which live until the call is over;
        // null is no timeout.
        let count = unsafe {
            let (socket, most) = (socket.as_raw_fd(), MOST as libc::c_uint);
            libc::recvmmsg(socket, messages.as_mut_ptr(), most, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (source, message) in sources.into_iter().zip(&messages).take(count) {
            // SAFETY: the kernel has written an address of that length there.
            let source = unsafe { SockAddr::new(source, message.msg_hdr.msg_namelen) };
            // There is no other than IP's on such a socket.
            let source = source.as_socket().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
            self.come.push((source, message.msg_len as usize));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn datagrams_come_in_order_with_their_sources_and_more_may_wait() {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (socket, senders) = (bind(), [bind(), bind()]);
        let mut inbox = Inbox::new();
        assert_eq!(inbox.fill(&socket).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let long = vec![b'x'; 60_000];
        senders[0].send_to(&long, socket.local_addr().unwrap()).unwrap();
        for number in 1..MOST + 2 {
            senders[number % 2]
                .send_to(&[u8::try_from(number).unwrap()], socket.local_addr().unwrap())
                .unwrap();
        }
        assert!(!inbox.fill(&socket).unwrap(), "one is left");
        assert_eq!(inbox.datagram(0), (senders[0].local_addr().unwrap(), &long[..]));
        assert_eq!(inbox.datagram(31), (senders[1].local_addr().unwrap(), &[31][..]));
        assert!(inbox.fill(&socket).unwrap());
        assert_eq!((inbox.len(), inbox.datagram(0).1), (2, &[32][..]));
        assert!(inbox.fill(&socket).is_err());
        assert_eq!(inbox.len(), 0);
    }
}

//! Peers that have registered: what their neighbours do costs them nothing.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::core::{Peer, Transport};

/// Who has registered, by transport, address and port. The gateway writes it, the driver reads it.
///
/// A packet from a regular is read even where its source is cut for what others did there: the other devices behind
/// its NAT, or somebody who forges its address and has to guess its port. It is not charged for mistakes either: a
/// camera whose bodies we cannot read must not silence its neighbours.
#[derive(Debug, Default)]
pub struct Regulars {
    key: RandomState,
    /// How many devices have registered from a peer: those of a lower platform share one. Keyed hashes, since there
    /// are as many as devices. Held for one look-up.
    known: Mutex<HashMap<u64, u32>>,
}

impl Regulars {
    /// A device has registered from `to`, or is spoken with there from now on; before it was at `from`.
    pub fn moved(&self, from: Option<Peer>, to: Option<Peer>) {
        if from == to {
            return;
        }
        let mut known = self.lock();
        if let Some(to) = to {
            *known.entry(self.name(to)).or_default() += 1;
        }
        if let Some(from) = from
            && let Entry::Occupied(mut devices) = known.entry(self.name(from))
        {
            *devices.get_mut() -= 1;
            if *devices.get() == 0 {
                devices.remove();
            }
        }
    }

    /// Whether a device has registered from there.
    pub fn contains(&self, peer: Peer) -> bool {
        let name = self.name(peer);
        self.lock().contains_key(&name)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn name(&self, peer: Peer) -> u64 {
        let connection = match peer.transport {
            Transport::Tcp(id) => Some(id),
            Transport::Udp => None,
        };
        self.key.hash_one((connection, peer.remote))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::core::ConnectionId, *};

    fn peer(port: u16) -> Peer {
        Peer::udp(([192, 0, 2, 1], port).into(), ([192, 0, 2, 9], 5060).into())
    }

    #[test]
    fn a_peer_is_known_as_long_as_one_device_is_there() {
        let regulars = Regulars::default();
        regulars.moved(None, Some(peer(1)));
        regulars.moved(None, Some(peer(1)));
        regulars.moved(Some(peer(1)), Some(peer(1)));
        assert!(regulars.contains(peer(1)) && !regulars.contains(peer(2)));
        regulars.moved(Some(peer(1)), Some(peer(2)));
        assert!(regulars.contains(peer(1)) && regulars.contains(peer(2)));
        regulars.moved(Some(peer(1)), None);
        assert!(!regulars.contains(peer(1)));
        assert_eq!(regulars.count(), 1);
        regulars.moved(Some(peer(7)), None);
        assert_eq!(regulars.count(), 1, "who was never there cannot leave");
    }

    #[test]
    fn a_datagram_is_not_a_connection() {
        let regulars = Regulars::default();
        let connection = |id| Peer::tcp(ConnectionId(id), peer(1).remote, peer(1).local);
        regulars.moved(None, Some(connection(1)));
        assert!(regulars.contains(connection(1)));
        assert!(!regulars.contains(connection(2)) && !regulars.contains(peer(1)));
    }
}

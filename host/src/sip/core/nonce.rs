//! Nonces that need no memory until they have been used.
//!
//! A nonce is its own record: when it was made, a random part, and an HMAC over both and the
//! address it was made for. Any number of challenges costs nothing to keep; a flood of REGISTERs
//! fills no table. Only a nonce with which somebody was let in is remembered, until its time is
//! over.
//!
//! It is bound to the sender's IP address and not to the port: a NAT may give the second
//! REGISTER another port, and TCP devices often open a new connection for it. What the port
//! would add, that nothing is replayed from behind the same address, is won by remembering.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    num::ParseIntError,
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{digest::Credentials, fields::Cseq};

/// How long the same request may come again with its nonce: 64 × T1, as long as a client
/// retransmits (RFC 3261 §17.1.2.2, Timer F).
const RETRANSMISSION_SECS: u32 = 32;
/// Used nonces that are remembered unless [`NonceKeeper::with_capacity`] says otherwise: more
/// than 100,000 devices use in the usual lifetime, in some 15 MB.
const CAPACITY: usize = 1 << 18;

/// Bytes of the random part: two devices at one address in one second get different nonces.
pub const RANDOM: usize = 8;
const TIME: usize = size_of::<u32>();
/// Bytes of the HMAC that are kept. Nobody can try 2^95 of them over a network.
const SEAL: usize = 12;

/// What is known of the nonce in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceState {
    /// We made it for this address, and it may serve now.
    Fresh,
    /// It has served already: without `qop` a second time, with `qop` under an `nc` that has not risen.
    Replayed,
    /// We made it for this address, but its time is over.
    Stale,
    /// We did not make it, or made it for another address.
    Unknown,
}

/// Makes nonces and knows which have served.
pub struct NonceKeeper {
    mac: Hmac<Sha256>,
    lifetime: u32,
    started: Instant,
    used: BTreeMap<Id, Use>,
    capacity: usize,
    /// Nonces from before this second are stale though their time is not over: what was
    /// remembered of them had to make room.
    floor: u32,
    fingerprints: RandomState,
}

/// A nonce without its seal. The oldest sort first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    /// Seconds since the keeper started.
    made: u32,
    random: [u8; RANDOM],
}

/// The last request that was let in with a nonce.
struct Use {
    /// None without `qop`: such a nonce serves once.
    count: Option<u32>,
    /// Of source, Call-ID, CSeq and response: the same request again has the same. Whoever overheard it has
    /// another source, be it only another port of the same host.
    fingerprint: u64,
    /// When it first came, in seconds since the keeper started.
    since: u32,
}

/// A request that carries a nonce.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Where the packet came from.
    pub source: SocketAddr,
    /// The credentials with the nonce.
    pub credentials: &'a Credentials,
    /// The request's Call-ID.
    pub call_id: &'a str,
    /// The request's CSeq.
    pub cseq: &'a Cseq,
}

impl NonceKeeper {
    /// A keeper whose nonces live for `lifetime`, in whole seconds. `key` must be random and new
    /// for each process: what has been used is not remembered beyond it.
    pub fn new(now: Instant, key: [u8; 32], lifetime: Duration) -> Self {
        Self::with_capacity(now, key, lifetime, CAPACITY)
    }

    /// The same, remembering at most `capacity` used nonces. When there are more, the oldest are
    /// forgotten and everything as old counts as stale: devices have to try again sooner, and
    /// nothing can be replayed.
    pub fn with_capacity(now: Instant, key: [u8; 32], lifetime: Duration, capacity: usize) -> Self {
        let lifetime = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        let (used, fingerprints) = (BTreeMap::new(), RandomState::new());
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes keys of any length (RFC 2104 §3)");
        Self { mac, lifetime, started: now, used, capacity: capacity.max(1), floor: 0, fingerprints }
    }

    /// A nonce for whoever sends from `source`. The caller brings `random`.
    pub fn mint(&self, now: Instant, source: IpAddr, random: [u8; RANDOM]) -> String {
        let id = Id { made: self.seconds(now), random };
        let seal = self.seal(id, source);
        hex::encode([&id.made.to_be_bytes()[..], &id.random, &seal].concat())
    }

    /// What is known of the nonce that was presented. Nothing is remembered by looking.
    pub fn judge(&self, now: Instant, presented: &Presented<'_>) -> NonceState {
        let Some(id) = self.open(presented) else {
            return NonceState::Unknown;
        };
        if id.made < self.floor || self.seconds(now).saturating_sub(id.made) > self.lifetime {
            return NonceState::Stale;
        }
        let Ok(count) = count(presented.credentials) else {
            return NonceState::Replayed;
        };
        match self.used.get(&id) {
            None => NonceState::Fresh,
            Some(last) if self.is_retransmission(now, last, presented) => NonceState::Fresh,
            Some(last) if last.count.is_some() && count > last.count => NonceState::Fresh,
            Some(_) => NonceState::Replayed,
        }
    }

    /// Remembers that the request was let in. Judges once more first, since another request may
    /// have come in between: only if the answer is `Fresh` may this one be let in.
    pub fn consume(&mut self, now: Instant, presented: &Presented<'_>) -> NonceState {
        let state = self.judge(now, presented);
        if let (NonceState::Fresh, Some(id), Ok(count)) =
            (state, self.open(presented), count(presented.credentials))
        {
            self.forget(now);
            let fingerprint = self.fingerprint(presented);
            let since = match self.used.get(&id) {
                Some(last) if last.fingerprint == fingerprint => last.since,
                _ => self.seconds(now),
            };
            self.used.insert(id, Use { count, fingerprint, since });
        }
        state
    }

    /// How many used nonces are remembered.
    pub fn remembered(&self) -> usize {
        self.used.len()
    }

    /// Drops what is stale anyway, then the oldest until there is room for one more.
    fn forget(&mut self, now: Instant) {
        self.floor = self.floor.max(self.seconds(now).saturating_sub(self.lifetime));
        while let Some((oldest, _)) = self.used.first_key_value() {
            if oldest.made >= self.floor {
                if self.used.len() < self.capacity {
                    return;
                }
                self.floor = oldest.made.saturating_add(1);
            }
            self.used.pop_first();
        }
    }

    fn is_retransmission(&self, now: Instant, last: &Use, presented: &Presented<'_>) -> bool {
        self.seconds(now).saturating_sub(last.since) <= RETRANSMISSION_SECS
            && last.fingerprint == self.fingerprint(presented)
    }

    fn fingerprint(&self, presented: &Presented<'_>) -> u64 {
        let Presented { source, credentials, call_id, cseq } = presented;
        self.fingerprints.hash_one((source, call_id, cseq, &credentials.response, &credentials.nc))
    }

    /// The nonce in the credentials, if its seal is ours and for this address.
    fn open(&self, presented: &Presented<'_>) -> Option<Id> {
        let mut bytes = [0; TIME + RANDOM + SEAL];
        hex::decode_to_slice(&presented.credentials.nonce, &mut bytes).ok()?;
        let (made, rest) = bytes.split_first_chunk::<TIME>()?;
        let (random, seal) = rest.split_first_chunk::<RANDOM>()?;
        let id = Id { made: u32::from_be_bytes(*made), random: *random };
        bool::from(self.seal(id, presented.source.ip()).ct_eq(seal)).then_some(id)
    }

    fn seal(&self, id: Id, source: IpAddr) -> [u8; SEAL] {
        let source = match source {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mac = self.mac.clone().chain_update(id.made.to_be_bytes()).chain_update(id.random);
        let tag = mac.chain_update(source.octets()).finalize().into_bytes();
        std::array::from_fn(|index| tag[index])
    }

    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.started).as_secs()).unwrap_or(u32::MAX)
    }
}

/// The nonce count; `Ok(None)` without `qop`, an error if `qop` stands there and no number does.
fn count(credentials: &Credentials) -> Result<Option<u32>, ParseIntError> {
    let Some(_) = credentials.qop else {
        return Ok(None);
    };
    u32::from_str_radix(credentials.nc.as_deref().unwrap_or_default(), 16).map(Some)
}

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

/// A nonce that a request carries, read by the keeper that is asked about it.
pub struct Shown(Option<Ours>);

/// A nonce that we made for the address that it came from, and what the request says beside it.
struct Ours {
    id: Id,
    count: Result<Option<u32>, ParseIntError>,
    fingerprint: u64,
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

    /// Reads the nonce that was presented: what is asked of it from then on costs no hash.
    pub fn read(&self, presented: &Presented<'_>) -> Shown {
        let shown =
            |id| Ours { id, count: count(presented.credentials), fingerprint: self.fingerprint(presented) };
        Shown(self.open(presented).map(shown))
    }

    /// What is known of a nonce. Nothing is remembered by looking.
    pub fn judge(&self, now: Instant, shown: &Shown) -> NonceState {
        let Some(Ours { id, count, fingerprint }) = &shown.0 else {
            return NonceState::Unknown;
        };
        if id.made < self.floor || self.seconds(now).saturating_sub(id.made) > self.lifetime {
            return NonceState::Stale;
        }
        let Ok(count) = count else {
            return NonceState::Replayed;
        };
        match self.used.get(id) {
            None => NonceState::Fresh,
            Some(last) if self.is_retransmission(now, last, *fingerprint) => NonceState::Fresh,
            Some(last) if last.count.is_some() && *count > last.count => NonceState::Fresh,
            Some(_) => NonceState::Replayed,
        }
    }

    /// Remembers that the request was let in. Judges once more first, since another request may
    /// have come in between: only if the answer is `Fresh` may this one be let in.
    pub fn consume(&mut self, now: Instant, shown: &Shown) -> NonceState {
        let state = self.judge(now, shown);
        if let (NonceState::Fresh, Some(Ours { id, count: Ok(count), fingerprint })) = (state, &shown.0) {
            self.forget(now);
            let since = match self.used.get(id) {
                Some(last) if last.fingerprint == *fingerprint => last.since,
                _ => self.seconds(now),
            };
            self.used.insert(*id, Use { count: *count, fingerprint: *fingerprint, since });
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

    fn is_retransmission(&self, now: Instant, last: &Use, fingerprint: u64) -> bool {
        self.seconds(now).saturating_sub(last.since) <= RETRANSMISSION_SECS && last.fingerprint == fingerprint
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

#[cfg(test)]
mod tests {
    use super::{super::message::Method, NonceState::*, *};

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const LIFETIME: Duration = Duration::from_secs(300);

    /// A keeper and the time it started at.
    #[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
    fn keeper(capacity: usize) -> (NonceKeeper, Instant) {
        let now = Instant::now();
        (NonceKeeper::with_capacity(now, [7; 32], LIFETIME, capacity), now)
    }

    fn judge(keeper: &NonceKeeper, now: Instant, presented: &Presented<'_>) -> NonceState {
        keeper.judge(now, &keeper.read(presented))
    }

    fn consume(keeper: &mut NonceKeeper, now: Instant, presented: &Presented<'_>) -> NonceState {
        let shown = keeper.read(presented);
        keeper.consume(now, &shown)
    }

    fn credentials(nonce: String, nc: Option<&str>) -> Credentials {
        let qop = nc.map(|_| "auth".to_owned());
        Credentials { nonce, qop, nc: nc.map(str::to_owned), ..Credentials::default() }
    }

    fn cseq(number: u32) -> Cseq {
        Cseq { number, method: Method::Register }
    }

    fn from<'a>(source: IpAddr, credentials: &'a Credentials, cseq: &'a Cseq) -> Presented<'a> {
        Presented { source: SocketAddr::new(source, 5060), credentials, call_id: "call", cseq }
    }

    #[test]
    fn a_repetition_comes_from_where_the_request_came_from() {
        // What broke: a copied REGISTER with a branch of its own, sent from another port of the same host,
        // passed as a repetition and took the device's session there.
        let (mut keeper, now) = keeper(9);
        let given = credentials(keeper.mint(now, HOME, [1; RANDOM]), None);
        let cseq = cseq(2);
        let there = from(HOME, &given, &cseq);
        assert_eq!(consume(&mut keeper, now, &there), Fresh);
        assert_eq!(judge(&keeper, now, &there), Fresh);
        let elsewhere = Presented { source: SocketAddr::new(HOME, 5061), ..there };
        assert_eq!(judge(&keeper, now, &elsewhere), Replayed);
    }

    #[test]
    fn a_nonce_serves_its_address_only() {
        let (keeper, now) = keeper(9);
        let given = credentials(keeper.mint(now, HOME, [1; RANDOM]), None);
        assert_eq!(judge(&keeper, now, &from(HOME, &given, &cseq(2))), Fresh);
        assert_eq!(judge(&keeper, now, &from(AWAY, &given, &cseq(2))), Unknown);
        let mapped = IpAddr::V6("::ffff:192.0.2.1".parse().expect("an address"));
        assert_eq!(judge(&keeper, now, &from(mapped, &given, &cseq(2))), Fresh, "a dual-stack socket");
    }

    #[test]
    fn a_nonce_of_another_key_or_no_nonce_is_unknown() {
        let (keeper, now) = keeper(9);
        let other = NonceKeeper::new(now, [8; 32], LIFETIME);
        let mut nonces =
            vec![other.mint(now, HOME, [1; RANDOM]), String::new(), "abc".into(), "ü".repeat(48)];
        let ours = keeper.mint(now, HOME, [1; RANDOM]);
        nonces.extend((0..ours.len()).map(|at| {
            let changed = if &ours[at..=at] == "0" { "1" } else { "0" };
            format!("{}{changed}{}", &ours[..at], &ours[at + 1..])
        }));
        for nonce in nonces {
            assert_eq!(judge(&keeper, now, &from(HOME, &credentials(nonce, None), &cseq(2))), Unknown);
        }
    }

    #[test]
    fn two_devices_at_one_address_in_one_second_get_two() {
        let (keeper, now) = keeper(9);
        assert_ne!(keeper.mint(now, HOME, [1; RANDOM]), keeper.mint(now, HOME, [2; RANDOM]));
    }

    #[test]
    fn a_nonce_is_stale_after_its_lifetime_used_or_not() {
        let (mut keeper, now) = keeper(9);
        let given = credentials(keeper.mint(now, HOME, [1; RANDOM]), None);
        let late = now + LIFETIME + Duration::from_secs(1);
        assert_eq!(judge(&keeper, now + LIFETIME, &from(HOME, &given, &cseq(2))), Fresh);
        assert_eq!(judge(&keeper, late, &from(HOME, &given, &cseq(2))), Stale);
        assert_eq!(consume(&mut keeper, now, &from(HOME, &given, &cseq(2))), Fresh);
        assert_eq!(judge(&keeper, late, &from(HOME, &given, &cseq(2))), Stale);
    }

    #[test]
    fn without_qop_a_nonce_serves_once_but_for_a_retransmission() {
        let (mut keeper, now) = keeper(9);
        let given = credentials(keeper.mint(now, HOME, [1; RANDOM]), None);
        assert_eq!(consume(&mut keeper, now, &from(HOME, &given, &cseq(2))), Fresh);
        assert_eq!(consume(&mut keeper, now, &from(HOME, &given, &cseq(2))), Fresh, "the same request again");
        assert_eq!(judge(&keeper, now, &from(HOME, &given, &cseq(3))), Replayed);
        let second = cseq(2);
        let other_call = Presented { call_id: "other", ..from(HOME, &given, &second) };
        assert_eq!(judge(&keeper, now, &other_call), Replayed);
        let late = now + Duration::from_secs(33);
        assert_eq!(
            judge(&keeper, late, &from(HOME, &given, &cseq(2))),
            Replayed,
            "no client retransmits so long"
        );
        let counted = credentials(given.nonce.clone(), Some("00000001"));
        assert_eq!(judge(&keeper, now, &from(HOME, &counted, &cseq(3))), Replayed, "nor with qop");
    }

    #[test]
    fn a_refused_request_uses_nothing_up() {
        let (mut keeper, now) = keeper(9);
        let given = credentials(keeper.mint(now, HOME, [1; RANDOM]), None);
        assert_eq!(judge(&keeper, now, &from(HOME, &given, &cseq(2))), Fresh);
        assert_eq!(keeper.remembered(), 0);
        assert_eq!(consume(&mut keeper, now, &from(HOME, &given, &cseq(3))), Fresh);
    }

    #[test]
    fn with_qop_the_count_must_rise() {
        let (mut keeper, now) = keeper(9);
        let nonce = keeper.mint(now, HOME, [1; RANDOM]);
        let mut ask = |nc: &str, number| {
            let given = credentials(nonce.clone(), Some(nc));
            consume(&mut keeper, now, &from(HOME, &given, &cseq(number)))
        };
        assert_eq!(ask("00000001", 2), Fresh);
        assert_eq!(ask("00000001", 3), Replayed);
        assert_eq!(ask("0000000A", 3), Fresh, "it may skip");
        assert_eq!(ask("0000000a", 3), Replayed, "other bytes, so no retransmission");
        assert_eq!(ask("00000009", 4), Replayed);
        assert_eq!(ask("", 5), Replayed, "no count is no rise");
        assert_eq!(ask("0000000b", 6), Fresh);
    }

    #[test]
    fn memory_is_given_back_when_the_time_is_over() {
        let (mut keeper, now) = keeper(9);
        for random in 0..3 {
            let given = credentials(keeper.mint(now, HOME, [random; RANDOM]), None);
            consume(&mut keeper, now, &from(HOME, &given, &cseq(1)));
        }
        assert_eq!(keeper.remembered(), 3);
        let late = now + LIFETIME + Duration::from_secs(1);
        let given = credentials(keeper.mint(late, HOME, [9; RANDOM]), None);
        consume(&mut keeper, late, &from(HOME, &given, &cseq(1)));
        assert_eq!(keeper.remembered(), 1);
    }

    /// A full table must not forget a nonce that could then be used again: everything as old as
    /// what had to go is stale.
    #[test]
    fn a_full_table_forgets_nothing_that_could_be_replayed() {
        let (mut keeper, now) = keeper(2);
        let at = |second| now + Duration::from_secs(second);
        let given: Vec<_> = (0..3)
            .map(|second| credentials(keeper.mint(at(second), HOME, [second as u8; RANDOM]), None))
            .collect();
        let unused = credentials(keeper.mint(at(0), HOME, [9; RANDOM]), None);
        for credentials in &given {
            assert_eq!(consume(&mut keeper, at(2), &from(HOME, credentials, &cseq(1))), Fresh);
        }
        assert_eq!(keeper.remembered(), 2);
        let judged: Vec<_> =
            given.iter().map(|old| judge(&keeper, at(2), &from(HOME, old, &cseq(2)))).collect();
        assert_eq!(judged, [Stale, Replayed, Replayed]);
        assert_eq!(judge(&keeper, at(2), &from(HOME, &unused, &cseq(2))), Stale);
    }
}

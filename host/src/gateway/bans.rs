//! Bans after wrong passwords, by device and source together.
//!
//! By the device alone, a stranger could lock a camera out; by the source alone, a camera with a wrong password would
//! lock out its neighbours behind the same NAT. A wrong password counts only under a nonce that was made for the
//! source, so nobody can have another banned by forging his address. And whoever is registered from
//! exactly there is let through whatever stands here: his neighbour at the same address may have guessed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::config::SipLimits;
use crate::gb28181::DeviceId;
use crate::sip::Reason;
use crate::sip::core::Peer;

use super::{Error, Gateway};

/// Most pairs of device and source that are remembered. Past that the one that failed longest ago is forgotten.
const CAPACITY: usize = 16_384;

/// After so much peace, in lengths of the longest ban, a pair begins anew.
const PEACE: u32 = 2;

/// A device that gets no answer at a source, because its password was wrong there too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BanShown {
    #[schema(example = "37070000081118000001")]
    device: String,
    #[schema(example = "192.0.2.20")]
    source: String,
    /// Seconds until it ends.
    seconds: u64,
    /// How many bans there have been, this one included.
    times: u32,
}

impl Gateway {
    /// The bans in force, by device and source.
    pub fn bans(&self) -> Vec<BanShown> {
        let shown = |ban: Ban| BanShown {
            device: ban.device.to_string(),
            source: ban.source.to_string(),
            seconds: ban.left.as_secs(),
            times: ban.times,
        };
        self.0.bans.list(Instant::now()).into_iter().map(shown).collect()
    }

    /// Lifts the bans of a device, of a source, of both together, or all; how many there were.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when `source` is no IP address.
    pub fn lift_bans(&self, device: Option<&str>, source: Option<&str>) -> Result<usize, Error> {
        let source = source.map(|text| {
            text.parse().map_err(|_| Error::BadParameter(format!("source: {text} is no IP address")))
        });
        Ok(self.0.bans.lift(device, source.transpose()?, Instant::now()))
    }

    /// Whether a REGISTER gets silence; counts it then.
    pub(super) fn is_banned(&self, device: &DeviceId, peer: Peer) -> bool {
        let banned = self.0.bans.holds(device, peer.remote.ip(), Instant::now())
            && self.0.registry.peer(device) != Some(peer);
        if banned {
            self.0.sip.drops().count(Reason::Banned);
        }
        banned
    }

    /// Counts a wrong password. The line that tells of a ban is meant for fail2ban too: the source stands first,
    /// where no device's name can stand in for it.
    pub(super) fn note_failure(&self, device: &DeviceId, peer: Peer) {
        let source = peer.remote.ip();
        if let Some(length) = self.0.bans.fail(device, source, Instant::now()) {
            let seconds = length.as_secs();
            tracing::warn!(%source, device.id = %device, seconds, "registration banned");
        }
    }
}

/// When somebody is banned, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Wrong passwords in a row.
    pub(super) failures: u32,
    /// How long the first ban lasts; it doubles with each one.
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
}

impl From<&SipLimits> for Rules {
    fn from(limits: &SipLimits) -> Self {
        Self {
            failures: limits.auth_failures,
            shortest: Duration::from_secs(limits.ban_min_secs),
            longest: Duration::from_secs(limits.ban_max_secs),
        }
    }
}

/// A ban that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) device: DeviceId,
    pub(super) source: IpAddr,
    /// How much longer.
    pub(super) left: Duration,
    /// How many bans there have been, this one included.
    pub(super) times: u32,
}

/// Who has failed, and who is banned for it.
#[derive(Debug)]
pub(super) struct Bans {
    rules: Rules,
    /// Looked at for each REGISTER with credentials; nothing under the lock waits.
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    pairs: HashMap<(DeviceId, IpAddr), Record>,
    /// The same by when they last failed, so that the oldest is found when there are too many.
    order: BTreeMap<u64, (DeviceId, IpAddr)>,
    last: u64,
}

#[derive(Debug)]
struct Record {
    failures: u32,
    bans: u32,
    until: Option<Instant>,
    failed: Instant,
    place: u64,
}

impl Bans {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, records: Mutex::default() }
    }

    /// Whether `device` gets no answer at `source` now.
    pub(super) fn holds(&self, device: &DeviceId, source: IpAddr, now: Instant) -> bool {
        let records = self.lock();
        if records.pairs.is_empty() {
            return false;
        }
        let record = records.pairs.get(&(device.clone(), source.to_canonical()));
        record.and_then(|record| record.until).is_some_and(|until| until > now)
    }

    /// Counts a wrong password; where it was one too many, how long the ban lasts that begins now.
    pub(super) fn fail(&self, device: &DeviceId, source: IpAddr, now: Instant) -> Option<Duration> {
        let mut records = self.lock();
        let record = records.renew((device.clone(), source.to_canonical()), now);
        if now.duration_since(record.failed) > PEACE * self.rules.longest {
            (record.failures, record.bans) = (0, 0);
        }
        record.failed = now;
        record.failures += 1;
        if record.failures < self.rules.failures {
            return None;
        }
        let length = self.rules.shortest.saturating_mul(1 << record.bans.min(16)).min(self.rules.longest);
        (record.failures, record.bans) = (0, record.bans.saturating_add(1));
        record.until = Some(now + length);
        Some(length)
    }

    /// Forgets what `device` did wrong at `source`: it has registered.
    pub(super) fn succeed(&self, device: &DeviceId, source: IpAddr) {
        let mut records = self.lock();
        if !records.pairs.is_empty() {
            records.forget(&(device.clone(), source.to_canonical()));
        }
    }

    /// Lifts the bans of `device`, of `source`, of both, or all; how many there were.
    pub(super) fn lift(&self, device: Option<&str>, source: Option<IpAddr>, now: Instant) -> usize {
        let mut records = self.lock();
        let source = source.map(|source| source.to_canonical());
        let meant = |(id, at): &(DeviceId, IpAddr)| {
            device.is_none_or(|device| id.as_str() == device) && source.is_none_or(|source| *at == source)
        };
        let pairs: Vec<_> = records.pairs.keys().filter(|pair| meant(pair)).cloned().collect();
        let lifted = pairs.iter().filter_map(|pair| records.forget(pair));
        lifted.filter(|record| record.until.is_some_and(|until| until > now)).count()
    }

    /// The bans in force, by device and source.
    pub(super) fn list(&self, now: Instant) -> Vec<Ban> {
        let records = self.lock();
        let mut bans: Vec<_> =
            records.pairs.iter().filter_map(|(pair, record)| record.ban(pair, now)).collect();
        bans.sort_by(|one, other| (&one.device, one.source).cmp(&(&other.device, other.source)));
        bans
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    /// The record of `pair`, which counts as the newest from now on.
    fn renew(&mut self, pair: (DeviceId, IpAddr), now: Instant) -> &mut Record {
        let fresh = Record { failures: 0, bans: 0, until: None, failed: now, place: 0 };
        let mut record = self.forget(&pair).unwrap_or(fresh);
        while self.pairs.len() >= CAPACITY
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.pairs.remove(&oldest);
        }
        self.last += 1;
        record.place = self.last;
        self.order.insert(self.last, pair.clone());
        self.pairs.entry(pair).or_insert(record)
    }

    fn forget(&mut self, pair: &(DeviceId, IpAddr)) -> Option<Record> {
        let record = self.pairs.remove(pair)?;
        self.order.remove(&record.place);
        Some(record)
    }
}

impl Record {
    fn ban(&self, (device, source): &(DeviceId, IpAddr), now: Instant) -> Option<Ban> {
        let left = self.until?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(Ban { device: device.clone(), source: *source, left, times: self.bans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { failures: 3, shortest: Duration::from_secs(60), longest: Duration::from_secs(200) };

    fn id(number: u32) -> DeviceId {
        DeviceId::parse(&format!("37070000081118{number:06}")).unwrap()
    }

    fn at(number: u32) -> IpAddr {
        IpAddr::V4((0xC000_0200 + number).into())
    }

    fn fail(bans: &Bans, times: u32, now: Instant) -> Vec<Option<u64>> {
        let lengths = (0..times).map(|_| bans.fail(&id(1), at(1), now));
        lengths.map(|length| length.map(|length| length.as_secs())).collect()
    }

    #[test]
    fn a_ban_begins_with_one_failure_too_many_and_ends_and_is_longer_each_time() {
        let (bans, now) = (Bans::new(RULES), Instant::now());
        assert_eq!(fail(&bans, 3, now), [None, None, Some(60)]);
        assert!(bans.holds(&id(1), at(1), now + Duration::from_secs(59)));
        let over = now + Duration::from_secs(60);
        assert!(!bans.holds(&id(1), at(1), over) && bans.list(over).is_empty());
        assert_eq!(
            fail(&bans, 9, over),
            [None, None, Some(120), None, None, Some(200), None, None, Some(200)]
        );
        let peace = over + 3 * RULES.longest;
        assert_eq!(fail(&bans, 3, peace), [None, None, Some(60)], "long ago is forgiven");
    }

    #[test]
    fn neither_the_device_elsewhere_nor_its_neighbour_is_banned() {
        let (bans, now) = (Bans::new(RULES), Instant::now());
        fail(&bans, 3, now);
        assert!(bans.holds(&id(1), at(1), now));
        assert!(!bans.holds(&id(1), at(2), now) && !bans.holds(&id(2), at(1), now));
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert!(bans.holds(&id(1), mapped, now), "a dual-stack socket");
    }

    #[test]
    fn a_success_in_between_forgives() {
        let (bans, now) = (Bans::new(RULES), Instant::now());
        fail(&bans, 2, now);
        bans.succeed(&id(1), at(1));
        assert_eq!(fail(&bans, 2, now), [None, None]);
    }

    #[test]
    fn bans_are_listed_and_lifted() {
        let (bans, now) = (Bans::new(RULES), Instant::now());
        for (device, source) in [(1, 1), (1, 2), (2, 1)] {
            (0..3).for_each(|_| _ = bans.fail(&id(device), at(source), now));
        }
        bans.fail(&id(3), at(3), now);
        let listed = |bans: &Bans| {
            let list = bans.list(now + Duration::from_secs(10));
            list.into_iter()
                .map(|ban| (ban.device, ban.source, ban.left.as_secs(), ban.times))
                .collect::<Vec<_>>()
        };
        let (first, second, third) = ((id(1), at(1), 50, 1), (id(1), at(2), 50, 1), (id(2), at(1), 50, 1));
        assert_eq!(listed(&bans), [first, second.clone(), third]);
        assert_eq!(bans.lift(None, Some(at(1)), now), 2);
        assert_eq!(listed(&bans), [second]);
        assert_eq!(bans.lift(Some(id(1).as_str()), Some(at(9)), now), 0);
        assert_eq!(bans.lift(None, None, now), 1, "what is no ban yet is forgiven, and does not count");
        assert_eq!(bans.list(now), []);
    }

    #[test]
    fn the_table_is_bounded() {
        let (bans, now) = (Bans::new(Rules { failures: 1, ..RULES }), Instant::now());
        let many = u32::try_from(CAPACITY).unwrap() + 10;
        (0..many).for_each(|number| _ = bans.fail(&id(number), at(1), now));
        assert_eq!(bans.list(now).len(), CAPACITY);
        assert_eq!(bans.lock().order.len(), CAPACITY);
        assert!(!bans.holds(&id(9), at(1), now) && bans.holds(&id(10), at(1), now), "the oldest had to go");
    }
}

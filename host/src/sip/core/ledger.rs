//! What sources of packets owe, so that one who sends rubbish is soon not read any more.
//!
//! Nobody is limited in how much he sends, only in how much of it is wrong: a hundred thousand cameras that come
//! back after a power cut send no more than they must, and a thousand of them may share one NAT. So a packet costs
//! nothing. What costs is what came of it: a *mistake* (it could not be read or served, or was refused) or a
//! *challenge* (a 401); the registration that follows pays one of each back. A challenge costs the same whether the
//! device that was named exists or not: nobody finds out ids by watching where the silence begins.
//!
//! A debt wears off with time. A source that owes more than is borne is cut: its packets are dropped unread until it
//! owes less. So a flood gets as many packets a second read as are forgiven a second.
//!
//! The table has a fixed size. It is cut into rows of eight; in a row that is full, whoever owes least is
//! forgotten. Sources that are forged by the million push one another out, and not the one that sends most.

use std::{
    hash::{BuildHasher, RandomState},
    time::Instant,
};

use super::peer::Peer;
use crate::source::source;

/// Accounts in one row.
const ROW: usize = 8;

/// A second in microseconds.
const SECOND: u64 = 1_000_000;

/// How much is borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Mistakes of one source before it is cut.
    pub mistakes: u32,
    /// How many of them are forgiven each second; 0 is one an hour.
    pub mistakes_per_sec: u32,
    /// Challenges to one source that no registration has followed, before it is cut.
    pub challenges: u32,
    /// How many of them are forgiven each second; 0 is one an hour.
    pub challenges_per_sec: u32,
    /// Sources remembered, about.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mistakes: 1_000,
            mistakes_per_sec: 50,
            challenges: 200_000,
            challenges_per_sec: 2_000,
            sources: 65_536,
        }
    }
}

/// What a packet has cost us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    /// It was answered 401, or was a repetition.
    Challenge,
    /// It could not be read or served, or was refused.
    Mistake,
}

/// The accounts of all sources.
#[derive(Debug)]
pub struct Ledger {
    mistakes: Tariff,
    challenges: Tariff,
    started: Instant,
    key: RandomState,
    rows: Vec<[Account; ROW]>,
    /// Until then at the latest somebody is cut.
    calm_after: u64,
}

/// What one kind of fee is, in microseconds: as long as it takes to be forgiven.
#[derive(Clone, Copy, Debug)]
struct Tariff {
    fee: u64,
    borne: u64,
}

/// What a source owes, as the moments at which it will owe nothing; microseconds since the ledger was opened.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// A keyed hash of the source: nobody outside can aim for a row, or for another's account.
    source: u64,
    mistakes: u64,
    challenges: u64,
    /// Whether it was told that the source is cut, and has not owed less than half of what is borne since.
    told: bool,
}

impl Ledger {
    /// A ledger in which nobody owes anything.
    pub fn new(now: Instant, limits: Limits) -> Self {
        let rows = (limits.sources / ROW).next_power_of_two();
        Self {
            mistakes: Tariff::new(limits.mistakes, limits.mistakes_per_sec),
            challenges: Tariff::new(limits.challenges, limits.challenges_per_sec),
            started: now,
            key: RandomState::new(),
            rows: vec![[Account::default(); ROW]; rows],
            calm_after: 0,
        }
    }

    /// Whether what comes from `peer` is to be dropped unread.
    pub fn is_cut(&self, now: Instant, peer: Peer) -> bool {
        let now = self.micros(now);
        if now >= self.calm_after {
            return false;
        }
        let (source, row) = self.place(peer);
        let account = self.rows[row].iter().find(|account| account.source == source);
        account.is_some_and(|account| self.cut_until(account) > now)
    }

    /// Writes down what a packet from `peer` has cost. True if the source is cut now, and was not before, but for the
    /// moments in which a flood is heard again.
    pub fn charge(&mut self, now: Instant, peer: Peer, fee: Fee) -> bool {
        let now = self.micros(now);
        let (source, row) = self.place(peer);
        let account = find(&mut self.rows[row], source);
        let (owed, tariff) = match fee {
            Fee::Challenge => (&mut account.challenges, self.challenges),
            Fee::Mistake => (&mut account.mistakes, self.mistakes),
        };
        let is_better = owed.saturating_sub(now) < tariff.borne / 2;
        *owed = (*owed).max(now) + tariff.fee;
        let until = owed.saturating_sub(tariff.borne);
        self.calm_after = self.calm_after.max(until);
        let was_told = account.told && !is_better;
        account.told = until > now || was_told;
        until > now && !was_told
    }

    /// Takes a challenge and a mistake back: somebody at `peer` has registered. A site whose router got another
    /// address is refused first, device by device, since it keeps alive from where nobody has registered.
    pub fn refund(&mut self, peer: Peer) {
        let (source, row) = self.place(peer);
        if let Some(account) = self.rows[row].iter_mut().find(|account| account.source == source) {
            account.challenges = account.challenges.saturating_sub(self.challenges.fee);
            account.mistakes = account.mistakes.saturating_sub(self.mistakes.fee);
        }
    }

    /// Sources that owe something.
    pub fn debtors(&self, now: Instant) -> usize {
        let now = self.micros(now);
        self.rows.iter().flatten().filter(|account| account.mistakes.max(account.challenges) > now).count()
    }

    fn cut_until(&self, account: &Account) -> u64 {
        let mistakes = account.mistakes.saturating_sub(self.mistakes.borne);
        mistakes.max(account.challenges.saturating_sub(self.challenges.borne))
    }

    fn place(&self, peer: Peer) -> (u64, usize) {
        // 0 stands for nobody.
        let source = self.key.hash_one((source(peer.remote.ip()), peer.is_reliable())).max(1);
        // The number of rows is a power of two.
        (source, source as usize & (self.rows.len() - 1))
    }

    fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(u64::MAX)
    }
}

impl Tariff {
    fn new(borne: u32, per_sec: u32) -> Self {
        let fee = SECOND.checked_div(u64::from(per_sec)).map_or(3_600 * SECOND, |fee| fee.max(1));
        Self { fee, borne: fee * u64::from(borne) }
    }
}

/// The account of `source`; where it has none, it takes the place of whoever owes least.
fn find(row: &mut [Account; ROW], source: u64) -> &mut Account {
    let known = row.iter().position(|account| account.source == source);
    let owed = |account: &Account| account.mistakes.max(account.challenges);
    let least = || (0..ROW).min_by_key(|&index| owed(&row[index])).unwrap_or_default();
    let account = &mut row[known.unwrap_or_else(least)];
    if account.source != source {
        *account = Account { source, ..Account::default() };
    }
    account
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    const LIMITS: Limits =
        Limits { mistakes: 3, mistakes_per_sec: 2, challenges: 5, challenges_per_sec: 10, sources: 64 };

    #[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
    fn ledger() -> (Ledger, Instant) {
        let now = Instant::now();
        (Ledger::new(now, LIMITS), now)
    }

    fn peer(host: u32, port: u16) -> Peer {
        let local = (Ipv4Addr::LOCALHOST, 5060).into();
        Peer::udp((Ipv4Addr::from(0xC000_0200 + host), port).into(), local)
    }

    #[test]
    fn a_source_is_cut_when_it_owes_more_than_is_borne_and_heard_when_it_owes_less() {
        let (mut ledger, now) = ledger();
        let charged: Vec<_> = (0..5).map(|port| ledger.charge(now, peer(1, port), Fee::Mistake)).collect();
        assert_eq!(charged, [false, false, false, true, false], "told once, whatever the port");
        assert!(ledger.is_cut(now, peer(1, 9)) && !ledger.is_cut(now, peer(2, 9)));
        assert!(ledger.is_cut(now + Duration::from_millis(999), peer(1, 9)));
        let later = now + Duration::from_secs(1);
        assert!(!ledger.is_cut(later, peer(1, 9)), "two a second are forgiven");
        ledger.charge(later, peer(1, 9), Fee::Mistake);
        assert!(
            !ledger.charge(later, peer(1, 9), Fee::Mistake) && ledger.is_cut(later, peer(1, 9)),
            "no news"
        );
        assert_eq!(ledger.debtors(now), 1);
        let peace = now + Duration::from_secs(9);
        assert_eq!(ledger.debtors(peace), 0);
        let again: Vec<_> = (0..4).map(|_| ledger.charge(peace, peer(1, 1), Fee::Mistake)).collect();
        assert_eq!(again, [false, false, false, true], "news once more");
    }

    #[test]
    fn a_registration_pays_its_challenge_back() {
        let (mut ledger, now) = ledger();
        for _ in 0..1_000 {
            assert!(!ledger.charge(now, peer(1, 1), Fee::Challenge));
            ledger.refund(peer(1, 2));
        }
        for _ in 0..5 {
            assert!(!ledger.charge(now, peer(1, 1), Fee::Challenge), "a storm stays below the limit");
        }
        assert!(ledger.charge(now, peer(1, 1), Fee::Challenge) && ledger.is_cut(now, peer(1, 1)));
        ledger.refund(peer(1, 1));
        assert!(!ledger.is_cut(now, peer(1, 1)));
        ledger.refund(peer(3, 1));
        assert_eq!(ledger.debtors(now), 1, "a refund opens no account");
    }

    #[test]
    fn datagrams_can_be_forged_and_connections_cannot() {
        let (mut ledger, now) = ledger();
        (0..9).for_each(|_| _ = ledger.charge(now, peer(1, 1), Fee::Mistake));
        let connection = Peer::tcp(super::super::peer::ConnectionId(1), peer(1, 1).remote, peer(1, 1).local);
        assert!(ledger.is_cut(now, peer(1, 1)) && !ledger.is_cut(now, connection));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let (mut ledger, now) = ledger();
        let at = |text: &str| Peer::udp(text.parse().expect("an address"), peer(1, 1).local);
        (0..9).for_each(|port| _ = ledger.charge(now, at(&format!("[2001:db8::{port}]:1")), Fee::Mistake));
        assert!(ledger.is_cut(now, at("[2001:db8::ffff:1]:2")));
        assert!(!ledger.is_cut(now, at("[2001:db8:0:1::1]:2")));
        (0..9).for_each(|_| _ = ledger.charge(now, at("[::ffff:192.0.2.9]:1"), Fee::Mistake));
        assert!(ledger.is_cut(now, peer(9, 1)), "IPv4 on a dual-stack socket");
    }

    /// A million forged sources must neither grow the table nor hide the one that floods.
    #[test]
    fn forged_sources_push_one_another_out() {
        let (mut ledger, now) = ledger();
        (0..20).for_each(|_| _ = ledger.charge(now, peer(0, 1), Fee::Mistake));
        for host in 1..1_000_000 {
            ledger.charge(now, peer(host, 1), Fee::Mistake);
        }
        assert!(ledger.is_cut(now, peer(0, 1)));
        assert_eq!((ledger.rows.len() * ROW, ledger.debtors(now)), (64, 64));
    }
}

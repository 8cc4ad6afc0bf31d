//! What a caller may take of us: connections and time. And how often one wanted more.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{config::Config, source::source};

/// What calls may take beside what is configured: the store's time, and the media server's.
const SLACK: Duration = Duration::from_secs(60);

/// The limits as configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) connections_per_source: usize,
    /// Of a request's line and headers, in bytes.
    pub(super) head_size: usize,
    /// For them to come, and for an idle connection.
    pub(super) head: Duration,
    /// Of a hook's body, in bytes.
    pub(super) body_size: usize,
    /// For it to come.
    pub(super) body: Duration,
    /// For a caller to take more of an answer.
    pub(super) write: Duration,
    /// For a call of the API. Each of its steps has a limit of its own; this is for what nobody thought of.
    pub(super) call: Duration,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        let Config { http, record, sip, stream, .. } = config;
        let steps = [
            record.file_timeout_secs,
            sip.files_timeout_secs,
            sip.invite_timeout_secs,
            stream.start_timeout_secs,
        ];
        let steps = steps.into_iter().fold(0_u64, u64::saturating_add);
        Self {
            connections: http.connections_max,
            connections_per_source: http.connections_per_source_max,
            head_size: http.head_max_kb.saturating_mul(1024),
            head: Duration::from_secs(http.head_timeout_secs),
            body_size: http.body_max_kb.saturating_mul(1024),
            body: Duration::from_secs(http.body_timeout_secs),
            write: Duration::from_secs(http.write_timeout_secs),
            call: Duration::from_secs(steps).saturating_add(SLACK),
        }
    }
}

/// Who holds how many connections. No larger than the number of connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(
    // A lock, since each connection gives its seat back by itself; held for one look-up.
    Arc<Mutex<HashMap<IpAddr, usize>>>,
);

impl Seats {
    /// A seat for a connection from `address`; none if its source has `most` already.
    pub(super) fn take(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let source = source(address);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(source).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { source, seats: self.clone() })
    }
}

/// One connection's; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    source: IpAddr,
    seats: Seats,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

/// Why a connection or a request was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A hook's body was too large, too slow or broken off.
    Body,
    /// A call of the API took too long.
    Call,
    /// The source has too many connections.
    Connections,
    /// A request's head was too large, or no HTTP.
    Head,
    /// A hook came from an address that none is taken from.
    HookSource,
    /// A hook had not the right token.
    HookToken,
    /// A request's head did not come in time.
    Slow,
    /// The caller took nothing of its answer.
    Stalled,
}

impl Cut {
    /// All of them, in the order in which [`Cuts`] counts.
    const ALL: [Self; 8] = [
        Self::Body,
        Self::Call,
        Self::Connections,
        Self::Head,
        Self::HookSource,
        Self::HookToken,
        Self::Slow,
        Self::Stalled,
    ];

    /// One word for figures.
    fn label(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Call => "call-timeout",
            Self::Connections => "connections",
            Self::Head => "head",
            Self::HookSource => "hook-source",
            Self::HookToken => "hook-token",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
        }
    }
}

/// How often each of them happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Cuts(Arc<[AtomicU64; Cut::ALL.len()]>);

impl Cuts {
    /// Counts one; how many there are now.
    pub(super) fn count(&self, cut: Cut) -> u64 {
        self.0[cut as usize].fetch_add(1, Relaxed) + 1
    }

    /// Each with its count.
    pub(super) fn counts(&self) -> [(&'static str, u64); Cut::ALL.len()] {
        Cut::ALL.map(|cut| (cut.label(), self.0[cut as usize].load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_source_has_so_many_seats_and_gets_them_back() {
        let seats = Seats::default();
        let one = address("192.0.2.1");
        let (first, second) = (seats.take(one, 2), seats.take(one, 2));
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(one, 2).is_none());
        assert!(seats.take(address("::ffff:192.0.2.1"), 2).is_none(), "the same, on an IPv6 socket");
        assert!(seats.take(address("192.0.2.2"), 2).is_some());
        drop(first);
        assert!(seats.take(one, 2).is_some());
        drop(second);
        assert!(seats.0.lock().expect("no panic").is_empty());
    }

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let seats = Seats::default();
        let _held = seats.take(address("2001:db8:0:1::1"), 1);
        assert!(seats.take(address("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(seats.take(address("2001:db8:0:2::1"), 1).is_some());
    }

    #[test]
    fn each_cut_is_counted_under_its_own_name() {
        let cuts = Cuts::default();
        for (place, cut) in Cut::ALL.into_iter().enumerate() {
            assert_eq!(cut as usize, place, "{cut:?}");
            assert_eq!(cuts.count(cut), 1);
        }
        assert_eq!(cuts.count(Cut::Slow), 2);
        let counts = cuts.counts().map(|(label, count)| format!("{label} {count}")).join(", ");
        let expected =
            "body 1, call-timeout 1, connections 1, head 1, hook-source 1, hook-token 1, slow 2, stalled 1";
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_call_may_take_what_its_steps_may() {
        let mut config = Config::default();
        assert_eq!(Limits::from(&config).call, Duration::from_secs(10 + 10 + 20 + 60 + 60));
        config.sip.invite_timeout_secs = u64::MAX;
        assert!(Limits::from(&config).call >= Duration::from_secs(u64::MAX));
    }
}

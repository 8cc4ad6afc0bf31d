//! Sets a plugin aside that keeps failing, so that a broken policy costs little while it is broken.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A plugin's recent faults. Callers pass the present time.
pub(super) struct Health {
    created: Instant,
    /// Milliseconds after `created`; 0 while the plugin is in force. Read by every call, written by few.
    aside_until: AtomicU64,
    /// Locked only when a call has failed.
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    recent: VecDeque<Instant>,
    /// How often in a row the plugin was set aside.
    rounds: u32,
}

impl Health {
    /// So many faults within `WINDOW` are taken without consequence.
    const TOLERATED: usize = 5;
    const WINDOW: Duration = Duration::from_secs(60);
    const SHORTEST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(super) fn new(created: Instant) -> Self {
        Self { created, aside_until: AtomicU64::new(0), faults: Mutex::default() }
    }

    /// Whether the plugin may be asked; else how long it is still set aside.
    pub(super) fn available(&self, at: Instant) -> Result<(), Duration> {
        let until = self.created + Duration::from_millis(self.aside_until.load(Ordering::Relaxed));
        let left = until.saturating_duration_since(at);
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Whether the plugin was set aside and has not been well for long since.
    pub(super) fn keeps_failing(&self) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).rounds > 0
    }

    /// Counts a fault, and says for how long the plugin is set aside, if it is.
    pub(super) fn fault(&self, at: Instant) -> Option<Duration> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let back_off = faults.count(at)?;
        let until = (at + back_off).saturating_duration_since(self.created);
        self.aside_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Some(back_off)
    }
}

impl Faults {
    fn count(&mut self, at: Instant) -> Option<Duration> {
        while self.recent.front().is_some_and(|first| at.saturating_duration_since(*first) > Health::WINDOW) {
            self.recent.pop_front();
        }
        self.recent.push_back(at);
        if self.recent.len() <= Health::TOLERATED {
            self.rounds = 0;
            return None;
        }
        self.recent.drain(..self.recent.len() - Health::TOLERATED - 1);
        let back_off = Health::SHORTEST.saturating_mul(1 << self.rounds.min(10)).min(Health::LONGEST);
        self.rounds += 1;
        Some(back_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::limits::now;

    #[test]
    fn the_sixth_fault_in_a_minute_sets_aside_and_longer_each_time() {
        let start = now();
        let health = Health::new(start);
        for n in 0..5 {
            assert_eq!(health.fault(start + Duration::from_secs(n)), None);
        }
        let mut at = start + Duration::from_secs(5);
        let mut back_offs = Vec::new();
        for _ in 0..7 {
            assert_eq!(health.available(at), Ok(()));
            let back_off = health.fault(at).unwrap();
            assert_eq!(health.available(at), Err(back_off));
            back_offs.push(back_off.as_millis());
            at += back_off;
        }
        assert_eq!(back_offs, [200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn faults_far_apart_are_tolerated_and_a_good_minute_forgives() {
        let start = now();
        let health = Health::new(start);
        let faults: Vec<_> = (0..20).map(|n| health.fault(start + Duration::from_secs(13 * n))).collect();
        assert_eq!(faults, [None; 20]);
        let later = start + Duration::from_secs(1000);
        let burst: Vec<_> = (0..6).map(|_| health.fault(later)).collect();
        assert_eq!(burst.last().unwrap(), &Some(Duration::from_millis(200)));
        assert_eq!(health.fault(later + Duration::from_secs(61)), None);
    }
}

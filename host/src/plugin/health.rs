//! Sets a plugin aside that keeps failing, so that a broken policy costs little while it is broken; and remembers which
//! plugins are slow.

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
    recent: VecDeque<Fault>,
    /// There were more of them lately than are taken without consequence, or it was set aside lately.
    many: bool,
    /// When the plugin was last to be asked again, and how often in a row it had been set aside until then.
    back: Option<Instant>,
    rounds: u32,
}

/// A call that failed.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) at: Instant,
    /// How long it took until then.
    pub(super) took: Duration,
    /// How many calls the plugin had answered by then.
    pub(super) answered: u64,
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

    /// Whether the plugin fails more often than is taken without consequence, be it for everybody or for some.
    pub(super) fn keeps_failing(&self) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).many
    }

    /// Counts a fault, and says for how long the plugin is set aside, if it is.
    pub(super) fn fault(&self, fault: Fault) -> Option<Duration> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let back_off = faults.count(fault)?;
        let until = (fault.at + back_off).saturating_duration_since(self.created);
        self.aside_until.store(millis(until), Ordering::Relaxed);
        Some(back_off)
    }
}

impl Faults {
    fn count(&mut self, fault: Fault) -> Option<Duration> {
        let old = |first: &Fault| fault.at.saturating_duration_since(first.at) > Health::WINDOW;
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        self.recent.push_back(fault);
        let many = self.rounds > 0 || self.recent.len() > Health::TOLERATED;
        let back_lately = |back| fault.at.saturating_duration_since(back) <= Health::WINDOW;
        self.many = many || self.back.is_some_and(back_lately);
        if !many || self.are_bearable(fault) {
            self.rounds = 0;
            return None;
        }
        let back_off = Health::SHORTEST.saturating_mul(1 << self.rounds.min(10)).min(Health::LONGEST);
        self.rounds += 1;
        self.back = Some(fault.at + back_off);
        self.recent.clear();
        Some(back_off)
    }

    /// Whether it is better to ask the plugin on: to set it aside breaks it for all, and what it may be broken for is
    /// one device that sends what nobody else does. So it is asked while it answers more calls than it fails, and
    /// while its failures take less than half of a core's time.
    fn are_bearable(&mut self, last: Fault) -> bool {
        self.recent.drain(..self.recent.len().saturating_sub(Health::TOLERATED + 1));
        let first = self.recent.front().copied().unwrap_or(last);
        let answers_most = last.answered.saturating_sub(first.answered) > self.recent.len() as u64;
        let back = self.back.filter(|_| self.rounds > 0);
        let passed = match back {
            Some(back) => last.at.saturating_duration_since(back),
            None => last.at.saturating_duration_since(first.at) + first.took,
        };
        let spent: Duration = self.recent.iter().map(|fault| fault.took).sum();
        answers_most || 2 * spent < passed
    }
}

/// Whether a plugin is slow: whether several of its calls took long. Callers pass the present time.
pub(super) struct Pace {
    created: Instant,
    /// Milliseconds after `created`; 0 for a plugin that never was slow. Read by every call.
    slow_until: AtomicU64,
    /// The same, when a call last took long.
    long_at: AtomicU64,
}

impl Pace {
    /// How long it is remembered that the plugin was slow.
    const MEMORY: Duration = Duration::from_secs(60);
    /// A call that took long counts where there was another in that time: an instance may be cold, a host busy.
    const TOGETHER: Duration = Duration::from_secs(1);

    pub(super) fn new(created: Instant) -> Self {
        Self { created, slow_until: AtomicU64::new(0), long_at: AtomicU64::new(0) }
    }

    pub(super) fn is_slow(&self, at: Instant) -> bool {
        let until = self.slow_until.load(Ordering::Relaxed);
        until > 0 && at.saturating_duration_since(self.created) < Duration::from_millis(until)
    }

    /// Notes that a call took long.
    pub(super) fn note_long(&self, at: Instant) {
        let now = at.saturating_duration_since(self.created);
        let before = Duration::from_millis(self.long_at.swap(millis(now).max(1), Ordering::Relaxed));
        if self.is_slow(at) || !before.is_zero() && now.saturating_sub(before) <= Self::TOGETHER {
            self.slow_until.store(millis(now + Self::MEMORY), Ordering::Relaxed);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::limits::now;

    /// A fault that took 5 ms.
    fn fault(at: Instant, answered: u64) -> Fault {
        Fault { at, took: Duration::from_millis(5), answered }
    }

    /// Faults, so far apart, of a plugin that answers so many calls between two of them.
    fn faults(health: &Health, count: u32, apart: Duration, answers: u64) -> Vec<Option<Duration>> {
        let fault = |n| fault(health.created + apart * n, answers * u64::from(n));
        (0..count).map(|n| health.fault(fault(n))).collect()
    }

    const CLOSE: Duration = Duration::from_millis(6);

    #[test]
    fn the_sixth_fault_in_a_row_sets_aside_and_longer_each_time() {
        let start = now();
        let health = Health::new(start);
        assert_eq!(faults(&health, 5, CLOSE, 0), [None; 5]);
        let mut at = start + 5 * CLOSE;
        let mut back_offs = Vec::new();
        for _ in 0..7 {
            assert_eq!(health.available(at), Ok(()));
            let back_off = health.fault(fault(at, 0)).unwrap();
            assert_eq!(health.available(at), Err(back_off));
            back_offs.push(back_off.as_millis());
            at += back_off + CLOSE;
        }
        assert_eq!(back_offs, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!(health.keeps_failing());
    }

    #[test]
    fn faults_far_apart_are_tolerated_and_a_good_minute_forgives() {
        let start = now();
        let health = Health::new(start);
        assert_eq!(faults(&health, 20, Duration::from_secs(13), 0), [None; 20]);
        assert!(!health.keeps_failing());
        let later = start + Duration::from_secs(1000);
        let burst: Vec<_> = (0..6).map(|n| health.fault(fault(later + CLOSE * n, 0))).collect();
        assert_eq!(burst.last().unwrap(), &Some(Duration::from_millis(200)));
        assert_eq!(health.fault(fault(later + Duration::from_secs(61), 0)), None);
    }

    #[test]
    fn one_that_answers_most_calls_is_asked_on_but_is_known_to_fail() {
        let mostly = Health::new(now());
        assert_eq!((faults(&mostly, 20, CLOSE, 2), mostly.keeps_failing()), (vec![None; 20], true));
        let hardly = Health::new(now());
        assert_eq!(faults(&hardly, 6, CLOSE, 1).last().unwrap(), &Some(Duration::from_millis(200)));
    }

    #[test]
    fn one_whose_failures_take_little_time_is_asked_on_but_is_known_to_fail() {
        let seldom = Health::new(now());
        let apart = Duration::from_millis(20);
        assert_eq!((faults(&seldom, 20, apart, 0), seldom.keeps_failing()), (vec![None; 20], true));
    }

    /// Coming back, it begins anew with what is taken without consequence; what it did before is not forgotten by that.
    #[test]
    fn one_that_fails_again_after_it_was_set_aside_is_known_to_fail() {
        let health = Health::new(now());
        let back_off = faults(&health, 6, CLOSE, 0)[5].unwrap();
        let back = health.created + 5 * CLOSE + back_off;
        for n in 1..=5 {
            let again = fault(back + n * Duration::from_millis(20), 0);
            assert_eq!((health.fault(again), health.keeps_failing()), (None, true), "fault {n}");
        }
        let later = fault(back + Health::WINDOW + Duration::from_secs(1), 0);
        assert_eq!((health.fault(later), health.keeps_failing()), (None, false));
    }

    #[test]
    fn two_long_calls_at_a_time_are_slow_and_that_is_remembered_for_a_minute() {
        let start = now();
        let pace = Pace::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        for millis in [0, 1_002, 2_500] {
            pace.note_long(at(millis));
            assert!(!pace.is_slow(at(millis)), "one at {millis} ms");
        }
        pace.note_long(at(3_500));
        assert_eq!((pace.is_slow(at(63_499)), pace.is_slow(at(63_500))), (true, false));
        pace.note_long(at(63_499));
        assert!(pace.is_slow(at(100_000)), "it has not become better");
    }
}

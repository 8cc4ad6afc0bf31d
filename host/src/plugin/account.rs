//! What is kept of a plugin beside its instances: its log quota, its faults and its figures.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tracing::{debug, error, info, warn};

use super::{
    bindings::sluice::policy::host::Level,
    error::Fault,
    figures::{Figures, Meters},
    health::{self, Health, Pace},
    limits::{date, now, wall_clock},
    memory::{Memory, ValueError},
};

/// One plugin's account. It outlives its instances.
pub(super) struct Account {
    plugin: String,
    health: Health,
    pace: Pace,
    books: Arc<Books>,
    /// What a plugin that is tried sees of the wall clock; [`RUNNING`] where it is the real one.
    clock: AtomicU64,
}

/// A clock that was not stopped.
const RUNNING: u64 = u64::MAX;

/// What outlives the plugin's replacement by another version too.
struct Books {
    meters: Meters,
    memory: Memory,
    /// Locked for one count.
    lines: Mutex<Quota>,
    /// What is said of its failures, so that its own lines cannot drown it. Locked when a call has failed.
    failures: Mutex<Quota>,
    /// Locked when a call has failed.
    last_error: Mutex<Option<(Fault, u64)>>,
}

impl Account {
    /// `slots` is how many instances may work side by side.
    pub(super) fn new(plugin: &str, slots: usize, memory: Memory) -> Self {
        let books = Books {
            meters: Meters::new(slots),
            memory,
            lines: Mutex::new(Quota::new(now())),
            failures: Mutex::new(Quota::new(now())),
            last_error: Mutex::default(),
        };
        Self::over(plugin, books.into())
    }

    /// The account of another version of the plugin: it keeps the books, and begins in good health.
    pub(super) fn successor(&self) -> Self {
        Self::over(&self.plugin, self.books.clone())
    }

    fn over(plugin: &str, books: Arc<Books>) -> Self {
        Self {
            plugin: plugin.to_owned(),
            health: Health::new(now()),
            pace: Pace::new(now()),
            books,
            clock: AtomicU64::new(RUNNING),
        }
    }

    /// Stops the plugin's clock at so many milliseconds since 1970.
    pub(super) fn stop_clock(&self, at: u64) {
        self.clock.store(at, Relaxed);
    }

    /// The wall clock as the plugin sees it, in milliseconds since 1970.
    pub(super) fn wall_clock(&self) -> u64 {
        match self.clock.load(Relaxed) {
            RUNNING => wall_clock(),
            stopped => stopped,
        }
    }

    /// The account of a candidate: books of its own under a name of its own, so that nothing that it logs, counts or
    /// stores meets the plugin's.
    pub(super) fn candidate(&self, slots: usize) -> Self {
        Self::new(&format!("shadow/{}", self.plugin), slots, Memory::passing())
    }

    /// Stores a copy of what another plugin has stored.
    pub(super) fn remember_what(&self, other: &Self) {
        self.books.memory.copy(&other.books.memory);
    }

    /// Whether the plugin keeps failing.
    pub(super) fn keeps_failing(&self) -> bool {
        self.health.keeps_failing()
    }

    /// What went wrong last, and when, in Unix seconds.
    pub(super) fn last_error(&self) -> Option<(Fault, u64)> {
        lock(&self.books.last_error).clone()
    }

    /// Whether the plugin may be asked.
    pub(super) fn available(&self, at: Instant) -> Result<(), Fault> {
        self.health.available(at).map_err(Fault::Unavailable)
    }

    /// Whether several calls of the plugin took long a while ago.
    pub(super) fn is_slow(&self, at: Instant) -> bool {
        self.pace.is_slow(at)
    }

    /// Notes that a call of the plugin took long.
    pub(super) fn note_long(&self, at: Instant) {
        self.pace.note_long(at);
    }

    /// How long the plugin is still set aside, if it is.
    pub(super) fn aside(&self, at: Instant) -> Option<Duration> {
        self.health.available(at).err()
    }

    /// Books a call that began at `started` and used the instance of `slot`.
    pub(super) fn book<T>(&self, slot: usize, started: Instant, outcome: &Result<T, Fault>) {
        let ended = now();
        self.books.meters.count(slot, ended - started, outcome.as_ref().err());
        if let Err(fault) = outcome {
            self.report(fault, ended, ended - started);
        }
    }

    /// Books what was wrong with an answer that could be used all the same.
    pub(super) fn book_beside(&self, fault: Fault) {
        self.book(0, now(), &Err::<(), _>(fault));
    }

    pub(super) fn figures(&self) -> Figures {
        self.books.meters.figures(&self.plugin)
    }

    /// Once for each failure, up to a quota; but one that sets a plugin aside speaks for those it spares.
    fn report(&self, fault: &Fault, at: Instant, took: Duration) {
        let plugin = &self.plugin;
        if !matches!(fault, Fault::Unavailable(_)) {
            *lock(&self.books.last_error) = Some((fault.clone(), date()));
        }
        if fault.is_breakage() {
            if self.may_tell(at) {
                warn!(%plugin, "a plugin failed: {fault}");
            }
            let answered = self.books.meters.answered();
            if let Some(back_off) = self.health.fault(health::Fault { at, took, answered }) {
                warn!(%plugin, duration_ms = back_off.as_millis(), "the plugin keeps failing and is set aside");
            }
        } else if let (Fault::Guest(text), true) = (fault, self.may_tell(at)) {
            warn!(%plugin, "a plugin could not decide: {}", line(text));
        }
    }

    pub(super) fn log(&self, level: Level, message: &str) {
        if !self.may_log(now()) {
            return;
        }
        let (plugin, message) = (&self.plugin, line(message));
        match level {
            Level::Debug => debug!(%plugin, "{message}"),
            Level::Info => info!(%plugin, "{message}"),
            Level::Warn => warn!(%plugin, "{message}"),
            Level::Error => error!(%plugin, "{message}"),
        }
    }

    fn may_log(&self, at: Instant) -> bool {
        let (granted, dropped) = lock(&self.books.lines).take(at);
        if dropped > 0 {
            warn!(plugin = %self.plugin, dropped, "lines of the plugin's log were dropped");
        }
        granted
    }

    fn may_tell(&self, at: Instant) -> bool {
        let (granted, untold) = lock(&self.books.failures).take(at);
        if untold > 0 {
            warn!(plugin = %self.plugin, untold, "the plugin failed more often than is told one by one");
        }
        granted
    }

    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.books.memory.read(name)
    }

    pub(super) fn write(&self, name: String, value: Option<Vec<u8>>) -> Result<(), ValueError> {
        self.books.memory.write(name, value)
    }
}

/// A lock whose holder panicked still guards plain numbers, which are whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line of at most 1 KiB, without control characters: a guest must not forge lines of ours.
fn line(text: &str) -> String {
    let mut end = text.len().min(1 << 10);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace(char::is_control, " ")
}

/// So many lines in a second.
struct Quota {
    second: Instant,
    taken: u32,
    dropped: u32,
}

impl Quota {
    const LINES: u32 = 50;

    fn new(at: Instant) -> Self {
        Self { second: at, taken: 0, dropped: 0 }
    }

    /// Whether a line may be written, and how many were dropped in the second before this one.
    fn take(&mut self, at: Instant) -> (bool, u32) {
        let mut dropped = 0;
        if at.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            dropped = self.dropped;
            *self = Self::new(at);
        }
        let granted = self.taken < Self::LINES;
        if granted {
            self.taken += 1;
        } else {
            self.dropped += 1;
        }
        (granted, dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_past_the_quota_are_dropped_and_counted() {
        let start = now();
        let mut quota = Quota::new(start);
        let granted = (0..60).filter(|_| quota.take(start).0).count();
        assert_eq!(granted, 50);
        assert_eq!(quota.take(start + Duration::from_secs(1)), (true, 10));
        assert_eq!(quota.take(start + Duration::from_secs(1)), (true, 0));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(line(&"汉".repeat(400)).len(), 1023);
    }
}

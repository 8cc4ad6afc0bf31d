//! What one call of a plugin may use: time and memory.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::ResourceLimiter;

/// What an operator may change: the limits of one call. Everything else is bounded by constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of the calling thread. A deadline by the wall clock would end innocent calls on a busy machine.
    pub cpu: Duration,
    /// Wall-clock time, as a last resort.
    pub wall: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu: Duration::from_millis(5), wall: Duration::from_millis(250), memory: 16 << 20 }
    }
}

impl Limits {
    /// What `init` and `self-test` may take, whatever a call may: scripting engines start slowly.
    pub(super) const START: Duration = Duration::from_secs(2);

    /// These limits with the time that a start may take.
    pub(super) fn for_start(self) -> Self {
        Self { cpu: self.cpu.max(Self::START), wall: self.wall.max(2 * Self::START), ..self }
    }
}

/// Why the host ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("CPU time used up")]
    Cpu,
    #[error("too many host calls")]
    HostCalls,
    #[error("wall-clock time used up")]
    Wall,
}

/// Measures one call, but only once it takes long: the CPU clock is read at ticks, not at the start.
pub(super) struct Stopwatch {
    limits: Limits,
    started: Instant,
    /// What the thread's CPU clock showed at the first tick. Nobody knows how much of the time until then the thread
    /// had a core: it may have waited for one.
    cpu_at_first: Option<Duration>,
    /// What the call had used at the last tick since the first one.
    used: Duration,
}

impl Stopwatch {
    /// How often a running call is looked at.
    pub(super) const TICK: Duration = Duration::from_millis(1);

    pub(super) fn start(limits: Limits, started: Instant) -> Self {
        Self { limits, started, cpu_at_first: None, used: Duration::ZERO }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Looked at by the engine's ticks while guest code runs.
    pub(super) fn check(&mut self) -> Result<(), Stop> {
        if now().duration_since(self.started) > self.limits.wall {
            return Err(Stop::Wall);
        }
        let cpu = thread_cpu();
        let first = *self.cpu_at_first.get_or_insert(cpu);
        self.used = cpu.saturating_sub(first);
        if self.used > self.limits.cpu { Err(Stop::Cpu) } else { Ok(()) }
    }

    /// Whether the call took so much CPU time that whoever waits for the thread notices.
    pub(super) fn is_long(&self) -> bool {
        self.used >= Self::TICK
    }
}

/// The real clock. A guest uses real time, whatever a test's virtual clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "measures time that is really spent; never decides a protocol step"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The date, in Unix seconds.
#[expect(clippy::disallowed_methods, reason = "shown to operators")]
pub(super) fn date() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The wall clock, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the contract's `now` is the wall clock")]
pub(super) fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Both parts of this clock are never negative.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Bounds the memory of one instance and remembers what it refused: a guest whose growth was refused
/// traps in its allocator, which would look like any other panic.
pub(super) struct Ceiling {
    limit: usize,
    used: usize,
    refused: bool,
}

impl Ceiling {
    const TABLE_ELEMENTS: usize = 10_000;

    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: false }
    }

    /// Bytes of linear memory in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether growth was refused since the instance was made.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Ceiling {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.refused |= desired > Self::TABLE_ELEMENTS;
        Ok(desired <= Self::TABLE_ELEMENTS)
    }

    /// Components from Python are dozens of core modules.
    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        4
    }
}

/// Leaves the processor to the other threads where they want it, all but a tenth: on Linux a nice value is a thread's
/// alone.
pub(super) fn give_way(work: &str) {
    const NICENESS: i32 = 10;
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!("{work} at the priority of everything else: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_past_the_limit_is_refused_and_remembered() {
        let mut ceiling = Ceiling::new(3 << 16);
        assert!(ceiling.memory_growing(0, 2 << 16, None).unwrap());
        assert!(!ceiling.refused());
        assert!(!ceiling.memory_growing(2 << 16, 4 << 16, None).unwrap());
        assert_eq!((ceiling.used(), ceiling.refused()), (2 << 16, true));
        assert!(ceiling.memory_growing(2 << 16, 3 << 16, None).unwrap());
    }

    #[test]
    fn memories_are_counted_together() {
        let mut ceiling = Ceiling::new(3 << 16);
        assert!(ceiling.memory_growing(0, 2 << 16, None).unwrap());
        assert!(!ceiling.memory_growing(0, 2 << 16, None).unwrap());
    }

    #[test]
    fn time_is_cpu_time_up_to_the_wall_cap() {
        let limits = Limits { cpu: Duration::from_secs(3600), wall: Duration::from_secs(60), memory: 0 };
        let mut idle = Stopwatch::start(limits, now().checked_sub(Duration::from_secs(50)).unwrap());
        assert_eq!(idle.check(), Ok(()), "50 s of waiting are not CPU time");
        let mut stuck = Stopwatch::start(limits, now().checked_sub(Duration::from_secs(61)).unwrap());
        assert_eq!(stuck.check(), Err(Stop::Wall));
    }

    /// What broke: a call that lost its core for a tick counted as one of a tick's CPU time, so that its plugin was
    /// asked beside the workers for a minute, which doubled what a registration costs.
    #[test]
    fn waiting_for_a_core_before_the_first_tick_is_not_cpu_time() {
        let limits = Limits { cpu: Duration::from_secs(1), wall: Duration::from_secs(60), memory: 0 };
        let mut waited = Stopwatch::start(limits, now().checked_sub(Duration::from_millis(10)).unwrap());
        assert_eq!((waited.check(), waited.is_long()), (Ok(()), false));
        let begun = thread_cpu();
        while thread_cpu() < begun + Stopwatch::TICK {}
        assert_eq!((waited.check(), waited.is_long()), (Ok(()), true));
    }

    #[test]
    fn cpu_time_ends_a_call() {
        let limits = Limits { cpu: Duration::from_millis(2), wall: Duration::from_secs(60), memory: 0 };
        let mut busy = Stopwatch::start(limits, now());
        assert_eq!(busy.check(), Ok(()));
        let begun = thread_cpu();
        while thread_cpu() < begun + Duration::from_millis(3) {}
        assert_eq!(busy.check(), Err(Stop::Cpu));
    }
}

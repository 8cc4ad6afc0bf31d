//! Counts of a plugin's calls and of the time they took.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::error::Fault;

/// What one plugin's calls came to since it was first loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The plugin's name.
    pub plugin: String,
    /// Calls by outcome: `ok`, or a [`Fault::label`].
    pub calls: BTreeMap<&'static str, u64>,
    /// How many calls took at most so many microseconds and more than the step before; the last step is open.
    pub durations: Vec<(u64, u64)>,
    /// The time of all calls together.
    pub total: Duration,
}

/// Upper ends of the histogram's steps, in microseconds.
const STEPS: [u64; 10] = [1, 2, 5, 10, 50, 100, 1_000, 5_000, 50_000, u64::MAX];

const OUTCOMES: [&str; 10] =
    ["ok", "answer", "cpu", "guest", "host-calls", "memory", "start", "trap", "unavailable", "wall"];

/// The counters behind [`Figures`]: a set for each slot, so that workers do not share cache lines.
pub(super) struct Meters(Box<[Meter]>);

#[derive(Default)]
#[repr(align(128))]
struct Meter {
    outcomes: [AtomicU64; OUTCOMES.len()],
    steps: [AtomicU64; STEPS.len()],
    nanos: AtomicU64,
}

impl Meters {
    pub(super) fn new(slots: usize) -> Self {
        Self((0..slots.max(1)).map(|_| Meter::default()).collect())
    }

    pub(super) fn count(&self, slot: usize, took: Duration, fault: Option<&Fault>) {
        let meter = &self.0[slot % self.0.len()];
        let label = fault.map_or(OUTCOMES[0], Fault::label);
        let outcome = OUTCOMES.iter().position(|outcome| *outcome == label).unwrap_or(0);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let step = STEPS.partition_point(|step| *step < nanos.div_ceil(1_000));
        meter.outcomes[outcome].fetch_add(1, Relaxed);
        meter.steps[step].fetch_add(1, Relaxed);
        meter.nanos.fetch_add(nanos, Relaxed);
    }

    pub(super) fn figures(&self, plugin: &str) -> Figures {
        let sum = |of: &dyn Fn(&Meter) -> u64| self.0.iter().map(of).sum::<u64>();
        let calls = OUTCOMES.iter().enumerate();
        let steps = STEPS.iter().enumerate();
        Figures {
            plugin: plugin.to_owned(),
            calls: calls.map(|(n, label)| (*label, sum(&|meter| meter.outcomes[n].load(Relaxed)))).collect(),
            durations: steps.map(|(n, step)| (*step, sum(&|meter| meter.steps[n].load(Relaxed)))).collect(),
            total: Duration::from_nanos(sum(&|meter| meter.nanos.load(Relaxed))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_outcome_and_time_over_all_slots() {
        let meters = Meters::new(2);
        meters.count(0, Duration::from_nanos(1_000), None);
        meters.count(1, Duration::from_nanos(1_001), None);
        meters.count(3, Duration::from_secs(1), Some(&Fault::HostCalls));
        let figures = meters.figures("p");
        assert_eq!((figures.calls["ok"], figures.calls["host-calls"], figures.calls["trap"]), (2, 1, 0));
        assert_eq!(figures.durations[..3], [(1, 1), (2, 1), (5, 0)]);
        assert_eq!(figures.durations[9], (u64::MAX, 1));
        assert_eq!(figures.total, Duration::from_nanos(1_000_002_001));
    }

    #[test]
    fn every_fault_has_its_own_counter() {
        let labels = [
            Fault::Answer(String::new()),
            Fault::Cpu(Duration::ZERO),
            Fault::Guest(String::new()),
            Fault::HostCalls,
            Fault::Memory(0),
            Fault::Start(String::new()),
            Fault::Trap(String::new()),
            Fault::Unavailable(Duration::ZERO),
            Fault::Wall(Duration::ZERO),
        ]
        .map(|fault| fault.label());
        assert_eq!(labels, OUTCOMES[1..]);
    }
}

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

impl Figures {
    /// The time, in microseconds, that this part of all calls did not exceed; 0 where there were none. As exact as
    /// the histogram's steps.
    pub fn quantile(&self, part: f64) -> f64 {
        let all: u64 = self.durations.iter().map(|(_, calls)| calls).sum();
        let rank = part * all as f64;
        let (mut below, mut from) = (0.0, 0.0);
        for (to, calls) in &self.durations {
            let calls = *calls as f64;
            if calls > 0.0 && below + calls >= rank {
                // Of the open step only its beginning is known.
                let to = if *to == u64::MAX { from } else { *to as f64 };
                return from + (to - from) * (rank - below) / calls;
            }
            (below, from) = (below + calls, *to as f64);
        }
        0.0
    }
}

/// Upper ends of the histogram's steps, in microseconds.
const STEPS: [u64; 37] = [
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    30,
    50,
    70,
    100,
    150,
    200,
    300,
    500,
    700,
    1_000,
    1_500,
    2_000,
    3_000,
    5_000,
    7_000,
    10_000,
    15_000,
    20_000,
    30_000,
    50_000,
    70_000,
    100_000,
    150_000,
    200_000,
    300_000,
    500_000,
    700_000,
    1_000_000,
    u64::MAX,
];

const OUTCOMES: [&str; 10] =
    ["ok", "answer", "cpu", "guest", "host-calls", "memory", "start", "trap", "unavailable", "wall"];

/// The counters behind [`Figures`]: a set for each slot, so that workers do not share cache lines.
pub(super) struct Meters(Box<[Meter]>);

#[repr(align(128))]
struct Meter {
    outcomes: [AtomicU64; OUTCOMES.len()],
    steps: [AtomicU64; STEPS.len()],
    nanos: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { outcomes: std::array::from_fn(zero), steps: std::array::from_fn(zero), nanos: zero(0) }
    }
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

    /// How many calls were answered.
    pub(super) fn answered(&self) -> u64 {
        self.0.iter().map(|meter| meter.outcomes[0].load(Relaxed)).sum()
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
        assert_eq!(figures.durations[..3], [(1, 1), (2, 1), (3, 0)]);
        assert_eq!(figures.durations[35..], [(1_000_000, 1), (u64::MAX, 0)]);
        assert_eq!(figures.total, Duration::from_nanos(1_000_002_001));
    }

    #[test]
    fn quantiles_lie_between_the_ends_of_their_step() {
        let meters = Meters::new(1);
        assert_eq!(meters.figures("p").quantile(0.5), 0.0);
        for _ in 0..98 {
            meters.count(0, Duration::from_micros(2), None);
        }
        meters.count(0, Duration::from_micros(60), None);
        meters.count(0, Duration::from_secs(9), None);
        let figures = meters.figures("p");
        assert_eq!(figures.quantile(0.49), 1.5);
        assert_eq!(figures.quantile(0.99), 70.0);
        assert_eq!(figures.quantile(1.0), 1_000_000.0);
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

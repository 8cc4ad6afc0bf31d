//! Times in steps of three per cent, so that a million of them cost nothing to keep.

use std::time::Duration;

/// Steps to each doubling.
const STEPS: u64 = 32;

/// How often each time was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    all: u64,
    longest: Duration,
}

impl Histogram {
    pub(crate) fn note(&mut self, time: Duration) {
        let step = step(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.all += 1;
        self.longest = self.longest.max(time);
    }

    pub(crate) fn len(&self) -> u64 {
        self.all
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// The time that this part of all did not exceed; zero if there were none.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let rank = (part * self.all as f64).ceil() as u64;
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && *count > 0 {
                return Duration::from_nanos(end(step as u64)).min(self.longest);
            }
        }
        self.longest
    }
}

/// Which step holds `nanos`: below 32 each number its own, then 32 to each power of two.
fn step(nanos: u64) -> usize {
    let doublings = u64::from((nanos | STEPS).ilog2()) - STEPS.ilog2() as u64;
    (doublings * STEPS + (nanos >> doublings)) as usize
}

/// The longest time that `step` holds.
fn end(step: u64) -> u64 {
    let doublings = (step / STEPS).saturating_sub(1);
    let begin = step - doublings * STEPS;
    ((begin + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_step() {
        for nanos in (0..5_000).chain([1 << 20, (1 << 20) + 12_345, 32_000_000_000]) {
            let step = step(nanos) as u64;
            assert!(end(step) >= nanos, "{nanos}");
            assert!(step == 0 || end(step - 1) < nanos, "{nanos}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|micros| histogram.note(Duration::from_micros(micros)));
        let p99 = histogram.quantile(0.99).as_nanos();
        assert!((990_000..1_020_000).contains(&p99), "{p99}");
        assert_eq!((histogram.len(), histogram.longest()), (1000, Duration::from_millis(1)));
        assert_eq!(histogram.quantile(1.0), Duration::from_millis(1));
    }
}

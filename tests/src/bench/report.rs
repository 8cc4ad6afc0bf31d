//! What was measured, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::histogram::Histogram;
use super::load::Seen;

/// What one phase came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) phase: &'static str,
    /// What is counted.
    pub(crate) operations: Histogram,
    pub(crate) seen: Seen,
    pub(crate) took: Duration,
    /// CPU time of the subject, and of the generator.
    pub(crate) cpu: Duration,
    pub(crate) generator: Duration,
    /// What the echo needs for one such operation.
    pub(crate) yardstick: Option<Duration>,
    /// What is asked of this phase, what came out, and whether that is enough.
    pub(crate) verdict: Option<(String, String, bool)>,
}

impl Row {
    fn rate(&self) -> f64 {
        self.operations.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    pub(crate) fn cpu_each(&self) -> Duration {
        self.cpu.div_f64((self.operations.len() as f64).max(1.0))
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        self.yardstick.map(|yardstick| self.cpu_each().as_secs_f64() / yardstick.as_secs_f64())
    }

    /// Whether more load would have taken a faster generator.
    fn generator_bound(&self) -> bool {
        self.generator.as_secs_f64() >= 0.95 * self.took.as_secs_f64()
    }

    pub(crate) fn json(&self) -> Value {
        let Seen { repeated, lost, refused, answered, .. } = &self.seen;
        let micros = |part| self.operations.quantile(part).as_micros() as u64;
        json!({
            "phase": self.phase,
            "operations": self.operations.len(),
            "seconds": self.took.as_secs_f64(),
            "per_second": self.rate(),
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
            "p999_us": micros(0.999),
            "longest_us": self.operations.longest().as_micros() as u64,
            "cpu_us_each": self.cpu_each().as_secs_f64() * 1e6,
            "ratio_to_echo": self.ratio(),
            "cpu_share": self.cpu.as_secs_f64() / self.took.as_secs_f64().max(1e-9),
            "generator_cpu_share": self.generator.as_secs_f64() / self.took.as_secs_f64().max(1e-9),
            "generator_bound": self.generator_bound(),
            "repeated": repeated,
            "lost": lost,
            "refused": refused,
            "queries_answered": answered,
            "target": self.verdict.as_ref().map(|(target, _, _)| target),
            "result": self.verdict.as_ref().map(|(_, result, _)| result),
            "met": self.verdict.as_ref().map(|(_, _, met)| met),
        })
    }
}

/// The heads of the columns.
pub(crate) const HEAD: &str = "phase               ops     ops/s    p50 ms   p99 ms p99.9 ms  max ms  CPU µs  × echo  CPU %  gen %  repeated  lost  refused";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let part = |part| millis(self.operations.quantile(part));
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / self.took.as_secs_f64().max(1e-9);
        let ratio = self.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        write!(
            f,
            "{:<15}{:>8}{:>10.0}{:>10.3}{:>9.3}{:>9.3}{:>8.1}{:>8.2}{ratio:>8}{:>7.0}{:>7.0}{:>10}{:>6}{:>9}",
            self.phase,
            self.operations.len(),
            self.rate(),
            part(0.5),
            part(0.99),
            part(0.999),
            millis(self.operations.longest()),
            self.cpu_each().as_secs_f64() * 1e6,
            share(self.cpu),
            share(self.generator),
            self.seen.repeated,
            self.seen.lost,
            self.seen.refused,
        )?;
        if self.generator_bound() {
            write!(f, "  (the generator is the limit)")?;
        }
        if let Some((target, result, met)) = &self.verdict {
            write!(f, "\n    {} {result} (wanted: {target})", if *met { "✓" } else { "✗" })?;
        }
        Ok(())
    }
}

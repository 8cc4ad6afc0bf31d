//! `sluice plugin bench`: how long a component's calls take.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use sluice::plugin::{Plugin, Role, Trial};

use super::Terms;
use super::cases::{Ask, Case, Suite, sample};

/// Asks each question for that long and prints percentiles.
///
/// Errors: the component is not taken, or the cases cannot be run.
pub(crate) fn bench(
    file: &Path,
    cases: Option<&Path>,
    terms: &Terms,
    length: Duration,
) -> anyhow::Result<ExitCode> {
    let suite = cases.map(Suite::read).transpose()?;
    let (config, limits) = terms.of(file, suite.as_ref())?;
    let mut trial = Trial::load(file, &config, limits)?;
    let questions = questions(&trial, suite.as_ref()).with_context(|| file.display().to_string())?;
    println!(
        "{:>9} {:>9} {:>9} {:>9} {:>11} {:>9} {:>9}",
        "p50", "p90", "p99", "p99.9", "calls/s", "memory", "instances"
    );
    for Question { title, ask, case } in questions {
        match case {
            Some(case) => case.set_up(&mut trial)?,
            None => trial.reset([], None)?,
        }
        let figures = measure(&trial.plugin, &ask, length);
        println!("{} {title}", figures.line(&trial.plugin));
        if let Some(failure) = figures.failure {
            println!("  {} of {} calls made no decision: {failure}", figures.failures, figures.times.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked over and over.
struct Question<'a> {
    title: String,
    ask: Ask,
    /// None for a sample.
    case: Option<&'a dyn Case>,
}

fn questions<'a>(trial: &Trial, suite: Option<&'a Suite>) -> anyhow::Result<Vec<Question<'a>>> {
    let Some(suite) = suite else {
        ensure!(!trial.roles.is_empty(), "it exports no interface that could be asked");
        let sample = |role: &Role| Ok(Question { title: role.to_string(), ask: sample(*role)?, case: None });
        return trial.roles.iter().map(sample).collect::<Result<_, String>>().map_err(anyhow::Error::msg);
    };
    suite.expect_roles(&trial.roles)?;
    let question =
        |case: &'a dyn Case| Ok(Question { title: case.title(), ask: case.question()?, case: Some(case) });
    suite
        .cases
        .iter()
        .map(|case| question(&**case))
        .collect::<Result<_, String>>()
        .map_err(anyhow::Error::msg)
}

/// What the calls of one question came to.
struct Figures {
    /// Of each call, sorted.
    times: Vec<Duration>,
    took: Duration,
    failures: usize,
    /// The first.
    failure: Option<String>,
}

fn measure(plugin: &Plugin, ask: &Ask, length: Duration) -> Figures {
    /// Calls before the measurement: the first makes the instance.
    const WARM_UP: usize = 1_000;
    for _ in 0..WARM_UP {
        // What goes wrong here goes wrong below.
        let _ = ask(plugin);
    }
    let mut figures = Figures { times: Vec::new(), took: Duration::ZERO, failures: 0, failure: None };
    let begun = now();
    while figures.took < length {
        let before = now();
        let answer = ask(plugin);
        let after = now();
        figures.times.push(after - before);
        figures.took = after - begun;
        if let Err(error) = answer {
            figures.failures += 1;
            figures.failure.get_or_insert_with(|| error.fault.to_string());
        }
    }
    figures.times.sort_unstable();
    figures
}

impl Figures {
    fn line(&self, plugin: &Plugin) -> String {
        let [p50, p90, p99, p999] = [500, 900, 990, 999].map(|mille| micros(self.percentile(mille)));
        let each_second = self.times.len() as f64 / self.took.as_secs_f64();
        let memory = plugin.memory() >> 10;
        let instances = plugin.started();
        format!("{p50} {p90} {p99} {p999} {each_second:>11.0} {memory:>5} KiB {instances:>9}")
    }

    /// The time that so many of a thousand calls took at most.
    fn percentile(&self, mille: usize) -> Duration {
        let rank = (self.times.len() * mille).div_ceil(1000);
        self.times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

fn micros(time: Duration) -> String {
    format!("{:>6.2} µs", time.as_secs_f64() * 1e6)
}

#[expect(clippy::disallowed_methods, reason = "measures time that is really spent")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let times = (1..=1000).map(Duration::from_micros).collect();
        let figures = Figures { times, took: Duration::ZERO, failures: 0, failure: None };
        let of = |mille| figures.percentile(mille).as_micros();
        assert_eq!([of(500), of(900), of(990), of(999)], [500, 900, 990, 999]);
        let one = Figures { times: vec![Duration::from_micros(7)], took: Duration::ZERO, ..figures };
        assert_eq!(one.percentile(500).as_micros(), 7);
    }
}

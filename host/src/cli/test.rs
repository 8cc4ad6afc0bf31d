//! `sluice plugin test`: a component held against a file of cases.

use std::{path::Path, process::ExitCode};

use sluice::plugin::Trial;
use tracing_subscriber::EnvFilter;

use super::Terms;
use super::cases::{Outcome, Suite};

/// Runs every case and prints what became of it.
///
/// The exit code is 0 if all of them pass, 1 if one fails, and 2 if they cannot be run.
pub(crate) fn test(file: &Path, cases: &Path, terms: &Terms) -> ExitCode {
    show_log();
    match run(file, cases, terms) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sluice: {}", crate::told(&error));
            ExitCode::from(2)
        }
    }
}

fn run(file: &Path, cases: &Path, terms: &Terms) -> anyhow::Result<bool> {
    let suite = Suite::read(cases)?;
    let (config, limits) = terms.of(file, Some(&suite))?;
    let mut trial = Trial::load(file, &config, limits)?;
    suite.expect_roles(&trial.roles).map_err(|error| error.context(cases.display().to_string()))?;
    let mut failed = 0;
    for case in &suite.cases {
        match case.run(&mut trial)? {
            Outcome::Same => println!("ok    {}", case.title()),
            Outcome::Different(differences) => {
                failed += 1;
                println!("FAIL  {}", case.title());
                println!("      {} line {}", cases.display(), suite.line(&**case));
                for line in differences.iter().flat_map(|difference| difference.lines()) {
                    println!("      {line}");
                }
            }
        }
    }
    println!("{} passed, {failed} failed", suite.cases.len() - failed);
    Ok(failed == 0)
}

/// Shows what the plugin logs, between its cases; RUST_LOG shows more or less.
fn show_log() {
    let filter = EnvFilter::builder()
        .parse_lossy(std::env::var("RUST_LOG").as_deref().unwrap_or("off,sluice::plugin::account=debug"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.without_time().with_target(false).with_ansi(false).init();
}

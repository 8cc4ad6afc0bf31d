//! `sluice plugin …`: for those who write policies, and those who run them.
//!
//! | file | command |
//! | --- | --- |
//! | `new` | writes a crate |
//! | `inspect` | says what a component is |
//! | `test`, `cases/` | holds a component against a file of cases |
//! | `bench` | measures its calls |
//! | `swap` | brings a candidate into force, and back what was before |
//!
//! `build` is the builder's, see `plugins/build`.

mod bench;
mod cases;
mod inspect;
mod new;
mod swap;
mod test;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use sluice::plugin::Limits;

pub(crate) use new::Kind;

use cases::Suite;

/// What can be done with plugins without a running gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a component's calls, in the gateway's sandbox
    Bench {
        /// The component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What to ask; without it, a sample for each interface
        #[arg(value_name = "CASES")]
        cases: Option<PathBuf>,
        #[command(flatten)]
        terms: Terms,
        /// How long to ask each question
        #[arg(long, value_name = "SECONDS", default_value = "2")]
        seconds: f64,
    },
    /// Make the component of a plugin's crate: <NAME>.wasm in its folder
    Build {
        /// The crate's folder
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Bring back what was in force before a plugin; what is in force is kept in its turn
    Demote {
        /// The plugin, by its file's name without .wasm
        #[arg(value_name = "NAME")]
        name: String,
        /// The gateway's configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say what a component is, and whether this gateway takes it; exit code 1 if it does not
    Inspect {
        /// The component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        terms: Terms,
    },
    /// Write a crate with a policy, its tests and its cases
    New {
        /// Of the crate, and of the plugin
        #[arg(value_name = "NAME")]
        name: String,
        /// What it decides
        #[arg(long)]
        kind: Kind,
        /// Where to write it; a folder called NAME unless given
        #[arg(long, value_name = "DIR")]
        path: Option<PathBuf>,
    },
    /// Bring the candidate shadow/<NAME>.wasm into force; what was in force is kept
    Promote {
        /// The plugin, by its file's name without .wasm
        #[arg(value_name = "NAME")]
        name: String,
        /// The gateway's configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Hold a component against a file of cases; exit code 1 if one fails, 2 if they cannot be run
    Test {
        /// The component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cases
        #[arg(value_name = "CASES")]
        cases: PathBuf,
        #[command(flatten)]
        terms: Terms,
    },
}

/// On what terms a component runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// The gateway's configuration, for the plugin's own part of it and for its limits
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Memory of one instance in MiB, whatever the configuration says
    #[arg(long, value_name = "MIB")]
    memory_mb: Option<usize>,
}

/// Does what the command says.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Bench { file, cases, terms, seconds } => {
            let length = Duration::try_from_secs_f64(seconds).context("--seconds")?;
            bench::bench(&file, cases.as_deref(), &terms, length)
        }
        Command::Build { folder } => {
            println!("{}", sluice_build::component(&folder)?.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Demote { name, config } => swap::demote(&name, &config),
        Command::Inspect { file, terms } => inspect::inspect(&file, &terms),
        Command::New { name, kind, path } => new::new(&name, kind, path),
        Command::Promote { name, config } => swap::promote(&name, &config),
        Command::Test { file, cases, terms } => Ok(test::test(&file, &cases, &terms)),
    }
}

impl Terms {
    /// The plugin's own configuration, and what a call of it may use. The configuration that its cases bring comes
    /// first.
    ///
    /// Errors: the gateway's configuration cannot be read.
    fn of(&self, plugin: &Path, suite: Option<&Suite>) -> anyhow::Result<(Value, Limits)> {
        let config = self.config.as_deref().map(sluice::config::load).transpose()?;
        let settings = sluice::plugin_settings(&config.map(|loaded| loaded.config).unwrap_or_default());
        let name = plugin.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let mut limits = settings.limits_of(name);
        limits.memory = self.memory_mb.map_or(limits.memory, |memory| memory.saturating_mul(1 << 20));
        let own = suite.map(|suite| suite.config.clone()).filter(|config| *config != json!({}));
        let unset = || if self.config.is_some() { settings.config_of(name) } else { json!({}) };
        Ok((own.unwrap_or_else(unset), limits))
    }
}

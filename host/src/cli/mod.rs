//! `sluice plugin …`: for those who write policies.
//!
//! | file | command |
//! | --- | --- |
//! | `new` | writes a crate |
//! | `inspect` | says what a component is |
//! | `test`, `cases/` | holds a component against a file of cases |
//! | `bench` | measures its calls |
//!
//! `build` is the builder's, see `plugins/build`.

mod bench;
mod cases;
mod inspect;
mod new;
mod test;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Subcommand;
use serde_json::Value;

pub(crate) use new::Kind;

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
        /// The gateway's configuration, for the plugin's own part of it
        #[arg(long, value_name = "FILE", conflicts_with = "cases")]
        config: Option<PathBuf>,
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
    /// Say what a component is, and whether this gateway takes it; exit code 1 if it does not
    Inspect {
        /// The component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The gateway's configuration, for the plugin's own part of it
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
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
    /// Hold a component against a file of cases; exit code 1 if one fails, 2 if they cannot be run
    Test {
        /// The component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cases
        #[arg(value_name = "CASES")]
        cases: PathBuf,
    },
}

/// Does what the command says.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Bench { file, cases, config, seconds } => {
            let length = Duration::try_from_secs_f64(seconds).context("--seconds")?;
            bench::bench(&file, cases.as_deref(), config.as_deref(), length)
        }
        Command::Build { folder } => {
            println!("{}", sluice_build::component(&folder)?.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Inspect { file, config } => inspect::inspect(&file, config.as_deref()),
        Command::New { name, kind, path } => new::new(&name, kind, path),
        Command::Test { file, cases } => Ok(test::test(&file, &cases)),
    }
}

/// A plugin's own part of a gateway's configuration; an empty object without a file.
fn configuration(plugin: &Path, config: Option<&Path>) -> anyhow::Result<Value> {
    let Some(file) = config else { return Ok(Value::Object(serde_json::Map::new())) };
    let plugins = sluice::config::load(file)?.config.plugins.config;
    let name = plugin.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    Ok(serde_json::to_value(plugins.get(name).cloned().unwrap_or_default())?)
}

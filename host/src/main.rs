//! The gateway's command line.

mod cli;

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluice::Server;
use sluice::config::{self, Loaded};
use tokio::signal::unix::{SignalKind, signal};

/// Answers are kept for half a minute among short-lived requests, which glibc's allocator searches its lists for: with
/// it, perf finds a fifth of the CPU time of `cargo bench-gateway`'s registrations and keepalives in malloc and free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A GB28181 SIP gateway for ZLMediaKit whose policy runs in WebAssembly components.
///
/// Cameras, NVRs and DVRs register with it over SIP; callers start and stop their streams by HTTP. Who may
/// register, how calls are signed and what notifications look like is decided by the components in the
/// folder `plugins.path`.
///
/// Begin with `sluice init sluice.toml`, look through the file, then `sluice serve --config sluice.toml`.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "The log goes to standard error; RUST_LOG=debug shows more \
    (RUST_LOG=sluice::sip=debug only of SIP). Every key of the configuration can be overridden by the \
    environment: SLUICE_SIP__UDP=0.0.0.0:5070. SIGTERM and SIGINT stop the gateway; open streams go on and \
    are taken up at the next start."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is wrong with a configuration, with line and cure; exit code 1 if it cannot be used
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Write a commented configuration with random secrets and this machine's addresses
    Init {
        /// The file to write; it must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write, build, test and measure policy plugins
    Plugin {
        #[command(subcommand)]
        command: cli::Command,
    },
    /// Run the gateway
    Serve {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { config } => check(&config),
        Command::Init { file } => init(&file),
        Command::Plugin { command } => cli::run(command),
        Command::Serve { config } => serve(&config),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sluice: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes. Many texts hold their cause already; nothing is said twice.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(file)?;
    let usable = report(file, &loaded);
    if usable {
        let folder = &loaded.config.plugins.path;
        if !folder.is_dir() {
            eprintln!(
                "{}: warning: plugins.path: there is no folder {}; it has to be there at the start, with the plugins \
                 in it (`cargo plugins` builds the bundled ones)",
                file.display(),
                folder.display()
            );
        }
        println!("{}: usable", file.display());
    }
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what is wrong; true if the gateway can run all the same.
fn report(file: &Path, loaded: &Loaded) -> bool {
    let problems = config::check(loaded);
    for problem in &problems {
        eprintln!("{}: {problem}", file.display());
    }
    !problems.iter().any(|problem| problem.fatal)
}

fn init(file: &Path) -> anyhow::Result<ExitCode> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let text = config::commented().map_err(|error| anyhow!("no random numbers for the secrets: {error}"))?;
    // The file holds secrets: only its owner may read it.
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("{} cannot be written", file.display()))?;
    opened.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", file.display()))?;
    println!(
        "{0}: written. Set media.secret to ZLMediaKit's api.secret, put components into plugins.path, then:\n  \
         sluice check --config {0}\n  sluice serve --config {0}",
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn serve(file: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(file)?;
    if !report(file, &loaded) {
        bail!("{} cannot be used", file.display());
    }
    log_to_stderr();
    keep_secrets_from_dumps();
    widen_limits();
    sluice::runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // A file that reaches the limit of file size is an error to be told (EFBIG), not our end.
        let _oversized = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        let server = Server::bind(loaded.config).await?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        server.run(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Memory holds every password: a crash writes none of it to disk. Whoever needs a dump raises the limit (prlimit).
///
/// One byte and not none: where dumps are piped to a handler such as apport or systemd-coredump, the kernel asks for no
/// other limit than this one, at which it pipes nothing (fs/coredump.c). A process that is not dumpable would be safe
/// as well, and closed to debuggers and profilers too.
fn keep_secrets_from_dumps() {
    let limit = getrlimit(Resource::Core);
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(1), ..limit }) {
        tracing::warn!(%error, "a crash could write a core dump, which holds passwords");
    }
}

/// Allows as many connections as the system lets us have: most begin with a limit of 1,024 that they may raise.
fn widen_limits() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, limit = current, "the limit of open files stays as it is");
    }
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("RUST_LOG")
        .from_env_lossy();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}

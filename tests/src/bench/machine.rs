//! The machine: which core does what.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

/// Says that this process is where it should be.
const PLACED: &str = "BENCH_PLACED";

/// A core for what is measured and one for the generator; the same where there is only one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) subject: u32,
    pub(crate) generator: u32,
}

impl Cores {
    /// The first and the last core that we may use.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).context("our cores")?;
        let mut cores = list.trim().split([',', '-']).map(str::parse);
        let subject = cores.next().context("there is a core")??;
        Ok(Self { subject, generator: cores.next_back().transpose()?.unwrap_or(subject) })
    }

    /// Moves this process to the generator's core: it begins again there, unless it has done so.
    pub(crate) fn take_place() -> anyhow::Result<Self> {
        if let Ok(placed) = std::env::var(PLACED) {
            let (subject, generator) = placed.split_once(' ').context("two cores")?;
            return Ok(Self { subject: subject.parse()?, generator: generator.parse()? });
        }
        let cores = Self::find()?;
        let mut again = on_core(cores.generator, std::env::current_exe()?);
        again.args(std::env::args_os().skip(1)).env(PLACED, format!("{} {}", cores.subject, cores.generator));
        Err(again.exec()).context("taskset (util-linux) cannot be run")
    }
}

/// A command that stays on `core`. It has the process id of its `taskset`.
pub(crate) fn on_core(core: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// The machine in a line.
pub(crate) fn description() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let buffer = read("/proc/sys/net/core/rmem_max");
    format!("{cores} × {}, Linux {}, rmem_max {}", model.unwrap_or("unknown"), kernel.trim(), buffer.trim())
}

//! What a process has used of the machine, as `/proc` tells it.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Ticks of the CPU times in `/proc` (USER_HZ): the same on every Linux that Rust's first tier knows.
const TICKS: f64 = 100.0;

/// CPU time that all threads of a process have used, in user and kernel mode.
///
/// # Errors
/// There is no such process.
pub fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold blanks; the fields are counted after it.
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 =
        fields.get(11..13).context("utime and stime")?.iter().flat_map(|field| field.parse::<u64>()).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// Bytes of memory that a process has in RAM.
///
/// # Errors
/// There is no such process.
pub fn memory(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}

/// How many descriptors a process has open.
///
/// # Errors
/// There is no such process.
pub fn descriptors(process: u32) -> anyhow::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64)
}

/// How many threads a process has.
///
/// # Errors
/// There is no such process.
pub fn threads(process: u32) -> anyhow::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{process}/task"))?.count() as u64)
}

//! `cargo bench-gateway`: how fast the gateway is, in figures that anyone can have again.
//!
//! | file | job |
//! | --- | --- |
//! | `phases` | what is measured, a function for each phase |
//! | `load` | the devices: closed loop, real Digest, repetitions, losses |
//! | `words` | their messages |
//! | `wire` | their sockets |
//! | `caller` | callers of the API |
//! | `media` | a media server that says yes, unless it is told not to |
//! | `subject` | the gateway and the echo as processes, and the gateway's store |
//! | `echo` | the yardstick |
//! | `machine` | cores |
//! | `histogram`, `report` | what came out |
//! | `soak/` | `cargo soak`: the same load for an hour, with faults, and whether the books balance |

mod caller;
mod echo;
mod histogram;
mod load;
mod machine;
mod media;
mod phases;
mod report;
mod soak;
mod subject;
mod wire;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::json;

use caller::Caller;
use load::{Load, Task};
use machine::Cores;
use phases::Bench;
use report::Row;
use subject::{Home, Subject};
use wire::Wire;

/// Measures the release build of the gateway on a core of its own, beside a bare UDP echo on the same core.
///
/// Devices are simulated on 127.0.0.1 from another core: a closed loop with real Digest. Everything that protects
/// the gateway is on: durable store, duplicate suppression, nonces, limits of plugins. What is not in the options
/// is as in the default configuration.
#[derive(Debug, Parser)]
#[command(name = "cargo bench-gateway --", version)]
struct Arguments {
    /// How many devices there are: 1000, 10000 or 100000, or any other number
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=900_000))]
    devices: u32,
    /// What is measured, in this order
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Phase::USUAL)]
    phases: Vec<Phase>,
    /// How long a phase lasts
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How long `soak` lasts
    #[arg(long, default_value_t = 600)]
    soak_seconds: u64,
    /// Tasks under way at a time
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// Sockets that the devices share, each at a loopback address of its own
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=250))]
    sockets: u8,
    /// A gateway that was built before; otherwise the release build is made and taken
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Writes the figures as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// `echo`: be the yardstick
    #[arg(hide = true)]
    role: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// 20,000 channels of one platform
    Catalog,
    /// Keepalives
    Keepalive,
    /// As many keepalives as the gateway takes, and a play and stop for each hundred
    Mixed,
    /// 2,000 keepalives a second, which is more than the devices need, and a play and stop for each hundred
    Play,
    /// Registrations of devices that are online
    Registration,
    /// Mixed, for long
    Soak,
    /// From the gateway's start to its first answer
    Start,
    /// All devices at one instant, in a gateway of its own
    Storm,
    /// 5,000 streams open at once
    Streams,
}

impl Phase {
    const USUAL: [Self; 8] = [
        Self::Registration,
        Self::Keepalive,
        Self::Mixed,
        Self::Play,
        Self::Streams,
        Self::Catalog,
        Self::Start,
        Self::Storm,
    ];
}

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|word| word == "soak") {
        return soak::run(&soak::Arguments::parse_from(std::env::args().skip(1)));
    }
    let arguments = Arguments::parse();
    if arguments.role.as_deref() == Some("echo") {
        return echo::run();
    }
    let cores = Cores::take_place()?;
    println!("{}", machine::description());
    println!("gateway on core {}, generator on core {}", cores.subject, cores.generator);
    if cores.subject == cores.generator {
        println!("There is one core only: the figures say little.");
    }
    let binary = match &arguments.gateway {
        Some(binary) => binary.clone(),
        None => sluice_build::gateway(sluice_build::Asker::Bench)?,
    };
    let mut bench = Bench {
        devices: arguments.devices,
        window: arguments.window,
        length: Duration::from_secs(arguments.seconds),
        echo: [None; 2],
    };
    println!("{}", report::HEAD);
    let mut rows = Vec::new();
    let mut show = |row: Row| {
        println!("{row}");
        rows.push(row.json());
    };
    measure_echo(&mut bench, &arguments, cores, &mut show)?;
    measure_gateway(&mut bench, &arguments, (binary, cores), &mut show)?;
    if let Some(file) = &arguments.json {
        let figures =
            json!({ "machine": machine::description(), "devices": arguments.devices, "phases": rows });
        std::fs::write(file, format!("{figures:#}\n"))?;
    }
    Ok(())
}

fn measure_echo(
    bench: &mut Bench,
    arguments: &Arguments,
    cores: Cores,
    show: &mut impl FnMut(Row),
) -> anyhow::Result<()> {
    let subject = Subject::echo(cores)?;
    let mut load = Load::new(Wire::open(arguments.sockets, subject.sip)?);
    for (index, (task, phase)) in
        [(Task::Register, "echo reg."), (Task::Keepalive, "echo keepalive")].into_iter().enumerate()
    {
        let row = bench.steady(&mut load, &subject, task)?;
        bench.echo[index] = Some(row.cpu_each());
        show(Row { phase, yardstick: None, ..row });
    }
    Ok(())
}

fn measure_gateway(
    bench: &mut Bench,
    arguments: &Arguments,
    (binary, cores): (PathBuf, Cores),
    show: &mut impl FnMut(Row),
) -> anyhow::Result<()> {
    /// What is kept of answered requests is gone after this.
    const REST: Duration = Duration::from_secs(34);
    let caller = Caller::new()?;
    // A port that is free now; the gateway comes back to it.
    let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let home = Home::new(binary, cores, &caller.media(), port)?;
    let subject = home.start()?;
    let empty = subject.memory()?;
    subject.stop()?;
    home.issue(arguments.devices + 1)?;
    let mut subject = home.start()?;
    let mut load = Load::new(Wire::open(arguments.sockets, subject.sip)?);
    if arguments.phases != [Phase::Storm] {
        let row = bench.first(&mut load, &subject)?;
        bench.rest(&mut load, REST)?;
        let memory = subject.memory()?;
        let each = memory.saturating_sub(empty) / u64::from(arguments.devices);
        let result = format!(
            "{} MiB with all devices online, {} MiB without any: {each} B each",
            memory >> 20,
            empty >> 20
        );
        show(Row { verdict: Some(("≤ 2,500 B a device".to_owned(), result, each <= 2_500)), ..row });
    }
    for phase in &arguments.phases {
        if let Some(http) = subject.http {
            caller.call_at(http)?;
        }
        let row = match phase {
            Phase::Catalog => bench.catalog(&home, &mut load, &subject)?,
            Phase::Keepalive => judged(bench.steady(&mut load, &subject, Task::Keepalive)?, 2.6),
            Phase::Mixed => bench.mixed(&mut load, &subject, &caller)?,
            Phase::Play => bench.play(&mut load, &subject, &caller)?,
            Phase::Registration => judged(bench.steady(&mut load, &subject, Task::Register)?, 2.7),
            Phase::Soak => {
                bench.length = Duration::from_secs(arguments.soak_seconds);
                let row = bench.mixed(&mut load, &subject, &caller)?;
                bench.length = Duration::from_secs(arguments.seconds);
                Row { phase: "soak", ..row }
            }
            Phase::Start => {
                let (row, again) = bench.start(&home, &mut load, subject)?;
                again.stop()?;
                subject = home.start()?;
                row
            }
            Phase::Storm => {
                let home = Home::new(home.binary().to_owned(), cores, &caller.media(), 0)?;
                home.start()?.stop()?;
                home.issue(arguments.devices)?;
                let subject = home.start()?;
                let mut load = Load::new(Wire::open(arguments.sockets, subject.sip)?);
                bench.storm(&mut load, &subject)?
            }
            Phase::Streams => bench.streams(&mut load, &subject, &home, &caller)?,
        };
        show(row);
    }
    subject.stop()
}

/// Holds the ratio to the echo against what is wanted.
fn judged(row: Row, wanted: f64) -> Row {
    let ratio = row.ratio().unwrap_or(f64::INFINITY);
    let verdict = Some((format!("≤ {wanted} × echo"), format!("{ratio:.2} × echo"), ratio <= wanted));
    Row { verdict, ..row }
}

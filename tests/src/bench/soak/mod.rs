//! `cargo soak`: an hour of work with faults in it, after which nothing may have grown and every book must balance.
//!
//! | file | job |
//! | --- | --- |
//! | `fault` | what goes wrong, and when: rubbish, cut connections, media server, reloads |
//! | `figures` | what is looked at: memory, descriptors, tasks, the gateway's numbers |
//! | `books` | what it has to come to |

mod books;
mod fault;
mod figures;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use sluice_tests::policy::PluginFolder;
use tokio::time::Instant;

use self::books::Verdict;
use self::fault::Faults;
use self::figures::{Figures, Page};
use super::caller::Caller;
use super::load::{Load, Task};
use super::machine;
use super::subject::{Home, Subject};
use super::wire::Wire;

/// Lets a gateway work for long, with faults, and holds what came of it against what must.
///
/// Of a hundred operations 79 are keepalives, 20 registrations and one a play with its stop. One datagram in a
/// hundred is lost, in either direction.
#[derive(Debug, Parser)]
#[command(name = "cargo soak --", version)]
pub(crate) struct Arguments {
    /// How many devices there are
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=900_000))]
    devices: u32,
    /// Operations a second
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// How long it lasts
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Sockets that the devices share, each at a loopback address of its own
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=240))]
    sockets: u8,
    /// A gateway that was built before; otherwise the release build is made and taken
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Writes what is seen every ten seconds, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Between two looks at the gateway.
const LOOK: Duration = Duration::from_secs(10);

/// What is kept of answered requests is gone after this, and a stream that was given up is closed.
const REST: Duration = Duration::from_secs(75);

/// Of a thousand datagrams so many are lost, in either direction.
const LOST_PER_MILLE: u32 = 10;

/// Everything that takes part.
struct Scene {
    home: Home,
    subject: Subject,
    caller: Caller,
    load: Load,
    faults: Faults,
    seen: Vec<Figures>,
    csv: Option<std::fs::File>,
    begin: Instant,
}

/// Runs it; an error if a verdict is not met.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("{}", machine::description());
    let mut scene = Scene::open(arguments)?;
    println!(
        "{} devices, {} operations a second, {} s",
        arguments.devices, arguments.rate, arguments.seconds
    );
    println!("{}", Figures::HEAD);
    scene.work(arguments)?;
    scene.rest()?;
    let page = Page::read(&scene.caller)?;
    let verdicts = books::judge(&mut scene, &page, arguments.devices)?;
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    scene.subject.stop()?;
    anyhow::ensure!(verdicts.iter().all(Verdict::is_met), "not all is as it must be");
    Ok(())
}

impl Scene {
    /// A gateway on a plugin folder of its own, with devices that have registered.
    fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        let binary = match &arguments.gateway {
            Some(binary) => binary.clone(),
            None => sluice_build::gateway(sluice_build::Asker::Bench)?,
        };
        let caller = Caller::new()?;
        let plugins = PluginFolder::bundled()?;
        let home = Home::new(binary, None, &caller.media(), 0)?;
        home.amend(|text| {
            let bundled = format!("[plugins]\npath = {:?}", sluice_build::plugins().unwrap_or_default());
            let own = format!("[plugins]\npath = {:?}", plugins.path());
            text.replace("tcp = \"\"", "tcp = \"127.0.0.1:0\"").replace(&bundled, &own)
        })?;
        home.start()?.stop()?;
        home.issue(arguments.devices)?;
        let subject = home.start()?;
        caller.call_at(subject.http.context("the API is on")?)?;
        let faults = Faults::start(plugins, subject.sip, subject.tcp.context("TCP is on")?)?;
        let load = Load::new(Wire::open(arguments.sockets, subject.sip)?.losing(LOST_PER_MILLE));
        let csv = arguments.csv.as_ref().map(std::fs::File::create).transpose()?;
        let begin = Instant::now();
        Ok(Self { home, subject, caller, load, faults, seen: Vec::new(), csv, begin })
    }

    /// The hour. What is due is begun as time goes by, whether or not what was begun before is done.
    fn work(&mut self, arguments: &Arguments) -> anyhow::Result<()> {
        /// Tasks under way beyond which no more are begun: something is wrong then.
        const MOST: usize = 100_000;
        for device in 0..arguments.devices {
            self.keep_pace(u64::from(device), arguments.rate)?;
            self.load.start(device, Task::Register);
        }
        // A keepalive of a device that is not in yet, since a datagram of its was lost, would be refused.
        self.load.finish()?;
        self.begin = Instant::now();
        let (length, mut number) = (Duration::from_secs(arguments.seconds), 0_u64);
        while self.begin.elapsed() < length {
            self.keep_pace(number, arguments.rate)?;
            anyhow::ensure!(self.load.under_way() < MOST, "{MOST} tasks wait for an answer");
            // Each round takes every device once, each time for what its neighbour was taken for in the round before: of
            // one that is only ever played, or never taken, nothing is heard, and it is soon offline.
            let (devices, round) = (u64::from(arguments.devices), number / u64::from(arguments.devices));
            let device = u32::try_from((number + round) % devices)?;
            match number % 100 {
                0 => drop(self.caller.play(device)),
                1..80 => self.load.start(device, Task::Keepalive),
                _ => self.load.start(device, Task::Register),
            }
            number += 1;
        }
        Ok(())
    }

    /// Turns until the operation of that number is due.
    fn keep_pace(&mut self, number: u64, rate: u32) -> anyhow::Result<()> {
        let due = Duration::from_secs_f64(number as f64 / f64::from(rate));
        loop {
            self.look()?;
            let elapsed = self.begin.elapsed();
            if elapsed >= due {
                // What came meanwhile is taken once in a while even when we lag behind.
                return if number.is_multiple_of(16) { self.load.turn() } else { Ok(()) };
            }
            self.load.turn()?;
        }
    }

    /// Ends what is open, and waits until the gateway has forgotten it.
    fn rest(&mut self) -> anyhow::Result<()> {
        self.faults.end(&self.caller)?;
        self.load.finish()?;
        while !self.caller.is_idle() {
            self.load.turn()?;
        }
        self.caller.stop_all();
        let begin = Instant::now();
        while begin.elapsed() < REST {
            self.look()?;
            self.load.turn()?;
        }
        Ok(())
    }

    /// Lets the faults have their turn, and notes how the gateway is, where it is time to.
    fn look(&mut self) -> anyhow::Result<()> {
        let elapsed = self.begin.elapsed();
        self.faults.turn(elapsed, &self.caller)?;
        if self.seen.last().is_some_and(|last| elapsed < last.at + LOOK && elapsed >= last.at) {
            return Ok(());
        }
        let figures = Figures::take(elapsed, &self.subject, &self.caller, &self.load, &self.home)?;
        if self.seen.len().is_multiple_of(6) {
            println!("{figures}");
        }
        if let Some(csv) = &mut self.csv {
            use std::io::Write as _;
            writeln!(csv, "{}", figures.csv())?;
        }
        self.seen.push(figures);
        Ok(())
    }
}

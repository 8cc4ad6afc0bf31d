//! The phases, one function each.

use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::used;
use tokio::time::Instant;

use super::caller::Caller;
use super::histogram::Histogram;
use super::load::{Load, Seen, Task};
use super::report::Row;
use super::subject::{Home, Subject};
use super::words;

/// What the phases work with.
pub(crate) struct Bench {
    pub(crate) devices: u32,
    pub(crate) window: usize,
    pub(crate) length: Duration,
    /// What the echo needs for a registration and for a keepalive.
    pub(crate) echo: [Option<Duration>; 2],
}

/// What a phase begins with: the time, and what CPU was used before.
struct Begun {
    at: Instant,
    cpu: Duration,
    generator: Duration,
}

impl Bench {
    /// So many tasks at a time, device after device, for the length of a phase.
    pub(crate) fn steady(&self, load: &mut Load, subject: &Subject, task: Task) -> anyhow::Result<Row> {
        // The first tenth warms up.
        self.drive(load, task, self.length / 10, 0)?;
        load.finish()?;
        let begun = Begun::now(load, subject)?;
        self.drive(load, task, self.length, 0)?;
        load.finish()?;
        let (phase, operations): (_, fn(&Seen) -> &Histogram) = match task {
            Task::Register => ("registration", |seen| &seen.registered),
            Task::Keepalive => ("keepalive", |seen| &seen.kept_alive),
        };
        let row = begun.row(phase, load, subject, operations)?;
        Ok(Row { yardstick: self.echo[usize::from(task == Task::Keepalive)], ..row })
    }

    fn drive(&self, load: &mut Load, task: Task, length: Duration, first: u32) -> anyhow::Result<u32> {
        let (begin, mut next) = (Instant::now(), first);
        while begin.elapsed() < length {
            while load.under_way() < self.window {
                load.start(next % self.devices, task);
                next = next.wrapping_add(1);
            }
            load.turn()?;
        }
        Ok(next)
    }

    /// Every device registers for the first time.
    pub(crate) fn first(&self, load: &mut Load, subject: &Subject) -> anyhow::Result<Row> {
        let begun = Begun::now(load, subject)?;
        for device in 0..self.devices {
            while load.under_way() >= self.window {
                load.turn()?;
            }
            load.start(device, Task::Register);
        }
        load.finish()?;
        begun.row("first", load, subject, |seen| &seen.registered)
    }

    /// Lets the gateway come to rest: its questions to new devices, and what it keeps of answered requests.
    pub(crate) fn rest(&self, load: &mut Load, length: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < length {
            load.turn()?;
        }
        load.take_seen();
        Ok(())
    }

    /// Keepalives, and for each hundred of them a play and its stop.
    pub(crate) fn mixed(&self, load: &mut Load, subject: &Subject, caller: &Caller) -> anyhow::Result<Row> {
        let begun = Begun::now(load, subject)?;
        let (begin, mut device, mut plays) = (Instant::now(), 0_u32, 0_u64);
        caller.begin();
        while begin.elapsed() < self.length {
            // Keepalives wait for plays that lag behind, so that it is one for a hundred.
            let ahead = u64::from(device) / 100;
            if plays < ahead && caller.play(u32::try_from(plays)? % self.devices.min(10_000)) {
                plays += 1;
            }
            while load.under_way() < self.window && u64::from(device) / 100 <= plays {
                load.start(device % self.devices, Task::Keepalive);
                device += 1;
            }
            load.turn()?;
        }
        let row = Self::played("mixed", Duration::MAX, begun, load, (subject, caller))?;
        Ok(Row { yardstick: self.echo[1], ..row })
    }

    /// Keepalives at a steady pace, whatever the gateway does, and for each hundred of them a play and its stop.
    pub(crate) fn play(&self, load: &mut Load, subject: &Subject, caller: &Caller) -> anyhow::Result<Row> {
        /// Keepalives a second: a hundred thousand devices with one a minute send 1,700.
        const RATE: u32 = 2_000;
        let begun = Begun::now(load, subject)?;
        caller.begin();
        for number in 0..RATE * u32::try_from(self.length.as_secs())? {
            while begun.at.elapsed() < Duration::from_secs(1) * number / RATE {
                load.turn()?;
            }
            load.start(number % self.devices, Task::Keepalive);
            if number.is_multiple_of(100) {
                anyhow::ensure!(caller.play(number / 100 % self.devices), "all callers still wait");
            }
        }
        Self::played("play", Duration::from_millis(5), begun, load, (subject, caller))
    }

    /// The end of a phase with plays, of which 99 of a hundred may take so long.
    fn played(
        phase: &'static str,
        longest: Duration,
        begun: Begun,
        load: &mut Load,
        (subject, caller): (&Subject, &Caller),
    ) -> anyhow::Result<Row> {
        load.finish()?;
        while !caller.is_idle() {
            load.turn()?;
        }
        let row = begun.row(phase, load, subject, |seen| &seen.kept_alive)?;
        let (times, failed) = caller.take();
        let p99 = times.quantile(0.99);
        let result =
            format!("{} plays, p50 {:?}, p99 {p99:?}, {failed} failed", times.len(), times.quantile(0.5));
        let wanted = if longest == Duration::MAX {
            "no play fails".to_owned()
        } else {
            format!("no play fails, p99 ≤ {longest:?}")
        };
        Ok(Row { verdict: Some((wanted, result, failed == 0 && p99 <= longest)), ..row })
    }

    /// All devices but some send their first REGISTER at one instant; the others keep alive meanwhile.
    pub(crate) fn storm(&self, load: &mut Load, subject: &Subject) -> anyhow::Result<Row> {
        /// Devices that keep alive, and the time between two of their keepalives.
        const OTHERS: u32 = 1_000;
        const PAUSE: Duration = Duration::from_millis(1);
        let others = OTHERS.min(self.devices / 10);
        for device in 0..others {
            load.start(device, Task::Register);
        }
        load.finish()?;
        self.rest(load, Duration::from_secs(3))?;
        let begun = Begun::now(load, subject)?;
        (others..self.devices).for_each(|device| load.start(device, Task::Register));
        let storming = u64::from(self.devices - others);
        let (mut kept, mut all) = (0_u32, None);
        while load.seen.registered.len() + load.seen.lost + load.seen.refused < storming {
            load.turn()?;
            if begun.at.elapsed() >= PAUSE * kept {
                load.start(kept % others, Task::Keepalive);
                kept += 1;
            }
            all = Some(begun.at.elapsed());
        }
        load.finish()?;
        let row = begun.row("storm", load, subject, |seen| &seen.registered)?;
        let all = all.context("there are devices")?;
        let late = row.seen.kept_alive.longest();
        let wanted = if self.devices <= 10_000 { 2 } else { 10 };
        let result = format!(
            "{} registered after {all:.2?}, {} lost or refused; keepalives of others p99 {:?}, longest {late:?}",
            row.seen.registered.len(),
            row.seen.lost + row.seen.refused,
            row.seen.kept_alive.quantile(0.99)
        );
        let met =
            row.seen.lost + row.seen.refused == 0 && all.as_secs() < wanted && late < Duration::from_secs(32);
        let target = format!("all within {wanted} s, none lost, no keepalive late");
        Ok(Row { verdict: Some((target, result, met)), ..row })
    }

    /// The gateway is killed and started again; a device that is known tries to register all the while.
    pub(crate) fn start(
        &self,
        home: &Home,
        load: &mut Load,
        subject: Subject,
    ) -> anyhow::Result<(Row, Subject)> {
        let sip = subject.sip;
        drop(subject);
        load.take_seen();
        let begin = Instant::now();
        let subject = home.start_at_once(sip)?;
        let mut tried = None;
        while load.seen.registered.len() == 0 {
            // A datagram that comes before the socket is there is lost: ask again, soon.
            if tried.is_none_or(|tried: Instant| tried.elapsed() > Duration::from_millis(10)) {
                load.start(0, Task::Register);
                tried = Some(Instant::now());
            }
            load.turn()?;
            anyhow::ensure!(begin.elapsed() < Duration::from_secs(60), "the gateway does not come back");
        }
        let took = begin.elapsed();
        let cpu = subject.cpu()?;
        load.finish()?;
        let mut operations = Histogram::default();
        operations.note(took);
        let result = format!("{} devices known, first answer after {took:.2?}", self.devices);
        let verdict = Some(("≤ 1 s".to_owned(), result, took <= Duration::from_secs(1)));
        let row = Row { phase: "start", operations, took, cpu, verdict, ..Row::default() };
        load.take_seen();
        Ok((row, subject))
    }

    /// One platform answers a catalog query with 20,000 channels, four in a message.
    pub(crate) fn catalog(&self, home: &Home, load: &mut Load, subject: &Subject) -> anyhow::Result<Row> {
        const CHANNELS: u32 = 20_000;
        const PART: u32 = 4;
        /// Numbers that no device's own channel has.
        const FROM: u32 = 900_000;
        // One that has not registered yet: only then is it asked.
        let device = self.devices;
        load.keep_asked = true;
        load.start(device, Task::Register);
        let mut sn = None;
        let begin = Instant::now();
        while sn.is_none() {
            load.turn()?;
            let ours = load.asked.iter().filter(|(_, request)| request.contains(&words::device(device)));
            let queries = ours.filter_map(|(_, request)| words::query(request));
            sn = queries.filter(|(what, _)| *what == "Catalog").map(|(_, sn)| sn.to_owned()).next_back();
            anyhow::ensure!(begin.elapsed() < Duration::from_secs(20), "no catalog query came");
        }
        let sn = sn.context("it came")?;
        load.keep_asked = false;
        load.asked.clear();
        let begun = Begun::now(load, subject)?;
        for from in (FROM..FROM + CHANNELS).step_by(PART as usize) {
            while load.under_way() >= self.window {
                load.turn()?;
            }
            let part = |line| words::catalog(line, &sn, (from, from + PART, CHANNELS));
            load.ask(device, Task::Keepalive, part);
        }
        load.finish()?;
        let row = begun.row("catalog", load, subject, |seen| &seen.kept_alive)?;
        let id = words::device(device);
        let stored = home.count(&format!("SELECT count(*) FROM channels WHERE pdid = '{id}'"))?;
        let result = format!("{stored} channels stored after {:.2?}", row.took);
        // The device's own channel is not in the catalog, and goes.
        let met = row.took <= Duration::from_secs(5) && stored >= CHANNELS;
        Ok(Row { verdict: Some(("20,000 channels within 5 s".to_owned(), result, met)), ..row })
    }

    /// Many streams are opened, all are open at once, and all are closed.
    pub(crate) fn streams(
        &self,
        load: &mut Load,
        subject: &Subject,
        home: &Home,
        caller: &Caller,
    ) -> anyhow::Result<Row> {
        const STREAMS: u32 = 5_000;
        let wanted = STREAMS.min(self.devices);
        let begun = Begun::now(load, subject)?;
        let before = subject.memory()?;
        caller.open_all(wanted);
        while !caller.is_idle() {
            load.turn()?;
        }
        let memory = subject.memory()?.saturating_sub(before) / u64::from(wanted);
        let open = home.count("SELECT count(*) FROM streams WHERE state < 4")?;
        let row = begun.row("streams", load, subject, |seen| &seen.kept_alive)?;
        let (operations, failed) = caller.take();
        caller.stop_all();
        while !caller.is_idle() {
            load.turn()?;
        }
        let (_, not_stopped) = caller.take();
        let result =
            format!("{open} open at once, {failed} failed to open, {not_stopped} to stop, {memory} B each");
        let verdict = Some((format!("{wanted} open"), result, open == wanted && failed + not_stopped == 0));
        Ok(Row { operations, verdict, ..row })
    }
}

impl Begun {
    fn now(load: &mut Load, subject: &Subject) -> anyhow::Result<Self> {
        load.take_seen();
        Ok(Self { at: Instant::now(), cpu: subject.cpu()?, generator: used::cpu_time(std::process::id())? })
    }

    fn row(
        &self,
        phase: &'static str,
        load: &mut Load,
        subject: &Subject,
        operations: fn(&Seen) -> &Histogram,
    ) -> anyhow::Result<Row> {
        let took = self.at.elapsed();
        let seen = load.take_seen();
        Ok(Row {
            phase,
            operations: operations(&seen).clone(),
            seen,
            took,
            cpu: subject.cpu()? - self.cpu,
            generator: used::cpu_time(std::process::id())? - self.generator,
            ..Row::default()
        })
    }
}

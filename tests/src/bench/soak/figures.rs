//! What is looked at while it lasts.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::used;

use crate::caller::Caller;
use crate::load::Load;
use crate::subject::{Home, Subject};

/// The gateway at one moment.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// Since the devices had registered; while they do, since the start.
    pub(super) at: Duration,
    /// Bytes in RAM.
    pub(super) memory: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) tasks: u64,
    pub(super) cpu: Duration,
    /// Tasks of devices that are done, and those that were given up or refused.
    done: u64,
    failed: u64,
    repeated: u64,
    plays: u64,
    /// Bytes of the store on disk.
    stored: u64,
}

/// The gateway's own numbers.
pub(super) struct Page(String);

impl Figures {
    pub(super) const HEAD: &str =
        "   min   RSS MiB   fds  threads  tasks   CPU s      done  failed  repeated     plays  store MiB";

    pub(super) fn take(
        at: Duration,
        subject: &Subject,
        caller: &Caller,
        load: &Load,
        home: &Home,
    ) -> anyhow::Result<Self> {
        let (seen, calls) = (&load.seen, caller.calls());
        Ok(Self {
            at,
            memory: subject.memory()?,
            descriptors: used::descriptors(subject.id())?,
            threads: used::threads(subject.id())?,
            tasks: Page::read(caller)?.number("sluice_tasks")?,
            cpu: subject.cpu()?,
            done: seen.registered.len() + seen.kept_alive.len(),
            failed: seen.lost + seen.refused,
            repeated: seen.repeated,
            plays: calls.asked / 2,
            stored: home.stored(),
        })
    }

    pub(super) fn csv(&self) -> String {
        let Self { at, memory, descriptors, threads, tasks, cpu, done, failed, repeated, plays, stored } =
            self;
        let (at, cpu) = (at.as_secs_f64(), cpu.as_secs_f64());
        format!(
            "{at:.1},{memory},{descriptors},{threads},{tasks},{cpu:.2},{done},{failed},{repeated},{plays},{stored}"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{:>6.1}{:>10.1}{:>6}{:>9}{:>7}{:>8.1}{:>10}{:>8}{:>10}{:>10}{:>11.1}",
            self.at.as_secs_f64() / 60.0,
            mebibytes(self.memory),
            self.descriptors,
            self.threads,
            self.tasks,
            self.cpu.as_secs_f64(),
            self.done,
            self.failed,
            self.repeated,
            self.plays,
            mebibytes(self.stored),
        )
    }
}

impl Page {
    pub(super) fn read(caller: &Caller) -> anyhow::Result<Self> {
        Ok(Self(caller.metrics()?))
    }

    /// The value of a series, with its labels as they stand there.
    pub(super) fn number(&self, series: &str) -> anyhow::Result<u64> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value: f64 = value.with_context(|| format!("no {series}"))?.parse()?;
        Ok(value as u64)
    }

    /// How many SIP messages had that outcome.
    pub(super) fn sip(&self, outcome: &str) -> anyhow::Result<u64> {
        self.number(&format!("sluice_sip_messages_total{{outcome=\"{outcome}\"}}"))
    }

    /// How many SIP messages got no answer for that reason.
    pub(super) fn unanswered(&self, reason: &str) -> anyhow::Result<u64> {
        self.number(&format!("sluice_sip_unanswered_total{{reason=\"{reason}\"}}"))
    }

    /// The sum of all series of that name whose labels hold `such`.
    pub(super) fn sum(&self, name: &str, such: &str) -> u64 {
        let lines = self.0.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')) && line.contains(such)
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }
}

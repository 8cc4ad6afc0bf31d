//! A candidate beside the plugin in force: it is asked what that one was asked, and its answers are compared and
//! never used.
//!
//! Live calls only put what they were asked, and their answer, into a queue. A thread of the candidate's own asks it,
//! and rests so long after each call that even a slow one takes a small part of one processor, and gives way to all
//! others; what finds the queue full is left out and counted. The candidate has a log quota, figures and a key-value
//! store of its own.
//!
//! | file | job |
//! | --- | --- |
//! | `case`, `vendor` | a live call, and how a candidate's answer to it compares |
//! | `scrub` | what is shown of a difference, without secrets |
//! | `scout` | from the folder of candidates to candidates at work |

mod case;
mod scout;
mod scrub;
mod vendor;

pub(super) use case::Case;
pub(super) use scout::candidates;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing::info;

use super::{
    instance::Plugin,
    limits::{date, give_way, now},
    set::Release,
};
use case::Outcome;

/// A candidate at work. Its thread ends with it.
pub(super) struct Shadow {
    pub(super) release: Release,
    /// The hash of what is in force and is compared with.
    beside: String,
    /// Since when, in Unix seconds.
    pub(super) since: u64,
    pub(super) tally: Arc<Tally>,
    cases: SyncSender<Case>,
}

/// What the comparison came to.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) same: AtomicU64,
    pub(super) different: AtomicU64,
    /// The candidate broke.
    pub(super) failed: AtomicU64,
    /// It was not asked: there was no room in the queue, or it was set aside.
    pub(super) skipped: AtomicU64,
    waiting: AtomicU64,
    /// The candidate is at work no more, whatever still waits.
    over: AtomicBool,
    /// The first ones. Locked by the candidate's thread when there is a difference, and by who looks at them.
    differences: Mutex<Vec<Difference>>,
}

/// A call that the two answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which function, as `auth.register`.
    pub(super) function: &'static str,
    /// What was asked; secrets are blanked.
    pub(super) input: String,
    pub(super) in_force: String,
    pub(super) candidate: String,
    /// Unix seconds.
    pub(super) date: u64,
}

impl Shadow {
    /// Calls that wait for the candidate.
    const QUEUE: u64 = 512;
    /// Rests so many times as long as it works.
    const REST: u32 = 4;
    /// Rests shorter than this are put together: a call may take a microsecond.
    const NAP: Duration = Duration::from_millis(1);

    /// Puts a candidate to work beside the plugin with this hash.
    ///
    /// Errors: the system has no thread for it.
    fn start(release: Release, beside: &str) -> io::Result<Self> {
        let (cases, queue) = sync_channel(Self::QUEUE as usize);
        let tally = Arc::new(Tally::default());
        let (candidate, counted) = (release.plugin.clone(), tally.clone());
        let work = move || work(&candidate, &queue, &counted);
        thread::Builder::new().name("plugin-shadow".into()).spawn(work)?;
        Ok(Self { release, beside: beside.to_owned(), since: date(), tally, cases })
    }

    /// Hands a call over, if the candidate is asked at all now and there is room.
    pub(super) fn offer(&self, case: impl FnOnce() -> Case) {
        // Looked at before the case is made, which costs more.
        let tally = &self.tally;
        let asked = self.release.plugin.account.aside(now()).is_none();
        let room = tally.waiting.fetch_add(1, Relaxed) < Self::QUEUE;
        if !(asked && room) || self.cases.try_send(case()).is_err() {
            tally.waiting.fetch_sub(1, Relaxed);
            tally.skipped.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        self.tally.over.store(true, Relaxed);
    }
}

/// Asks the candidate until it is at work no more.
fn work(candidate: &Plugin, queue: &Receiver<Case>, tally: &Tally) {
    give_way("a candidate is asked");
    let mut tired = Duration::ZERO;
    while let Ok(case) = queue.recv()
        && !tally.over.load(Relaxed)
    {
        let started = now();
        tally.waiting.fetch_sub(1, Relaxed);
        tally.count(candidate, case.try_on(candidate));
        tired += (now() - started) * Shadow::REST;
        if tired > Shadow::NAP {
            rest(tired);
            tired = Duration::ZERO;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "leaves the processor to live calls")]
fn rest(long: Duration) {
    thread::sleep(long);
}

impl Tally {
    const KEPT: usize = 10;

    /// The first differences.
    pub(super) fn differences(&self) -> Vec<Difference> {
        self.differences.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, candidate: &Plugin, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Different(show) => {
                let mut kept = self.differences.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.is_empty() {
                    let plugin = &candidate.name;
                    info!(%plugin, "the candidate answers differently; GET /plugins shows the first differences");
                }
                if kept.len() < Self::KEPT {
                    kept.push(show());
                }
                &self.different
            }
            Outcome::Failed => &self.failed,
            Outcome::Same => &self.same,
            Outcome::Skipped => &self.skipped,
        };
        counter.fetch_add(1, Relaxed);
    }
}

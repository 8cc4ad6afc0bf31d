//! The one thread that writes.
//!
//! It takes all jobs that wait, runs them in one transaction, each under a savepoint of its own, commits
//! once, and only then answers. So a registration costs a share of an fsync instead of a whole one, and a job
//! that fails does not hurt its neighbours.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
    vec,
};

use rusqlite::Connection;
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use super::{Error, Result, counters, touch::Touches};

/// Jobs that may wait; past it, callers wait to hand theirs over.
pub(super) const QUEUE: usize = 4096;

/// Jobs that share one commit at most, so that the first of them does not wait for long.
const BATCH: usize = 1024;

/// How often it is looked what is to be written behind, and whether what could not be written now can.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);

/// So many periods later at most it is written: then a device that says several times where it is costs one row.
const LAZY_PERIODS: u32 = 10;

/// What the writer has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Transactions that reached the disk.
    pub commits: u64,
    /// Transactions that did not.
    pub failed_commits: u64,
    /// Jobs that were run, failed ones too.
    pub jobs: u64,
}

/// The callers' side of the writing thread.
#[derive(Clone)]
pub(super) struct Writer {
    commands: mpsc::Sender<Command>,
    counts: Arc<Counts>,
}

enum Command {
    Close(oneshot::Sender<()>),
    Job(Job),
}

/// Runs on the connection, or only takes note of why there is no transaction to run in.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Done + Send>;

/// A job that was run: why its changes are to be undone, and how to tell its caller.
struct Done {
    error: Option<Error>,
    answer: Box<dyn FnOnce(Result<()>) + Send>,
}

#[derive(Default)]
struct Counts {
    commits: AtomicU64,
    failed_commits: AtomicU64,
    jobs: AtomicU64,
    /// Why nothing can be written; none while it can. Locked to look and to change it.
    trouble: Mutex<Option<Error>>,
}

impl Writer {
    /// Starts the thread. It ends at `close`, or when the last handle is gone and the queue is empty.
    pub(super) fn start(connection: Connection, touches: Arc<Touches>) -> std::io::Result<Self> {
        let (commands, queue) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let thread = WriterThread {
            connection,
            touches,
            flushed_to: String::new(),
            waited: 0,
            counts: Arc::clone(&counts),
        };
        // A runtime of its own lets the thread wait for a job and for the next flush at once.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(thread.work(queue)))?;
        Ok(Self { commands, counts })
    }

    /// Runs `work` in a transaction and returns once that is on disk. The work is done even when the caller
    /// stops waiting for it. While nothing can be written it is refused at once: the thread itself tries on.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let (job, answer) = job(work);
        self.commands.send(Command::Job(job)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Finishes what was handed over before, flushes, and closes the connection.
    pub(super) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.commands.send(Command::Close(sender)).await.is_ok() {
            // An error means that the thread has ended, which is what we wait for.
            let _ = receiver.await;
        }
    }

    /// Why nothing can be written; none while it can.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.counts.trouble().clone()
    }

    /// Commands that wait.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.commands.max_capacity() - self.commands.capacity()
    }

    pub(super) fn stats(&self) -> WriterStats {
        WriterStats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            failed_commits: self.counts.failed_commits.load(Ordering::Relaxed),
            jobs: self.counts.jobs.load(Ordering::Relaxed),
        }
    }
}

/// What the thread owns.
struct WriterThread {
    connection: Connection,
    touches: Arc<Touches>,
    /// How far the pass over `touches` has come that is under way; empty: none is.
    flushed_to: String,
    /// Periods since the last pass.
    waited: u32,
    counts: Arc<Counts>,
}

impl WriterThread {
    async fn work(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut flush = interval(FLUSH_PERIOD);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut commands = Vec::with_capacity(BATCH);
        let closer = loop {
            tokio::select! {
                taken = queue.recv_many(&mut commands, BATCH) => {
                    let closer = self.take(&mut commands);
                    if closer.is_some() || taken == 0 {
                        break closer;
                    }
                }
                _ = flush.tick() => {
                    self.try_again();
                    if self.is_flush_due() && self.flush_some() {
                        flush.reset_immediately();
                    }
                }
            }
        };
        self.flushed_to.clear();
        while self.flush_some() {}
        drop(self);
        if let Some(closer) = closer {
            // Nobody waits for the close any more: it is done all the same.
            let _ = closer.send(());
        }
    }

    /// Runs the jobs up to a request to close, which is returned.
    fn take(&self, commands: &mut Vec<Command>) -> Option<oneshot::Sender<()>> {
        let mut jobs = Vec::with_capacity(commands.len());
        let mut closer = None;
        for command in commands.drain(..) {
            match command {
                Command::Close(sender) => closer = Some(sender),
                // What comes after the close is dropped, and its caller told that the store is closed.
                Command::Job(job) if closer.is_none() => jobs.push(job),
                Command::Job(_) => {}
            }
        }
        self.run_all(jobs);
        closer
    }

    /// Whether a pass is under way, or one is to begin.
    fn is_flush_due(&mut self) -> bool {
        if !self.flushed_to.is_empty() {
            return true;
        }
        self.waited += 1;
        let due = self.touches.take_urgent() || self.waited >= LAZY_PERIODS;
        if due {
            self.waited = 0;
        }
        due
    }

    /// Writes a row of its own where writing has failed: that tells when it works again.
    fn try_again(&self) {
        if self.counts.trouble().is_some() {
            let (job, _) = job(|connection| counters::set(connection, "attempt", 0));
            self.run_all(vec![job]);
        }
    }

    /// Writes the next batch of what is written behind. False at the end of a pass over it, and when that
    /// failed.
    fn flush_some(&mut self) -> bool {
        if self.counts.trouble().is_some() {
            return false;
        }
        let batch = Arc::new(self.touches.sample(&self.flushed_to));
        let Some((last, _)) = batch.last() else {
            self.flushed_to.clear();
            return false;
        };
        self.flushed_to.clone_from(last);
        let touched = Arc::clone(&batch);
        let (job, mut answer) =
            job(move |connection| touched.iter().try_for_each(|(id, touch)| touch.write(connection, id)));
        self.run_all(vec![job]);
        if let Ok(Err(error)) = answer.try_recv() {
            tracing::warn!(%error, "keepalive times were not written; they are kept for the next try");
            self.flushed_to.clear();
            self.waited = LAZY_PERIODS;
            return false;
        }
        self.touches.settle(&batch);
        true
    }

    fn run_all(&self, jobs: Vec<Job>) {
        let mut jobs = jobs.into_iter();
        while jobs.len() > 0 {
            self.transaction(&mut jobs);
        }
    }

    /// Runs jobs in one transaction and answers them. On some errors (disk full, I/O) SQLite undoes the whole
    /// transaction: then those that ran so far fail together, and the rest are left for the next one.
    fn transaction(&self, jobs: &mut vec::IntoIter<Job>) {
        // One that could not be ended before may be now.
        self.roll_back();
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            return self.fail_all(jobs, &error);
        }
        let mut done = Vec::with_capacity(jobs.len());
        let mut lost = None;
        for job in jobs {
            done.push(self.run_one(job));
            if self.connection.is_autocommit() {
                lost = done.last().and_then(|done| done.error.clone());
                break;
            }
        }
        self.counts.jobs.fetch_add(done.len() as u64, Ordering::Relaxed);
        let outcome = lost.map_or_else(|| self.commit(), Err);
        self.counts.note(&outcome);
        for done in done {
            (done.answer)(outcome.clone());
        }
    }

    /// Runs one job under a savepoint, and undoes it when it fails or panics.
    fn run_one(&self, job: Job) -> Done {
        if let Err(error) = self.execute("SAVEPOINT job") {
            return job(Err(error));
        }
        // A panic may leave nothing behind but the connection, which the rollback restores.
        let mut done =
            catch_unwind(AssertUnwindSafe(|| job(Ok(&self.connection)))).unwrap_or_else(|_| Done::panicked());
        let undone = if done.error.is_some() { self.execute("ROLLBACK TO job") } else { Ok(()) };
        if let Err(error) = undone.and_then(|()| self.execute("RELEASE job")) {
            // Half a job must not be committed with its neighbours: give up the transaction.
            done.error.get_or_insert(error);
            self.roll_back();
        }
        done
    }

    fn commit(&self) -> Result<()> {
        self.execute("COMMIT").inspect_err(|_| self.roll_back())
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a transaction can neither be committed nor undone");
        }
    }

    fn fail_all(&self, jobs: &mut vec::IntoIter<Job>, error: &Error) {
        self.counts.note(&Err(error.clone()));
        for job in jobs {
            (job(Err(error.clone())).answer)(Ok(()));
        }
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

impl Done {
    /// A job that panicked; dropping its answer has told its caller already.
    fn panicked() -> Self {
        Self { error: Some(Error::Closed), answer: Box::new(|_| ()) }
    }
}

impl Counts {
    fn note(&self, outcome: &Result<()>) {
        let count = if outcome.is_ok() { &self.commits } else { &self.failed_commits };
        count.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.trouble();
        match (outcome, trouble.is_some()) {
            (Ok(()), true) => {
                tracing::info!("the database can be written again");
                *trouble = None;
            }
            (Err(error), false) if error.is_trouble() => {
                tracing::error!(%error, "the database cannot be written; what needs it is refused until it can");
                *trouble = Some(error.clone());
            }
            _ => {}
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Error>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `work` as a job, and where its result arrives after the commit.
fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T>>) {
    let (sender, receiver) = oneshot::channel();
    let job = move |connection: Result<&Connection>| {
        let result = connection.and_then(work);
        let error = result.as_ref().err().cloned();
        // A caller who has gone needs no answer.
        let answer =
            move |commit: Result<()>| drop(sender.send(result.and_then(|value| commit.map(|()| value))));
        Done { error, answer: Box::new(answer) }
    };
    (Box::new(job), receiver)
}

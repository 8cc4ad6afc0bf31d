//! Recorded files that go: the `cleanup` policy is asked page by page, and what it chose is deleted.
//!
//! The file goes first and its row is marked afterwards. A gateway that ends in between finds the file gone at its next
//! sweep, and marks the row then.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::media::{Disk, FolderError, Place, RecordFolder};
use crate::plugin::{self, Fault, cleanup, types::Attribute};
use crate::store::{self, Recording};

use super::{Gateway, clock};

/// Recordings that the policy sees at once: about 100 KiB, which it reads in a small part of its 5 ms.
const PAGE: u32 = 200;

/// How long after the start the first sweep comes at the latest.
const SOON: Duration = Duration::from_secs(10);

/// How long rows of what is over are kept, so that it can be looked up what became of it.
const ROWS_KEPT_DAYS: i64 = 30;

/// A folder of a day is left alone for so long after a file in it was finished: more may come.
const DAY_OVER_SECS: i64 = 2 * 86_400;

/// Files of one sweep whose failure is logged; the others are only counted.
const FAILURES_TOLD: u64 = 10;

/// What a sweep did, or all sweeps together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Recordings that were looked at.
    pub swept: u64,
    /// Files that are gone, those that were gone already among them.
    pub deleted: u64,
    /// Bytes that they held.
    pub freed: u64,
    /// Files that the policy chose and that could not be deleted. The next sweep tries again.
    pub failed: u64,
    /// Recordings about which the policy could not decide.
    pub undecided: u64,
    /// Rows of closed streams and of recordings without a file that were forgotten.
    pub forgotten: u64,
}

/// What sweeps did since the gateway started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepFigures {
    /// How many there were.
    pub sweeps: u64,
    /// When the last one ended, in Unix seconds; 0 before the first.
    pub last_at: i64,
    pub last: SweepReport,
    pub total: SweepReport,
}

/// The figures of all sweeps.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    /// Held for one copy.
    figures: Mutex<SweepFigures>,
}

/// Why a file that was to go did not, or why a sweep ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Folder(#[from] FolderError),
    #[error("{0}")]
    Panic(#[from] JoinError),
    #[error("storage: {0}")]
    Store(#[from] store::Error),
}

/// A sweep that is under way.
struct Sweep<'a> {
    gateway: &'a Gateway,
    folder: Arc<RecordFolder>,
    /// As it will be once what was deleted is given back, which takes some file systems a while.
    disk: Disk,
    now: i64,
    report: &'a mut SweepReport,
}

impl Gateway {
    /// What sweeps over recorded files did so far.
    pub fn sweeps(&self) -> SweepFigures {
        *self.0.sweeps.lock()
    }

    /// Runs until the gateway stops.
    pub(super) async fn sweep_regularly(&self) {
        let period = Duration::from_secs(self.0.config.record.sweep_interval_secs);
        let mut sweeps = interval_at(Instant::now() + period.min(SOON), period);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweeps.tick().await;
            self.sweep().await;
        }
    }

    async fn sweep(&self) {
        let started = Instant::now();
        let mut report = SweepReport::default();
        if let Err(error) = self.sweep_files(&mut report).await {
            tracing::warn!(%error, "the sweep over recorded files ended early; the next one tries again");
        }
        if let Err(error) = self.forget_what_is_over(&mut report).await {
            tracing::error!(%error, "the store did not forget what is over");
        }
        self.0.sweeps.add(report, clock::seconds());
        let SweepReport { swept, deleted, freed, failed, undecided, forgotten } = report;
        let duration_ms = started.elapsed().as_millis();
        tracing::info!(
            swept,
            deleted,
            freed,
            failed,
            undecided,
            forgotten,
            duration_ms,
            "recorded files swept"
        );
    }

    async fn sweep_files(&self, report: &mut SweepReport) -> Result<(), Failure> {
        if self.0.config.plugins.cleanup.is_empty() {
            return Ok(());
        }
        let mut page = self.0.store.recorded_files(None, PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        let path = self.0.config.record.path.clone();
        let (folder, disk) = spawn_blocking(move || open(&path)).await??;
        let mut sweep =
            Sweep { gateway: self, folder: Arc::new(folder), disk, now: clock::seconds(), report };
        while let Some(last) = page.last().cloned() {
            if sweep.page(page).await.is_break() {
                break;
            }
            page = self.0.store.recorded_files(Some(&last), PAGE).await?;
        }
        Ok(())
    }

    async fn forget_what_is_over(&self, report: &mut SweepReport) -> Result<(), store::Error> {
        let time = clock::seconds() - ROWS_KEPT_DAYS * 86_400;
        let recordings = self.0.store.forget_recordings(time).await?;
        let streams = self.0.store.forget_closed_streams(time).await?;
        report.forgotten = (recordings + streams) as u64;
        Ok(())
    }
}

impl Sweep<'_> {
    /// Has a page decided on, and deletes what is to go. Breaks where asking on would bring nothing.
    async fn page(&mut self, rows: Vec<Recording>) -> ControlFlow<()> {
        self.report.swept += rows.len() as u64;
        let chosen = match self.gateway.0.plugins.select_recordings(&self.told(&rows)) {
            Ok(chosen) => chosen,
            Err(plugin::Error { fault, .. }) => {
                // The door has logged the failure. One that was set aside will not answer for the next page either.
                self.report.undecided += rows.len() as u64;
                let aside = matches!(fault, Fault::Unavailable(_));
                return if aside { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            }
        };
        let mut rows: HashMap<String, Recording> =
            rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        for cleanup::Deletion { id, reason } in chosen {
            if let Some(row) = rows.remove(&id) {
                self.remove(&row, reason).await;
            }
        }
        ControlFlow::Continue(())
    }

    /// The page as the policy sees it.
    fn told(&self, rows: &[Recording]) -> cleanup::Sweep {
        let expire = self.gateway.0.config.record.expire.to_string();
        cleanup::Sweep {
            now: unsigned(self.now),
            disk: cleanup::Disk { total: self.disk.total, free: self.disk.free },
            recordings: rows.iter().map(|row| self.recording(row)).collect(),
            more: rows.len() == PAGE as usize,
            attributes: vec![Attribute { name: "record.expire".to_owned(), value: expire }],
        }
    }

    fn recording(&self, row: &Recording) -> cleanup::Recording {
        let place = self.place(row).ok();
        let below = place.as_ref().map(|place| place.path().to_string_lossy().into_owned());
        // Of a file whose hook was lost the media server tells only the name.
        let measured = place.filter(|_| row.file.size == 0).and_then(|place| self.folder.size(&place));
        cleanup::Recording {
            id: row.id.clone(),
            stream: row.stream.clone(),
            channel: row.channel.clone(),
            path: below.unwrap_or_else(|| row.file.path.clone()),
            size: measured.unwrap_or_else(|| unsigned(row.file.size)),
            start: unsigned(row.file.start),
            // A media server whose clock stood at 1970 has written no old file.
            end: unsigned(row.file.end.max(row.started)),
            attributes: Vec::new(),
        }
    }

    /// Deletes a file and marks its row.
    async fn remove(&mut self, row: &Recording, reason: String) {
        match self.delete(row, reason).await {
            Ok(freed) => {
                self.report.deleted += 1;
                self.report.freed += freed;
                self.disk.free = self.disk.free.saturating_add(freed).min(self.disk.total);
            }
            Err(error) => {
                self.report.failed += 1;
                if self.report.failed <= FAILURES_TOLD {
                    let path = &row.file.path;
                    tracing::warn!(recording.id = row.id, path, %error, "a recorded file cannot be deleted");
                }
            }
        }
    }

    async fn delete(&self, row: &Recording, reason: String) -> Result<u64, Failure> {
        let place = self.place(row)?;
        let day_over = self.now.saturating_sub(row.file.end) > DAY_OVER_SECS;
        let folder = Arc::clone(&self.folder);
        let freed = spawn_blocking(move || {
            let freed = folder.delete(&place)?;
            if day_over {
                folder.tidy(&place);
            }
            Ok::<_, FolderError>(freed)
        });
        let freed = freed.await??;
        tracing::info!(recording.id = row.id, stream.id = row.stream, reason, freed, "recorded file deleted");
        self.gateway.0.store.set_recording_deleted(row.id.as_str(), reason).await?;
        Ok(freed)
    }

    fn place(&self, row: &Recording) -> Result<Place, FolderError> {
        self.folder.place(&row.file.path, &row.app, &row.stream)
    }
}

impl Sweeps {
    fn add(&self, report: SweepReport, at: i64) {
        let mut figures = self.lock();
        figures.sweeps += 1;
        figures.last_at = at;
        figures.last = report;
        figures.total.add(report);
    }

    fn lock(&self) -> MutexGuard<'_, SweepFigures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SweepReport {
    fn add(&mut self, other: Self) {
        self.swept += other.swept;
        self.deleted += other.deleted;
        self.freed += other.freed;
        self.failed += other.failed;
        self.undecided += other.undecided;
        self.forgotten += other.forgotten;
    }
}

fn open(path: &Path) -> Result<(RecordFolder, Disk), FolderError> {
    let folder = RecordFolder::open(path)?;
    let disk = folder.disk()?;
    Ok((folder, disk))
}

/// Times before 1970 and sizes below nothing are not there.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

//! A record folder with files of any age, and gateways that sweep over it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sluice::store::{NewRecording, RecordedFile, RecordingState, Store};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Process, Settings, wait_for};
use tempfile::TempDir;

use crate::binary;

/// The stream that everything was recorded from.
pub(crate) const STREAM: &str = "0BEBC201";

/// Bytes of every file that [`Archive::file`] writes.
const CONTENT: &str = "12345";

const DAY: i64 = 86_400;

/// What outlives a gateway: its database and the record folder, with `outside` beside it.
pub(crate) struct Archive {
    settings: Settings,
    folder: TempDir,
    /// The gateway's database, written by the test too.
    pub(crate) store: Store,
    _zlm: FakeZlm,
}

impl Archive {
    /// `plugins` are more lines of `[plugins]`, `record` more of `[record]` and whatever sections follow.
    pub(crate) async fn new(plugins: &str, record: &str) -> anyhow::Result<Self> {
        let zlm = FakeZlm::start(ZlmConfig::default()).await.context("the media server does not start")?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("record");
        fs::create_dir(&path)?;
        fs::create_dir(folder.path().join("outside"))?;
        let mut settings = Settings::new(&zlm)?;
        settings.extra = format!("{plugins}\n[record]\npath = {path:?}\nsweep_interval_secs = 1\n{record}\n");
        let store = Store::open(folder.path().join("sluice.db"))?;
        Ok(Self { settings, folder, store, _zlm: zlm })
    }

    /// Starts a gateway, whose first sweep comes a second later.
    pub(crate) async fn open(&self) -> anyhow::Result<Process> {
        Process::start(&binary::gateway()?, &self.settings, self.folder.path()).await
    }

    /// A path below the record folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("record").join(name)
    }

    /// A path below `outside`, where nothing may go.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join("outside").join(name)
    }

    /// Writes a file below the record folder that was finished so many days ago; its recording's id.
    pub(crate) async fn file(&self, name: &str, days: i64) -> anyhow::Result<String> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, CONTENT)?;
        self.row(&path, days, CONTENT.len() as i64).await
    }

    /// A recording of a file that the media server told of; its id.
    pub(crate) async fn row(&self, path: &Path, days: i64, size: i64) -> anyhow::Result<String> {
        let end = jiff::Timestamp::now().as_second() - days * DAY;
        let file = RecordedFile {
            url: format!("record/rtp/{STREAM}/x.mp4"),
            path: path.display().to_string(),
            size,
            time_len: 600.0,
            start: end - 600,
            end,
        };
        Ok(self.store.add_recorded_file(recording(end - 600), file).await?.id)
    }

    /// State of a recording, and why.
    pub(crate) async fn fate(&self, id: &str) -> anyhow::Result<(RecordingState, String)> {
        let row = self.store.recording(id).await?.context("the row is gone")?;
        Ok((row.state, row.why))
    }

    /// Waits for the end of so many sweeps, counted from the first gateway's start; the last one's figures.
    pub(crate) async fn sweep(&self, number: usize) -> anyhow::Result<String> {
        let ended = || self.logged("recorded files swept ");
        wait_for(|| async { ended().len() >= number }).await.with_context(|| format!("{:?}", ended()))?;
        let line = ended().swap_remove(number - 1);
        Ok(line.split(" duration_ms").next().unwrap_or_default().to_owned())
    }

    /// The recordings whose files the log tells deleted, in order.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let told = self.logged("recorded file deleted recording.id=");
        let id = |line: &String| line.split(' ').next().unwrap_or_default().trim_matches('"').to_owned();
        told.iter().map(id).collect()
    }

    /// What follows `words` in each line of the log that has them.
    pub(crate) fn logged(&self, words: &str) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("gateway.log")).unwrap_or_default();
        let after = log.lines().filter_map(|line| line.split_once(words).map(|(_, rest)| rest.to_owned()));
        after.collect()
    }

    /// Changes the database beside the gateway.
    pub(crate) fn execute(&self, sql: &str) -> anyhow::Result<usize> {
        Ok(rusqlite::Connection::open(self.folder.path().join("sluice.db"))?.execute(sql, ())?)
    }
}

/// A recording that began at `started`.
pub(crate) fn recording(started: i64) -> NewRecording {
    NewRecording {
        stream: STREAM.to_owned(),
        channel: "37070000081318000001".to_owned(),
        app: "rtp".to_owned(),
        started,
        limit: 600,
        query: "{}".to_owned(),
    }
}

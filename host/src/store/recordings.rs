//! Recordings: what callers asked to be recorded, and the files that came of it.

use rusqlite::{Connection, params};

use super::{
    Error, NewEvent, Result, Store,
    columns::{self, Columns, FromColumns},
    events,
};

const COLUMNS: &str =
    "id, stream, channel, app, state, started, max_second, query, url, path, size, time_len,
    start_at, end_at, why";

/// Letters and digits in a recording's id.
const ID_LENGTH: usize = 32;

/// A row of `recordings`. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// 32 random letters and digits.
    pub id: String,
    /// The stream it is made of.
    pub stream: String,
    /// The channel it shows.
    pub channel: String,
    /// The media server's name for the stream's group.
    pub app: String,
    /// How far it has come.
    pub state: RecordingState,
    /// When it was asked for.
    pub started: i64,
    /// Seconds after which it stops by itself; -1: never.
    pub limit: i64,
    /// The query of the call that asked for it, as the JSON text it was given as.
    pub query: String,
    /// The file.
    pub file: RecordedFile,
    /// Why it failed, or why its file was deleted; empty otherwise.
    pub why: String,
}

/// A finished file, as the media server tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedFile {
    /// Path of its URL at the media server.
    pub url: String,
    /// Where it is on disk, as the media server sees it.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// Seconds of media.
    pub time_len: f64,
    /// When it begins.
    pub start: i64,
    /// When it ends.
    pub end: i64,
}

/// How far a recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// Its file is gone.
    Deleted,
    /// Its file is there.
    Done,
    /// It ended without a file.
    Failed,
    /// The media server writes it.
    Recording,
    /// The media server was told to stop; its file has not been reported yet.
    Stopping,
}

columns::text_enum!(RecordingState {
    Deleted => "deleted",
    Done => "done",
    Failed => "failed",
    Recording => "recording",
    Stopping => "stopping",
});

/// A recording to be started.
#[derive(Clone, Debug)]
pub struct NewRecording {
    /// The stream to record.
    pub stream: String,
    /// The channel it shows.
    pub channel: String,
    /// The media server's name for the stream's group.
    pub app: String,
    /// Unix seconds: now.
    pub started: i64,
    /// Seconds after which it stops by itself; -1: never.
    pub limit: i64,
    /// The call's query as a JSON text.
    pub query: String,
}

impl Store {
    /// Stores a recording that is about to start.
    ///
    /// Errors: [`Error::AlreadyRecording`].
    pub async fn start_recording(&self, new: NewRecording) -> Result<Recording> {
        self.write(move |connection| {
            if let Some(open) = recording_of(connection, &new.stream)? {
                return Err(Error::AlreadyRecording { stream: new.stream, recording: open.id });
            }
            insert(connection, &new, RecordingState::Recording, &RecordedFile::default())
        })
        .await
    }

    /// Stores a file that no running recording waits for: an earlier part of one, or one that came too late.
    pub async fn add_recorded_file(&self, new: NewRecording, file: RecordedFile) -> Result<Recording> {
        self.write(move |connection| insert(connection, &new, RecordingState::Done, &file)).await
    }

    /// The recording `id`, if there is one.
    pub async fn recording(&self, id: impl Into<String>) -> Result<Option<Recording>> {
        let id = id.into();
        self.read(move |connection| find(connection, &id)).await
    }

    /// The recording that a stream is in now, its file still to come.
    pub async fn recording_of(&self, stream: impl Into<String>) -> Result<Option<Recording>> {
        let stream = stream.into();
        self.read(move |connection| recording_of(connection, &stream)).await
    }

    /// The recording that a new file of a stream belongs to: the one that is running or being ended, else the last
    /// one that seemed to have no file.
    pub async fn recording_for_file(&self, stream: impl Into<String>) -> Result<Option<Recording>> {
        let stream = stream.into();
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE stream = ?1 AND state = 'failed' ORDER BY started DESC LIMIT 1"
        );
        self.read(move |connection| match recording_of(connection, &stream)? {
            Some(open) => Ok(Some(open)),
            None => columns::row(connection, &sql, [&stream]),
        })
        .await
    }

    /// The files of a stream that are known, deleted ones too: their paths as the media server's URLs have them.
    pub async fn recorded_urls(&self, stream: impl Into<String>) -> Result<Vec<String>> {
        let stream = stream.into();
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE stream = ?1 AND url <> ''");
        let rows: Vec<Recording> =
            self.read(move |connection| columns::rows(connection, &sql, [&stream])).await?;
        Ok(rows.into_iter().map(|row| row.file.url).collect())
    }

    /// Every recording whose file is still to come, oldest first.
    pub async fn open_recordings(&self) -> Result<Vec<Recording>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE state IN ('recording', 'stopping') ORDER BY started, id"
        );
        self.read(move |connection| columns::rows(connection, &sql, ())).await
    }

    /// Stores that the media server is being told to stop. False when the recording is not running: of two
    /// that want to stop it only one hears true.
    pub async fn stop_recording(&self, id: impl Into<String>) -> Result<bool> {
        let id = id.into();
        let sql = "UPDATE recordings SET state = 'stopping' WHERE id = ?1 AND state = 'recording'";
        self.write(move |connection| Ok(columns::execute(connection, sql, [id])? > 0)).await
    }

    /// Stores the file of a recording, and `events` with it. None, and no event, when its file is known
    /// already or deleted.
    pub async fn finish_recording(
        &self,
        id: impl Into<String>,
        file: RecordedFile,
        events: Vec<NewEvent>,
    ) -> Result<Option<Recording>> {
        let (id, most) = (id.into(), self.backlog);
        let sql =
            "UPDATE recordings SET state = 'done', why = '', url = ?2, path = ?3, size = ?4, time_len = ?5,
                   start_at = ?6, end_at = ?7 WHERE id = ?1 AND state IN ('recording', 'stopping', 'failed')";
        self.write(move |connection| {
            let params = params![id, file.url, file.path, file.size, file.time_len, file.start, file.end];
            if columns::execute(connection, sql, params)? == 0 {
                return Ok(None);
            }
            events::enqueue(connection, &events, most)?;
            find(connection, &id)
        })
        .await
    }

    /// Stores that a recording ended without a file. False when it has one or is ended already. A file that
    /// comes later still finishes it.
    pub async fn fail_recording(&self, id: impl Into<String>, why: impl Into<String>) -> Result<bool> {
        let sql = "UPDATE recordings SET state = 'failed', why = ?2, over_at = unixepoch()
                   WHERE id = ?1 AND state IN ('recording', 'stopping')";
        let (id, why) = (id.into(), why.into());
        self.write(move |connection| Ok(columns::execute(connection, sql, (id, why))? > 0)).await
    }

    /// Up to `limit` recordings that have a file, those that begin first first. `after` is the last one of
    /// the page before.
    pub async fn recorded_files(&self, after: Option<&Recording>, limit: u32) -> Result<Vec<Recording>> {
        let (start, id) = after.map_or((i64::MIN, String::new()), |last| (last.file.start, last.id.clone()));
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE state = 'done' AND (start_at, id) > (?1, ?2)
             ORDER BY start_at, id LIMIT ?3"
        );
        self.read(move |connection| columns::rows(connection, &sql, (start, id, limit))).await
    }

    /// Stores that a recording's file was deleted, and why. False when it has none.
    pub async fn set_recording_deleted(&self, id: impl Into<String>, why: impl Into<String>) -> Result<bool> {
        let sql = "UPDATE recordings SET state = 'deleted', why = ?2, over_at = unixepoch()
                   WHERE id = ?1 AND state = 'done'";
        let (id, why) = (id.into(), why.into());
        self.write(move |connection| Ok(columns::execute(connection, sql, (id, why))? > 0)).await
    }

    /// Forgets recordings without a file that were deleted or failed before `time`, in Unix seconds; how many.
    pub async fn forget_recordings(&self, time: i64) -> Result<usize> {
        let sql = "DELETE FROM recordings WHERE state IN ('deleted', 'failed') AND over_at < ?1";
        self.write(move |connection| columns::execute(connection, sql, [time])).await
    }
}

fn insert(
    connection: &Connection,
    new: &NewRecording,
    state: RecordingState,
    file: &RecordedFile,
) -> Result<Recording> {
    let id = random_id()?;
    let sql = format!(
        "INSERT INTO recordings ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, '')"
    );
    let NewRecording { stream, channel, app, started, limit, query } = new;
    let RecordedFile { url, path, size, time_len, start, end } = file;
    let params = params![
        id, stream, channel, app, state, started, limit, query, url, path, size, time_len, start, end
    ];
    columns::execute(connection, &sql, params)?;
    find(connection, &id)?.ok_or(Error::Missing { what: "recording", id })
}

fn find(connection: &Connection, id: &str) -> Result<Option<Recording>> {
    columns::row(connection, &format!("SELECT {COLUMNS} FROM recordings WHERE id = ?1"), [id])
}

fn recording_of(connection: &Connection, stream: &str) -> Result<Option<Recording>> {
    let sql =
        format!("SELECT {COLUMNS} FROM recordings WHERE stream = ?1 AND state IN ('recording', 'stopping')");
    columns::row(connection, &sql, [stream])
}

fn random_id() -> Result<String> {
    const SYMBOLS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut random = [0; 2 * ID_LENGTH];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    // Two bytes a symbol: the remainder favours some symbols by less than a thousandth.
    let symbol = |pair: &[u8]| {
        char::from(SYMBOLS[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % SYMBOLS.len()])
    };
    Ok(random.chunks_exact(2).map(symbol).collect())
}

impl FromColumns for Recording {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.take()?,
            stream: columns.take()?,
            channel: columns.take()?,
            app: columns.take()?,
            state: columns.take()?,
            started: columns.take()?,
            limit: columns.take()?,
            query: columns.take()?,
            file: RecordedFile {
                url: columns.take()?,
                path: columns.take()?,
                size: columns.take()?,
                time_len: columns.take()?,
                start: columns.take()?,
                end: columns.take()?,
            },
            why: columns.take()?,
        })
    }
}

//! What can go wrong with the store. One failed commit fails all that waited for it, so errors are cheap to
//! clone.

use std::{io, path::PathBuf, sync::Arc};

/// Why an operation on the store did not happen. Nothing of it is stored then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Every sequence number belongs to an open stream.
    #[error("all 10,000 stream sequence numbers are in use")]
    AllSequencesInUse,
    /// A channel has one live stream at a time.
    #[error("channel {channel} already has the live stream {stream}")]
    AlreadyLive {
        /// The channel asked for.
        channel: String,
        /// Its stream.
        stream: String,
    },
    /// A stream has one recording at a time.
    #[error("stream {stream} is already being recorded as {recording}")]
    AlreadyRecording {
        /// The stream asked for.
        stream: String,
        /// Its recording.
        recording: String,
    },
    /// A region whose digits 4 to 8 cannot stand in an SSRC.
    #[error("region {0:?} has no digits 4 to 8 for an SSRC")]
    BadRegion(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database file could not be opened or brought up to date.
    #[error("cannot open the database {}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// The database file, or the folder it is in, could not be created.
    #[error("cannot create {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The six-digit counter of new ids has passed 999999.
    #[error("no id is left under the prefix {0}")]
    IdsExhausted(String),
    /// The row that the operation is about is not there, or is there no more.
    #[error("there is no {what} {id}")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// SQLite could not do it: the disk is full, a read or a write failed.
    #[error("database: {0}")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The database was written by a newer version of this program.
    #[error("{} has schema version {found}; this program knows {known}", path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
}

impl Error {
    /// Whether it is the file or its disk that fails, and not what was to be written.
    pub(super) fn is_trouble(&self) -> bool {
        use rusqlite::ErrorCode;
        let Self::Sqlite(source) = self else { return false };
        let trouble = [
            ErrorCode::CannotOpen,
            ErrorCode::DatabaseBusy,
            ErrorCode::DatabaseCorrupt,
            ErrorCode::DatabaseLocked,
            ErrorCode::DiskFull,
            ErrorCode::NotADatabase,
            ErrorCode::PermissionDenied,
            ErrorCode::ReadOnly,
            ErrorCode::SystemIoFailure,
        ];
        source.sqlite_error_code().is_some_and(|code| trouble.contains(&code))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// What every operation of the store returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

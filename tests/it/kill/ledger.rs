//! What callers and devices were told, held against what is stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _};

/// What was acknowledged last of a user device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Deleted,
    Deregistered,
    Issued,
    Registered,
}

/// What was acknowledged last of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Open,
    Stopped,
}

/// Everything that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    users: BTreeMap<String, User>,
    streams: BTreeMap<String, Stream>,
    /// How often each kind of thing was acknowledged.
    counts: BTreeMap<String, usize>,
}

impl Ledger {
    pub(crate) fn user(&self, device: &str, told: User) {
        let mut entries = self.entries();
        entries.users.insert(device.to_owned(), told);
        *entries.counts.entry(format!("{told:?}")).or_default() += 1;
    }

    pub(crate) fn stream(&self, stream: &str, told: Stream) {
        let mut entries = self.entries();
        entries.streams.insert(stream.to_owned(), told);
        *entries.counts.entry(format!("{told:?}")).or_default() += 1;
    }

    /// Something was asked that will change it: until the answer nobody knows.
    pub(crate) fn forget_user(&self, device: &str) {
        self.entries().users.remove(device);
    }

    /// As [`forget_user`](Self::forget_user).
    pub(crate) fn forget_stream(&self, stream: &str) {
        self.entries().streams.remove(stream);
    }

    /// The devices that are registered.
    pub(crate) fn registered(&self) -> Vec<String> {
        let entries = self.entries();
        let registered = entries.users.iter().filter(|(_, user)| **user == User::Registered);
        registered.map(|(device, _)| device.clone()).collect()
    }

    pub(crate) fn counts(&self) -> String {
        format!("{:?}", self.entries().counts)
    }

    /// Whether every kind of thing was acknowledged at least once.
    pub(crate) fn has_all_kinds(&self) -> bool {
        self.entries().counts.len() == 6
    }

    /// Looks into a copy of the database, so that the gateway finds it as it left it.
    pub(crate) fn check(&self, database: &Path) -> anyhow::Result<()> {
        // What is told from here on is looked for the next time.
        let (users, streams) = {
            let entries = self.entries();
            (entries.users.clone(), entries.streams.clone())
        };
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("copy.db");
        for end in ["", "-wal"] {
            let file = |path: &Path| format!("{}{end}", path.display());
            if Path::new(&file(database)).exists() {
                std::fs::copy(file(database), file(&copy))?;
            }
        }
        let store = Connection::open(copy)?;
        let sound: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(sound == "ok", "the database is broken: {sound}");
        for (device, told) in &users {
            let found: Option<bool> = store
                .query_row("SELECT regist FROM users WHERE deviceid = ?1", [device], |row| row.get(0))
                .optional()?;
            let right = match told {
                User::Deleted => found.is_none(),
                User::Deregistered | User::Issued => found == Some(false),
                User::Registered => found == Some(true),
            };
            ensure!(right, "{device} was told {told:?}, and its row says {found:?}");
        }
        let state = "SELECT state FROM streams WHERE stream = ?1 ORDER BY id DESC LIMIT 1";
        for (stream, told) in &streams {
            let state: i64 = store.query_row(state, [stream], |row| row.get(0)).context(stream.clone())?;
            let right = match told {
                Stream::Open => (2..=3).contains(&state),
                Stream::Stopped => state >= 4,
            };
            ensure!(right, "{stream} was told {told:?}, and its row has state {state}");
        }
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The door to SQLite: what must survive a restart, in plain rows.
//!
//! ```text
//! schema      opening the file, migrations     writer   one thread, one commit for many jobs
//! users       user devices                     reader   threads that read beside it
//! channels    channel devices                  touch    what may be lost, written behind
//! streams     media sessions and dialogs
//! recordings  recorded files
//! events      notifications not yet delivered
//! counters    id counters, secrets
//! values      what policy plugins stored
//! ```
//!
//! An operation that returned `Ok` is on disk. Nothing outside this folder knows SQL.

mod channels;
mod columns;
mod counters;
mod error;
mod events;
mod reader;
mod recordings;
mod schema;
mod streams;
#[cfg(test)]
mod tests;
mod touch;
mod users;
mod values;
mod writer;

use std::{path::Path, sync::Arc};

use rusqlite::Connection;

pub use self::{
    channels::{Applied, CatalogBatch, CatalogItem, Channel, NewChannel, Status},
    counters::Counters,
    error::{Error, Result},
    events::{Backlog, Event, NewEvent},
    recordings::{NewRecording, RecordedFile, Recording, RecordingState},
    streams::{MediaOrigin, NewStream, Stream, StreamKind, StreamState},
    touch::Touch,
    users::{DeviceInfo, NewUser, Password, Registration, User},
    values::PluginValue,
    writer::WriterStats,
};

/// The database. Cheap to clone; every clone is the same database.
#[derive(Clone)]
pub struct Store {
    writer: writer::Writer,
    readers: Arc<reader::Readers>,
    touches: Arc<touch::Touches>,
    /// Events that may wait for one receiver.
    backlog: u32,
}

impl Store {
    /// Opens the database at `path`, creates it and its folder where they are missing, and brings its tables
    /// up to date. Blocks for the time that takes.
    ///
    /// Errors name the path: the file cannot be created, is not a database, or was written by a newer
    /// version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let connection = schema::open_writer(path)?;
        let touches = Arc::new(touch::Touches::default());
        let no_thread = |source| Error::File { path: path.to_owned(), source: Arc::new(source) };
        let writer = writer::Writer::start(connection, Arc::clone(&touches)).map_err(no_thread)?;
        let readers = Arc::new(reader::Readers::start(path).map_err(no_thread)?);
        Ok(Self { writer, readers, touches, backlog: events::BACKLOG })
    }

    /// The same database, with so many events that may wait for one receiver.
    #[must_use]
    pub fn with_backlog(self, most: u32) -> Self {
        Self { backlog: most, ..self }
    }

    /// Finishes what was asked before, writes what is written behind, and closes the file. Afterwards every
    /// operation on any clone is [`Error::Closed`].
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Notes `touch` for the user device `id` without waiting. It shows at once in what is read, and is on
    /// disk about ten seconds later; one with an address, about a second later.
    pub fn touch(&self, id: &str, touch: Touch) {
        self.touches.add(id, touch);
    }

    /// Why nothing can be written at the moment: the disk is full, another program holds the lock. None while it can.
    pub fn trouble(&self) -> Option<Error> {
        self.writer.trouble()
    }

    /// What the writing thread has done so far.
    pub fn writer_stats(&self) -> WriterStats {
        self.writer.stats()
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(job).await
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.run(job).await
    }
}

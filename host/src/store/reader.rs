//! A few connections that only read, beside the one that writes. WAL lets neither wait for the other.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use super::{Error, Result, schema};

/// Reads at the same time; past it, callers wait.
const READERS: usize = 4;

/// The pool of reading connections, opened as they are first needed.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    /// Connections nobody uses now. Held only to take one or to put one back.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, permits: Arc::new(Semaphore::new(READERS)), idle: Mutex::default() }
    }

    /// Runs `read` on a thread where blocking is allowed. It sees everything that was acknowledged before.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let task = task::spawn_blocking(move || {
            // Held until the connection is back, also when the caller has gone.
            let _permit = permit;
            let connection = readers.take()?;
            let result = read(&connection);
            readers.idle().push(connection);
            result
        });
        // The task ends early only when the runtime is shut down.
        task.await.map_err(|_| Error::Closed)?
    }

    /// Waits for reads that are under way and closes the connections.
    pub(super) async fn close(&self) {
        // The constant is small, and an error means that they are closed already.
        let _all = self.permits.acquire_many(READERS as u32).await;
        self.permits.close();
        self.idle().clear();
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| schema::open_reader(&self.path), Ok)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

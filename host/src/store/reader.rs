//! A few threads that only read, beside the one that writes. WAL lets neither wait for the other.
//!
//! They are the store's own: a runtime's threads for what blocks come and go, and each leaves memory behind in the
//! allocator.

use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Error, Result, schema};

/// Reads at the same time.
const READERS: usize = 4;

/// Reads that may wait; past it, callers wait to hand theirs over.
const QUEUE: usize = 1024;

/// The callers' side of the reading threads.
pub(super) struct Readers {
    /// None once they are closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Ends with the last of the threads.
    threads: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

/// Reads from the connection, or takes note of why there is none.
type Job = Box<dyn FnOnce(Result<&Connection>) + Send>;

/// Jobs that wait; whoever holds the lock waits for the next one.
type Queue = Arc<Mutex<mpsc::Receiver<Job>>>;

impl Readers {
    /// Starts the threads. They end at `close`, or when the last handle is gone and the queue is empty.
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (thread, threads) = mpsc::channel(1);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..READERS {
            let (path, queue, thread) = (path.to_owned(), Arc::clone(&queue), thread.clone());
            let work = move || {
                work(&path, &queue);
                drop(thread);
            };
            thread::Builder::new().name(format!("store-reader-{number}")).spawn(work)?;
        }
        Ok(Self { jobs: Mutex::new(Some(jobs)), threads: tokio::sync::Mutex::new(threads) })
    }

    /// Runs `read` on one of the threads. It sees everything that was acknowledged before.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // An error means that the caller has gone.
            let _ = sender.send(connection.and_then(read));
        });
        let jobs = lock(&self.jobs).clone().ok_or(Error::Closed)?;
        jobs.send(job).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Waits for reads that were handed over and closes the connections.
    pub(super) async fn close(&self) {
        lock(&self.jobs).take();
        // Nothing is ever sent: it ends with the threads.
        let _ = self.threads.lock().await.recv().await;
    }
}

/// A thread: reads until nobody can ask any more. The connection is opened as it is first needed.
fn work(path: &Path, queue: &Queue) {
    let mut connection = None;
    loop {
        let next = lock(queue).blocking_recv();
        let Some(job) = next else { return };
        let open = match &connection {
            Some(open) => Ok(open),
            None => schema::open_reader(path).map(|open| &*connection.insert(open)),
        };
        // A caller whose read panics is told as much by that; the connection has only read.
        let _ = catch_unwind(AssertUnwindSafe(|| job(open)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

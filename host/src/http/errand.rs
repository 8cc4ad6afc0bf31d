//! Work that a hook starts and that outlives its answer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::oneshot,
    task::{JoinError, JoinSet},
};
use tracing::Instrument;

/// How much may be under way at once. A hook's work takes milliseconds; past this something is stuck.
const LIMIT: usize = 1024;

/// The tasks under way. They go on when the media server hangs up, and end with the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Errands {
    // A lock, since every connection starts work here; held for the bookkeeping only.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// Too much is under way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Errands {
    /// Starts `work`; its result comes by the receiver, which may be dropped.
    pub(super) fn start<F>(&self, work: F) -> Result<oneshot::Receiver<F::Output>, Full>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            note(ended);
        }
        if tasks.len() >= LIMIT {
            return Err(Full);
        }
        let (done, result) = oneshot::channel();
        let errand = async move {
            // Nobody waits for it: then the work was all that mattered.
            let _ = done.send(work.await);
        };
        tasks.spawn(errand.in_current_span());
        Ok(result)
    }

    /// Waits until all that was started has ended.
    pub(super) async fn finish(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = tasks.join_next().await {
            note(ended);
        }
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "what a hook started panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits() {
        let errands = Errands::default();
        let (begin, begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let result = errands.start(async move {
            let _ = begun.await;
            let _ = end.send(());
        });
        drop(result);
        begin.send(()).expect("the work waits for it");
        assert_eq!(ended.await, Ok(()));
    }

    #[tokio::test]
    async fn past_the_limit_nothing_is_started_until_something_ends() {
        let errands = Errands::default();
        let (end, ended) = tokio::sync::watch::channel(());
        for _ in 0..LIMIT {
            let mut ended = ended.clone();
            errands.start(async move { ended.changed().await.is_ok() }).expect("room");
        }
        assert_eq!(errands.start(async {}).err(), Some(Full));
        end.send(()).expect("they wait for it");
        errands.finish().await;
        assert_eq!(errands.start(async { 7 }).expect("room").await, Ok(7));
    }
}

//! What a simulator saw, in order, and waiting for it without sleeping.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How long `wait` waits unless told otherwise: long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A growing list that can be awaited. Entries are never removed, so that nothing is missed by waiting late.
#[derive(Debug)]
pub struct Journal<T> {
    // Never held across an await.
    entries: Mutex<Vec<T>>,
    length: watch::Sender<usize>,
}

/// What was waited for did not come in time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not seen within {patience:?}; seen: {seen}")]
pub struct NotSeen {
    /// How long was waited.
    pub patience: Duration,
    /// What came instead, for the person who reads the failure.
    pub seen: String,
}

impl<T: Clone + Debug> Journal<T> {
    /// Adds an entry and wakes those who wait.
    pub fn push(&self, entry: T) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        self.length.send_replace(entries.len());
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<T> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many entries there are: a mark for [`Journal::wait_after`].
    pub fn mark(&self) -> usize {
        *self.length.borrow()
    }

    /// The first entry, past or to come, that `wanted` accepts.
    pub async fn wait(&self, wanted: impl Fn(&T) -> bool) -> Result<T, NotSeen> {
        self.wait_after(0, PATIENCE, wanted).await
    }

    /// The first entry after `mark` that `wanted` accepts, waiting at most `patience`.
    pub async fn wait_after(
        &self,
        mark: usize,
        patience: Duration,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<T, NotSeen> {
        let mut length = self.length.subscribe();
        let search = async {
            let mut from = mark;
            loop {
                let known = *length.borrow_and_update();
                if let Some(found) = self.find(from, &wanted) {
                    return found;
                }
                from = from.max(known);
                if length.changed().await.is_err() {
                    // The sender lives as long as `self` does.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(patience, search).await.map_err(|_| self.not_seen(mark, patience))
    }

    fn find(&self, from: usize, wanted: impl Fn(&T) -> bool) -> Option<T> {
        // A copy, so that `wanted` may look at the journal itself.
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = entries.get(from..).unwrap_or_default().to_vec();
        drop(entries);
        tail.into_iter().find(|entry| wanted(entry))
    }

    fn not_seen(&self, mark: usize, patience: Duration) -> NotSeen {
        let entries = self.all();
        NotSeen { patience, seen: format!("{:#?}", entries.get(mark..).unwrap_or_default()) }
    }
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { entries: Mutex::new(Vec::new()), length: watch::Sender::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_before_and_what_comes_after_is_found() {
        let journal = Journal::default();
        journal.push(1);
        assert_eq!(journal.wait(|n| *n == 1).await.unwrap(), 1);
        let mark = journal.mark();
        let (found, ()) = tokio::join!(journal.wait_after(mark, PATIENCE, |n| *n < 9), async {
            journal.push(9);
            journal.push(3);
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_failure_says_what_was_seen() {
        let journal = Journal::default();
        journal.push("only this");
        let error = journal.wait_after(0, Duration::from_millis(1), |_| false).await.unwrap_err();
        assert!(error.to_string().contains("only this"), "{error}");
    }
}

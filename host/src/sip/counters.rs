//! What the door has seen, in numbers that only rise.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::core;

/// Written by the driver, read by anybody.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) unsendable: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) dropped: AtomicU64,
    requests: AtomicU64,
    answers: AtomicU64,
    answered: AtomicU64,
    unanswered: AtomicU64,
    absorbed: AtomicU64,
    refused: AtomicU64,
    stray: AtomicU64,
    forgotten: AtomicU64,
}

/// The counters at one moment. What was received is `malformed`, `invalid`, `absorbed`, `refused` or `stray`, or one
/// of `requests` and `answers`; and the requests are `answered`, `unanswered`, or under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Messages received, readable or not; keep-alive bytes are none.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that could not be sent: no such connection, or a full buffer.
    pub unsendable: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Messages that could be read but not served.
    pub invalid: u64,
    /// Requests answered 503, and other news lost, because the gateway's queue was full.
    pub dropped: u64,
    /// Requests that were new, and served.
    pub requests: u64,
    /// Answers and ACKs that were waited for.
    pub answers: u64,
    /// Requests that got their final answer.
    pub answered: u64,
    /// Requests that got none while their senders waited.
    pub unanswered: u64,
    /// Repetitions that went no further.
    pub absorbed: u64,
    /// Requests answered 503 because too many transactions were under way.
    pub refused: u64,
    /// Answers and ACKs that belong to nothing.
    pub stray: u64,
    /// Answered requests forgotten before their time.
    pub forgotten: u64,
}

impl Counters {
    /// The counters now; not all at the same instant.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
            unsendable: self.unsendable.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            requests: self.requests.load(Relaxed),
            answers: self.answers.load(Relaxed),
            answered: self.answered.load(Relaxed),
            unanswered: self.unanswered.load(Relaxed),
            absorbed: self.absorbed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            stray: self.stray.load(Relaxed),
            forgotten: self.forgotten.load(Relaxed),
        }
    }

    /// Takes over what the core has counted.
    pub(super) fn publish(&self, counts: core::Counts) {
        self.requests.store(counts.requests, Relaxed);
        self.answers.store(counts.answers, Relaxed);
        self.answered.store(counts.answered, Relaxed);
        self.unanswered.store(counts.unanswered, Relaxed);
        self.absorbed.store(counts.absorbed, Relaxed);
        self.refused.store(counts.refused, Relaxed);
        self.stray.store(counts.stray, Relaxed);
        self.forgotten.store(counts.forgotten, Relaxed);
    }
}

/// So many more.
pub(super) fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}

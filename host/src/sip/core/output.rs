//! What an endpoint tells the outside: packets to send, events to act on, when to wake it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    message::{Request, Response, longest_answer},
    names::{ClientId, ClientKey, ServerId},
    peer::Peer,
    timer::{Running, Schedule, Timer},
};

/// Bytes for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub peer: Peer,
    /// One whole message.
    pub bytes: Bytes,
}

/// What the transaction user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The ACK to a 2xx of ours has come; told once.
    Ack {
        /// The INVITE that it belongs to.
        id: ServerId,
        /// The ACK; it may carry a session description.
        request: Request,
        /// Where it came from.
        peer: Peer,
    },
    /// An INVITE was withdrawn before we answered it; the core has answered 200 and 487.
    Cancelled {
        /// The INVITE.
        id: ServerId,
    },
    /// A new request, which `respond` is to answer; repetitions are not told.
    Request {
        /// What `respond` wants to know it by.
        id: ServerId,
        /// The request, its source noted on its Via.
        request: Request,
        /// Where it came from.
        peer: Peer,
    },
    /// An answer to a request of ours. A 2xx to INVITE is told again each time it is repeated,
    /// until `acknowledge`.
    Response {
        /// The request.
        id: ClientId,
        /// The answer, provisional or final.
        response: Response,
        /// Where it came from; the ACK goes there.
        peer: Peer,
    },
    /// A 2xx to an INVITE of ours that nobody waits for: too late, or a second one from a fork.
    /// It has opened a dialog, which must be acknowledged and ended with BYE (§13.2.2.4).
    StrayAnswer {
        /// The answer.
        response: Response,
        /// Where it came from.
        peer: Peer,
    },
    /// No final answer in time (Timers B and F, or silence after CANCEL).
    Timeout {
        /// The request.
        id: ClientId,
    },
    /// The connection of a request that was not answered yet is gone.
    TransportFailed {
        /// The request.
        id: ClientId,
    },
    /// A final answer of ours to an INVITE was never acknowledged (Timer H, or the end of the
    /// repetitions of a 2xx: its dialog is to be ended with BYE, §13.3.1.4).
    Unacknowledged {
        /// The INVITE.
        id: ServerId,
    },
}

/// What has been going on, in numbers that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were new, and went on to the transaction user; CANCELs too, which are answered here.
    pub requests: u64,
    /// Answers and ACKs that somebody waited for.
    pub answers: u64,
    /// Requests that got their final answer.
    pub answered: u64,
    /// Requests that got none while their senders waited.
    pub unanswered: u64,
    /// Requests and answers that were repetitions, and absorbed.
    pub absorbed: u64,
    /// Requests refused because the table was full.
    pub refused: u64,
    /// Answers and ACKs that belong to nothing we know.
    pub stray: u64,
    /// Finished transactions forgotten before Timer J because there were too many.
    pub forgotten: u64,
    /// Answers not sent because they were too long for what had asked for them.
    pub withheld: u64,
}

/// The transaction that a timer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// One of ours.
    Client(ClientKey),
    /// One of a peer's.
    Server(ServerId),
}

/// Where the transactions put what they have to say.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    pub(super) schedule: Schedule<Owner>,
    pub(super) counts: Counts,
}

impl Output {
    /// Nothing to say yet.
    pub(super) fn new() -> Self {
        Self {
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            schedule: Schedule::new(),
            counts: Counts::default(),
        }
    }

    /// Bytes for the wire.
    pub(super) fn send(&mut self, peer: Peer, bytes: Bytes) {
        self.transmits.push_back(Transmit { peer, bytes });
    }

    /// An answer, unless it is longer than it may be (see [`longest_answer`]).
    pub(super) fn answer(&mut self, peer: Peer, bytes: Bytes, longest: Option<usize>) {
        if longest.is_none_or(|longest| bytes.len() <= longest) {
            self.send(peer, bytes);
        } else {
            self.counts.withheld += 1;
        }
    }

    /// An answer that belongs to no transaction.
    pub(super) fn reply(&mut self, peer: Peer, response: &Response) {
        let longest = longest_answer(peer, response.headers.received);
        self.answer(peer, Bytes::from(response.to_bytes()), longest);
    }

    /// Something for the transaction user.
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Starts `timer` for `owner`; false if its time has come already.
    pub(super) fn start(&mut self, running: &mut Running, begin: Start) -> bool {
        let Start { now, timer, reliable, owner } = begin;
        match running.start(now, timer, reliable) {
            Some(Duration::ZERO) => return false,
            Some(length) => self.schedule.start(now, timer, length, owner),
            None => {}
        }
        true
    }
}

/// A timer to be started.
pub(super) struct Start {
    pub(super) now: Instant,
    pub(super) timer: Timer,
    pub(super) reliable: bool,
    pub(super) owner: Owner,
}

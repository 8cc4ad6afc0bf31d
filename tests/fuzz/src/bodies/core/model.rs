//! What the core has to remember, kept beside it in the simplest way.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice::sip::core::{ClientId, Event, Method, Response, ServerId, Transmit};

/// How long the answer to a request is kept for repetitions: Timer J (RFC 3261 §17.2.2).
const TIMER_J: Duration = Duration::from_secs(32);

#[derive(Default)]
pub(super) struct Model {
    ours: HashMap<ClientId, Ours>,
    theirs: HashMap<ServerId, Theirs>,
}

/// A request of ours.
struct Ours {
    invite: bool,
    accepted: bool,
    acknowledged: bool,
    /// How often its end was told.
    ends: usize,
}

/// A request of a device.
#[derive(Default)]
struct Theirs {
    invite: bool,
    /// The last answer, with its status and when it was given; no bytes where it was too long for what asked.
    answer: Option<(u16, Option<Transmit>, Instant)>,
    /// How often its ACK, or that none came, was told.
    acknowledgements: usize,
    cancellations: usize,
}

impl Model {
    /// Requests of ours, in an order that does not change.
    pub(super) fn asked(&self) -> Vec<ClientId> {
        let mut asked: Vec<_> = self.ours.keys().copied().collect();
        asked.sort_unstable();
        asked
    }

    pub(super) fn ask(&mut self, id: ClientId, method: &Method) {
        let ours = Ours { invite: *method == Method::Invite, accepted: false, acknowledged: false, ends: 0 };
        assert!(self.ours.insert(id, ours).is_none(), "a name is given twice");
    }

    pub(super) fn answer(&mut self, id: ServerId, now: Instant, (status, sent): (u16, Option<&Transmit>)) {
        let theirs = self.theirs.get_mut(&id).expect("it was told");
        assert!(theirs.answer.as_ref().is_none_or(|(last, ..)| *last < 200), "a second final answer");
        theirs.answer = Some((status, sent.cloned(), now));
    }

    pub(super) fn acknowledge(&mut self, id: ClientId, wanted: bool) {
        let ours = self.ours.get_mut(&id).expect("it was asked");
        ours.acknowledged |= wanted;
    }

    /// What a repetition must be answered; none where the core may have forgotten it, or is to say nothing.
    pub(super) fn repetition(&self, id: ServerId, now: Instant) -> Option<Bytes> {
        let theirs = self.theirs.get(&id).filter(|theirs| !theirs.invite)?;
        let (status, sent, at) = theirs.answer.as_ref()?;
        let sent = sent.as_ref().filter(|sent| *status >= 200 && !sent.peer.is_reliable());
        sent.filter(|_| now < *at + TIMER_J).map(|sent| sent.bytes.clone())
    }

    pub(super) fn tell(&mut self, event: &Event, transmits: &[Transmit], now: Instant) {
        match event {
            Event::Request { id, request, .. } => {
                let theirs = Theirs { invite: request.method == Method::Invite, ..Theirs::default() };
                self.theirs.insert(*id, theirs);
            }
            Event::Ack { id, .. } | Event::Unacknowledged { id } => {
                let theirs = self.theirs.get_mut(id).expect("it was told");
                theirs.acknowledgements += 1;
                assert!(theirs.invite && theirs.acknowledgements == 1, "acknowledged twice, or not at all");
            }
            Event::Cancelled { id } => self.cancelled(*id, transmits, now),
            Event::Response { id, response, .. } => self.answered(*id, response),
            Event::Timeout { id } | Event::TransportFailed { id } => self.ended(*id),
            Event::StrayAnswer { response, .. } => assert!((200..300).contains(&response.status)),
        }
    }

    /// In the end every request of ours has had one end, and every 2xx of ours its ACK or none.
    pub(super) fn is_over(&self) {
        for ours in self.ours.values() {
            assert_eq!(ours.ends + usize::from(ours.accepted), 1, "a request has no end, or two");
        }
        for theirs in self.theirs.values() {
            let accepted = theirs.answer.as_ref().is_some_and(|(status, ..)| (200..300).contains(status));
            assert!(!(theirs.invite && accepted) || theirs.acknowledgements == 1, "nobody told of the ACK");
        }
    }

    fn cancelled(&mut self, id: ServerId, transmits: &[Transmit], now: Instant) {
        let theirs = self.theirs.get_mut(&id).expect("it was told");
        theirs.cancellations += 1;
        assert!(theirs.invite && theirs.cancellations == 1, "it is cancelled twice");
        let terminated = transmits.iter().find(|transmit| transmit.bytes.starts_with(b"SIP/2.0 487"));
        theirs.answer = Some((487, terminated.cloned(), now));
    }

    fn answered(&mut self, id: ClientId, response: &Response) {
        let ours = self.ours.get_mut(&id).expect("it was asked");
        assert_eq!(ours.ends, 0, "an answer after the end");
        match response.status {
            ..200 => assert!(!ours.accepted, "a provisional answer after the final one"),
            200..300 if ours.invite => {
                assert!(!ours.acknowledged, "a 2xx is told again after its ACK");
                ours.accepted = true;
            }
            _ => self.ended(id),
        }
    }

    fn ended(&mut self, id: ClientId) {
        let ours = self.ours.get_mut(&id).expect("it was asked");
        ours.ends += 1;
        assert!(ours.ends == 1 && !ours.accepted, "a second end");
    }
}

//! The core, its surroundings, and what is asserted after each step.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice::sip::core::{
    ClientId, Config, Dialog, Endpoint, Event, Message, Method, Peer, Request, Response, ServerId, Transmit,
    framing::{self, Framed},
    validate,
};

use super::{
    model::Model,
    words::{self, PEERS, peer},
};
use crate::bodies::tape::Tape;

/// Most transactions that wait; so few that the fuzzer fills the table.
const PENDING: usize = 6;
/// Most answers kept.
const ANSWERED: usize = 4;
/// Longest time after which nothing is left: Timers C, B and D after one another, with a CANCEL in between.
const LONGEST: Duration = Duration::from_secs(300);

pub(super) struct Scene {
    endpoint: Endpoint,
    now: Instant,
    model: Model,
    /// Every datagram with its source, and the request that it was told as.
    heard: Vec<(Peer, Bytes, Option<ServerId>)>,
    /// Requests that wait for our answer, or waited.
    asked: Vec<(ServerId, Request)>,
    /// Requests of ours as they went out.
    sent: Vec<(Peer, Request)>,
    /// ACKs to be sent.
    acks: Vec<(ClientId, Request)>,
    /// Whoever sent something, or was asked something.
    known: HashSet<Peer>,
}

/// What came of one input.
#[derive(Default)]
struct Outcome {
    transmits: Vec<Transmit>,
    events: Vec<Event>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let config = Config { max_pending: PENDING, max_answered: ANSWERED, ..Config::default() };
        Self {
            endpoint: Endpoint::new(config),
            now: start(),
            model: Model::default(),
            heard: Vec::new(),
            asked: Vec::new(),
            sent: Vec::new(),
            acks: Vec::new(),
            known: HashSet::new(),
        }
    }

    pub(super) fn step(&mut self, step: u8, tape: &mut Tape<'_>) {
        match step % 12 {
            0 | 1 => {
                let bytes = Bytes::from(words::from_device(tape).to_bytes());
                drop(self.hear(peer(tape.below(PEERS)), &bytes));
            }
            2 => self.hear_again(tape),
            3 => {
                let length = usize::from(tape.next().unwrap_or_default()) << 8 | tape.below(256);
                let bytes = Bytes::copy_from_slice(tape.take(length));
                drop(self.hear(peer(tape.below(PEERS)), &bytes));
            }
            4 | 5 => self.hear_answer(tape),
            6 => self.pass(Duration::from_millis(words::milliseconds(tape))),
            7 => self.ask(tape),
            8 | 9 => self.answer(tape),
            10 => {
                if let Some(id) = tape.pick(&self.model.asked()) {
                    self.endpoint.cancel(self.now, *id);
                    self.collect();
                }
            }
            _ => self.acknowledge_or_break(tape),
        }
        self.holds();
    }

    /// Lets every timer run out; then nothing may be left.
    pub(super) fn end(&mut self) {
        let from = self.now;
        while let Some(at) = self.endpoint.poll_timeout() {
            assert!(at <= from + LONGEST, "a timer never ends: {:?}", self.endpoint);
            self.wake(at);
            self.holds();
        }
        assert_eq!((self.endpoint.pending(), self.endpoint.answered()), (0, 0));
        let printed = format!("{:?}", self.endpoint);
        assert_eq!(printed.matches("accepted: {}").count(), 1, "a dialog is left over: {printed}");
        assert_eq!(printed.matches("by_peer: {}").count(), 1, "a peer is left over: {printed}");
        self.model.is_over();
    }

    fn hear(&mut self, source: Peer, bytes: &Bytes) -> Outcome {
        self.known.insert(source);
        let Framed::Message(message) = framing::datagram(bytes) else { return Outcome::default() };
        let sound = match &message {
            Message::Request(request) => validate::request(request).is_ok(),
            Message::Response(response) => validate::response(response).is_ok(),
        };
        if !sound {
            return Outcome::default();
        }
        self.endpoint.handle_message(self.now, source, message);
        let outcome = self.collect();
        assert!(outcome.transmits.len() <= 2 && outcome.events.len() <= 1, "one datagram sets off too much");
        for transmit in &outcome.transmits {
            assert_eq!(transmit.peer.remote.ip(), source.remote.ip(), "somebody else is sent to");
            let modest = transmit.bytes.len() <= 2 * bytes.len();
            assert!(modest || transmit.peer.is_reliable() || is_ours(transmit), "it is amplified");
        }
        self.heard.push((source, bytes.clone(), outcome.told()));
        outcome
    }

    /// A repetition: of a request that is remembered, its answer and nothing else; or nothing at all, if that is too
    /// long for what asked.
    fn hear_again(&mut self, tape: &mut Tape<'_>) {
        let Some((source, bytes, told)) = tape.pick(&self.heard).cloned() else { return };
        let from = if tape.below(4) == 0 { peer(tape.below(PEERS)) } else { source };
        let known = told.filter(|_| from == source && self.endpoint.counts().forgotten == 0);
        let expected = known.and_then(|id| self.model.repetition(id, self.now));
        let outcome = self.hear(from, &bytes);
        if let Some(expected) = expected {
            assert_eq!(outcome.told(), None, "a repetition is told");
            let answer = Transmit { peer: source, bytes: expected };
            assert!(
                outcome.transmits.is_empty() || outcome.transmits == [answer],
                "another answer this time"
            );
        }
    }

    fn hear_answer(&mut self, tape: &mut Tape<'_>) {
        let Some((to, request)) = tape.pick(&self.sent).cloned() else { return };
        let mut response = request.respond(words::status(tape));
        let tag = tape.one(["a", "b"]);
        let line = request.headers.get("To").unwrap_or_default();
        if !line.contains("tag=") {
            response.headers.set("To", &format!("{line};tag={tag}"));
        }
        let from = if tape.below(4) == 0 { peer(tape.below(PEERS)) } else { to };
        drop(self.hear(from, &Bytes::from(response.to_bytes())));
    }

    fn ask(&mut self, tape: &mut Tape<'_>) {
        let (request, to) = (words::from_us(tape), peer(tape.below(PEERS)));
        let method = request.method.clone();
        self.known.insert(to);
        match self.endpoint.request(self.now, to, request) {
            Ok(id) => self.model.ask(id, &method),
            Err(_) => assert!(self.endpoint.pending() >= PENDING),
        }
        assert!(self.collect().transmits.iter().all(|transmit| transmit.peer == to));
    }

    fn answer(&mut self, tape: &mut Tape<'_>) {
        let Some((id, request)) = tape.pick(&self.asked).cloned() else { return };
        let status = words::status(tape);
        let wanted = self.endpoint.respond(self.now, id, &request.respond(status));
        let transmits = self.collect().transmits;
        assert!(transmits.len() <= usize::from(wanted), "an answer is sent that is not wanted");
        if wanted {
            self.model.answer(id, self.now, (status, transmits.first()));
        }
    }

    fn acknowledge_or_break(&mut self, tape: &mut Tape<'_>) {
        if tape.below(2) == 0 {
            self.endpoint.handle_transport_error(self.now, peer(tape.below(PEERS)));
            assert_eq!(self.collect().transmits, [], "nobody is there");
        } else if let Some((id, ack)) = tape.pick(&self.acks).cloned() {
            let wanted = self.endpoint.acknowledge(id, ack);
            assert_eq!(self.collect().transmits.len(), usize::from(wanted));
            self.model.acknowledge(id, wanted);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.wake(at);
        }
        self.now = end;
    }

    /// Lets the timers fire that are due; each transaction says one thing at most, and nothing is due any more.
    fn wake(&mut self, at: Instant) {
        let most = self.endpoint.pending();
        self.now = at.max(self.now);
        self.endpoint.handle_timeout(self.now);
        let outcome = self.collect();
        assert!(
            outcome.transmits.len() <= most && outcome.events.len() <= most,
            "time alone sets off too much"
        );
        assert!(self.endpoint.poll_timeout().is_none_or(|next| next > self.now), "time stands still");
    }

    /// What the core says, of which the model takes note.
    fn collect(&mut self) -> Outcome {
        let transmits: Vec<_> = std::iter::from_fn(|| self.endpoint.poll_transmit()).collect();
        let events: Vec<_> = std::iter::from_fn(|| self.endpoint.poll_event()).collect();
        for transmit in &transmits {
            assert!(self.known.contains(&transmit.peer), "a stranger is sent to: {transmit:?}");
            match framing::datagram(&transmit.bytes) {
                Framed::Message(Message::Request(request)) if request.method != Method::Ack => {
                    self.sent.push((transmit.peer, request));
                }
                Framed::Message(_) => {}
                other => panic!("no message is sent: {other:?}"),
            }
        }
        for event in &events {
            self.note(event, &transmits);
        }
        Outcome { transmits, events }
    }

    fn note(&mut self, event: &Event, transmits: &[Transmit]) {
        match event {
            Event::Request { id, request, .. } => self.asked.push((*id, request.clone())),
            Event::Response { id, response, peer } => self.note_answer(*id, response, *peer),
            _ => {}
        }
        self.model.tell(event, transmits, self.now);
    }

    fn note_answer(&mut self, id: ClientId, response: &Response, peer: Peer) {
        if let (200..300, Some(invite)) = (response.status, self.endpoint.invite(id)) {
            self.acks.push((id, Dialog::from_answer(invite, response, peer).ack()));
        }
    }

    /// The limits of the configuration. A CANCEL of ours is one more for its INVITE.
    fn holds(&self) {
        assert!(self.endpoint.pending() <= 2 * PENDING, "{} are pending", self.endpoint.pending());
        assert!(self.endpoint.answered() <= ANSWERED, "{} answers are kept", self.endpoint.answered());
    }
}

impl Outcome {
    /// The request that is new.
    fn told(&self) -> Option<ServerId> {
        self.events.iter().find_map(|event| match event {
            Event::Request { id, .. } => Some(*id),
            _ => None,
        })
    }
}

fn is_ours(transmit: &Transmit) -> bool {
    !transmit.bytes.starts_with(b"SIP/2.0")
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
fn start() -> Instant {
    Instant::now()
}

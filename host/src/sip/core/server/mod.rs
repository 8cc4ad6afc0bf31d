//! Server transactions: requests of peers that wait for our answer, or for a repetition that
//! gets the same answer again (RFC 3261 §17.2).

mod machine;

use std::{collections::HashMap, time::Instant};

use bytes::Bytes;

use self::machine::{Action, Input, State};
use super::{
    message::{Request, Response, longest_answer},
    names::{DialogName, Named, ServerId},
    output::{Event, Output, Owner, Start},
    peer::Peer,
    timer::{Running, Timer},
};

/// Every request of a peer's that is under way or was just answered.
#[derive(Debug, Default)]
pub(super) struct Servers {
    table: Named<Server>,
    /// INVITEs that we accepted: their ACK is a transaction of its own and names the dialog only.
    accepted: HashMap<DialogName, ServerId>,
    /// All others once they are Completed: of a keepalive nothing is left to know but its answer,
    /// and for 32 s there are as many of them as a hundred thousand devices send in that time.
    answered: Named<Bytes>,
}

#[derive(Debug)]
struct Server {
    /// Where the request last came from.
    peer: Peer,
    /// The dialog that it opens and the request itself; nothing for any but an INVITE.
    invite: Option<Box<(DialogName, Request)>>,
    state: State,
    last: Option<Bytes>,
    /// Longest answer that may be sent; none: any.
    longest: Option<usize>,
    running: Running,
}

/// What a step is about: when, and what came with it.
struct Cause<'a> {
    now: Instant,
    input: Input,
    answer: Option<&'a Response>,
    ack: Option<(Peer, Request)>,
}

impl Servers {
    /// How many wait for an answer or an ACK.
    pub(super) fn pending(&self) -> usize {
        self.table.len()
    }

    /// How many are kept to answer repetitions.
    pub(super) fn answered(&self) -> usize {
        self.answered.len()
    }

    /// Begins a transaction that is not in the table yet, and reports the request. An INVITE comes
    /// with the dialog that it may open.
    pub(super) fn open(
        &mut self,
        now: Instant,
        id: ServerId,
        event: (Peer, Request, Option<DialogName>),
        out: &mut Output,
    ) {
        let (peer, request, dialog) = event;
        let (invite, state, timer) = match dialog {
            Some(dialog) => (Some(Box::new((dialog, request.clone()))), State::Proceeding, Timer::Undecided),
            None => (None, State::Trying, Timer::Unanswered),
        };
        let longest = longest_answer(peer, request.headers.received);
        let mut server = Server { peer, invite, state, last: None, longest, running: Running::default() };
        server.start(now, timer, id, out);
        self.table.insert(id, server);
        out.tell(Event::Request { id, request, peer });
    }

    /// Answers a request that was here before; false if it was not.
    pub(super) fn repeat(
        &mut self,
        now: Instant,
        id: ServerId,
        (peer, request): (Peer, &Request),
        out: &mut Output,
    ) -> bool {
        let longest = longest_answer(peer, request.headers.received);
        if let Some(answer) = self.answered.get(&id) {
            // It may be cut short this time.
            out.answer(peer, answer.clone(), longest);
        } else if let Some(server) = self.table.get_mut(&id) {
            server.peer = peer;
            server.longest = longest;
            self.step(id, Cause { now, input: Input::Request, answer: None, ack: None }, out);
        } else {
            return false;
        }
        out.counts.absorbed += 1;
        true
    }

    /// Answers a request; false if it has its final answer already, or is forgotten.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        id: ServerId,
        response: &Response,
        out: &mut Output,
    ) -> bool {
        let input = match response.status {
            ..200 => Input::Provisional,
            200..300 => Input::Success,
            _ => Input::Failure,
        };
        self.step(id, Cause { now, input, answer: Some(response), ack: None }, out)
    }

    /// Takes an ACK: to a refusal by the name of its INVITE, to a 2xx by its dialog. Some devices
    /// keep the INVITE's branch for the ACK to a 2xx as well. False if it belongs to nothing.
    pub(super) fn handle_ack(
        &mut self,
        now: Instant,
        id: ServerId,
        event: (Peer, Request, DialogName),
        out: &mut Output,
    ) -> bool {
        let (peer, request, dialog) = event;
        let known = self.table.contains_key(&id).then_some(id);
        let Some(id) = known.or_else(|| self.accepted.get(&dialog).copied()) else { return false };
        let cause = Cause { now, input: Input::Ack, answer: None, ack: Some((peer, request)) };
        match self.step(id, cause, out) {
            true => out.counts.answers += 1,
            false => out.counts.absorbed += 1,
        }
        true
    }

    /// Takes a CANCEL and returns its answer: 487 goes to the INVITE if that has no final answer
    /// yet (§9.2). Nothing is remembered: a repeated CANCEL is answered in the same way.
    pub(super) fn handle_cancel(
        &mut self,
        now: Instant,
        id: ServerId,
        cancel: &Request,
        out: &mut Output,
    ) -> Response {
        let invite = self.table.get(&id).and_then(|server| server.invite.as_deref());
        let Some((_, invite)) = invite else { return cancel.respond(481) };
        let terminated = invite.respond(487);
        let mut accepted = cancel.respond(200);
        if let Some(to) = terminated.headers.get("To") {
            accepted.headers.set("To", to);
        }
        let cause = Cause { now, input: Input::Cancel, answer: Some(&terminated), ack: None };
        out.counts.answered += u64::from(self.step(id, cause, out));
        accepted
    }

    /// Lets a timer of `id` that was to fire at `at` fire, unless it has been stopped.
    pub(super) fn handle_timer(
        &mut self,
        now: Instant,
        id: ServerId,
        timer: Timer,
        at: Instant,
        out: &mut Output,
    ) {
        if timer == Timer::J {
            self.answered.remove(&id);
        } else if self.table.get(&id).is_some_and(|server| server.running.is_due(timer, at)) {
            let fired =
                self.step(id, Cause { now, input: Input::Timer(timer), answer: None, ack: None }, out);
            let gave_up = fired && matches!(timer, Timer::Unanswered | Timer::Undecided);
            out.counts.unanswered += u64::from(gave_up);
        }
    }

    /// Where a request came from that has no final answer yet.
    pub(super) fn asker(&self, id: ServerId) -> Option<Peer> {
        self.table.get(&id).map(|server| server.peer)
    }

    /// Forgets a request that is to get no answer.
    pub(super) fn forget(&mut self, id: ServerId, out: &mut Output) {
        self.remove(id);
        self.trim(out);
    }

    /// Forgets the request that was answered longest ago.
    pub(super) fn forget_oldest(&mut self, out: &mut Output) {
        if let Some((_, Owner::Server(id))) = out.schedule.pop_oldest(Timer::J) {
            out.counts.forgotten += 1;
            self.answered.remove(&id);
        }
    }

    fn step(&mut self, id: ServerId, cause: Cause<'_>, out: &mut Output) -> bool {
        let Some(server) = self.table.get_mut(&id) else { return false };
        let step = match server.invite {
            Some(_) => machine::invite(server.state, cause.input),
            None => machine::non_invite(server.state, cause.input),
        };
        let Some((state, actions)) = step else { return false };
        server.state = state;
        server.act(id, actions, cause, out);
        match (server.state, &server.invite) {
            (State::Terminated, _) => self.remove(id),
            (State::Accepted, Some(invite)) => drop(self.accepted.insert(invite.0, id)),
            (State::Completed, None) => {
                let answer = self.table.remove(&id).and_then(|server| server.last);
                self.answered.extend(answer.map(|answer| (id, answer)));
            }
            _ => {}
        }
        self.trim(out);
        true
    }

    /// Drops the timers of requests that wait for no answer any more, though their time has not come: there would be
    /// as many as come in three minutes. Answers come in about the order of the requests: what waits is at the front,
    /// and short.
    fn trim(&self, out: &mut Output) {
        let over = |owner: &Owner| matches!(owner, Owner::Server(id) if !self.waits(*id));
        out.schedule.trim(Timer::Unanswered, over);
        out.schedule.trim(Timer::Undecided, over);
    }

    fn waits(&self, id: ServerId) -> bool {
        self.table.get(&id).is_some_and(|server| matches!(server.state, State::Trying | State::Proceeding))
    }

    fn remove(&mut self, id: ServerId) {
        let invite = self.table.remove(&id).and_then(|server| server.invite);
        if let Some((dialog, _)) = invite.as_deref()
            && self.accepted.get(dialog) == Some(&id)
        {
            self.accepted.remove(dialog);
        }
    }
}

impl Server {
    fn act(&mut self, id: ServerId, actions: &[Action], cause: Cause<'_>, out: &mut Output) {
        let Cause { now, answer, mut ack, .. } = cause;
        for action in actions {
            match action {
                Action::Quiet => self.running.quiet(),
                Action::Replay => self.send(out),
                Action::ReportAck => {
                    let ack = ack.take().map(|(peer, request)| Event::Ack { id, request, peer });
                    ack.into_iter().for_each(|event| out.tell(event));
                }
                Action::ReportCancelled => out.tell(Event::Cancelled { id }),
                Action::ReportUnacknowledged => out.tell(Event::Unacknowledged { id }),
                Action::Send => {
                    self.last = answer.map(|response| Bytes::from(response.to_bytes()));
                    self.send(out);
                }
                Action::Start(timer) => self.start(now, *timer, id, out),
            }
        }
    }

    /// Sends the last answer, if there is one.
    fn send(&self, out: &mut Output) {
        self.last.iter().for_each(|last| out.answer(self.peer, last.clone(), self.longest));
    }

    fn start(&mut self, now: Instant, timer: Timer, id: ServerId, out: &mut Output) {
        let start = Start { now, timer, reliable: self.peer.is_reliable(), owner: Owner::Server(id) };
        if !out.start(&mut self.running, start) {
            self.state = State::Terminated;
        }
    }
}

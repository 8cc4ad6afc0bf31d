//! Client transactions: requests of ours that wait for their answers (RFC 3261 §17.1).

mod machine;

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use bytes::Bytes;

use self::machine::{Action, Input, State};
use super::{
    message::{Method, Request, Response},
    names::{ClientId, ClientKey},
    output::{Event, Output, Owner, Start},
    peer::Peer,
    timer::{Running, T2, Timer},
};

/// Every request of ours that is under way.
#[derive(Debug, Default)]
pub(super) struct Clients {
    table: HashMap<ClientKey, Client>,
    /// The same by peer: a connection that breaks has few transactions, and the table has many.
    by_peer: BTreeSet<(Peer, ClientKey)>,
}

#[derive(Debug)]
struct Client {
    /// Where the last packet came from; before that, where the request went.
    peer: Peer,
    kind: Kind,
    state: State,
    bytes: Bytes,
    running: Running,
}

#[derive(Debug)]
enum Kind {
    /// A CANCEL of ours: nobody wants to hear of it.
    Cancel,
    Invite(Box<Invite>),
    Other,
}

/// What an INVITE needs beyond its bytes.
#[derive(Debug)]
struct Invite {
    request: Request,
    /// Who accepted it, by its tag: another one is a fork.
    accepted_by: Option<String>,
    ack: Option<Bytes>,
}

/// What a step is about: when, and the answer with its source if it came with one.
struct Cause {
    now: Instant,
    input: Input,
    answer: Option<(Peer, Response)>,
}

impl Clients {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The INVITE `id` as it was sent, while its transaction lives.
    pub(super) fn invite(&self, id: ClientId) -> Option<&Request> {
        match &self.table.get(&id.into())?.kind {
            Kind::Invite(invite) => Some(&invite.request),
            Kind::Cancel | Kind::Other => None,
        }
    }

    /// Sends a request that has its Via, and waits for its answer.
    pub(super) fn open(
        &mut self,
        now: Instant,
        peer: Peer,
        id: ClientId,
        request: Request,
        out: &mut Output,
    ) {
        let bytes = Bytes::from(request.to_bytes());
        let key = ClientKey { id, cancel: request.method == Method::Cancel };
        let (kind, state, timers) = match request.method {
            Method::Cancel => (Kind::Cancel, State::Trying, [Timer::E, Timer::F]),
            Method::Invite => {
                let invite = Invite { request, accepted_by: None, ack: None };
                (Kind::Invite(Box::new(invite)), State::Calling, [Timer::A, Timer::B])
            }
            _ => (Kind::Other, State::Trying, [Timer::E, Timer::F]),
        };
        let mut client = Client { peer, kind, state, bytes: bytes.clone(), running: Running::default() };
        for timer in timers {
            client.start(now, timer, key, out);
        }
        self.table.insert(key, client);
        self.by_peer.insert((peer, key));
        out.send(peer, bytes);
    }

    /// Takes an answer to `id`; gives it back if its transaction is over.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        peer: Peer,
        id: ClientId,
        response: Response,
        out: &mut Output,
    ) -> Result<(), Response> {
        let cancel = response.headers.cseq().is_some_and(|cseq| cseq.method == Method::Cancel);
        let key = ClientKey { id, cancel };
        let absorbed = out.counts.absorbed;
        let Some(client) = self.table.get_mut(&key) else { return Err(response) };
        if client.peer != peer {
            self.by_peer.remove(&(client.peer, key));
            self.by_peer.insert((peer, key));
            client.peer = peer;
        }
        let input = match response.status {
            ..200 => Input::Provisional,
            200..300 => Input::Success,
            _ => Input::Failure,
        };
        self.step(key, Cause { now, input, answer: Some((peer, response)) }, out);
        out.counts.answers += u64::from(out.counts.absorbed == absorbed);
        Ok(())
    }

    /// Lets a timer of `key` that was to fire at `at` fire, unless it has been stopped.
    pub(super) fn handle_timer(
        &mut self,
        now: Instant,
        key: ClientKey,
        timer: Timer,
        at: Instant,
        out: &mut Output,
    ) {
        if self.table.get(&key).is_some_and(|client| client.running.is_due(timer, at)) {
            self.step(key, Cause { now, input: Input::Timer(timer), answer: None }, out);
        }
    }

    /// Ends everything that waits for `peer`.
    pub(super) fn handle_transport_error(&mut self, now: Instant, peer: Peer, out: &mut Output) {
        let of_peer = self.by_peer.range((peer, ClientKey::MIN)..=(peer, ClientKey::MAX));
        for key in of_peer.map(|(_, key)| *key).collect::<Vec<_>>() {
            self.step(key, Cause { now, input: Input::TransportError, answer: None }, out);
        }
    }

    /// Withdraws an INVITE, now or as soon as anybody has answered it (§9.1).
    pub(super) fn cancel(&mut self, now: Instant, id: ClientId, out: &mut Output) {
        self.step(id.into(), Cause { now, input: Input::Cancel, answer: None }, out);
    }

    /// Where the 2xx of `id` came from, and so where its ACK goes.
    pub(super) fn accepted_by(&self, id: ClientId) -> Option<Peer> {
        let client = self.table.get(&id.into())?;
        (client.state == State::Accepted).then_some(client.peer)
    }

    /// Remembers the ACK to the 2xx of `id`, which is sent now and for each repetition; false if
    /// there is no such 2xx.
    pub(super) fn acknowledge(&mut self, id: ClientId, ack: Bytes, out: &mut Output) -> bool {
        match self.table.get_mut(&id.into()) {
            Some(Client { kind: Kind::Invite(invite), state: State::Accepted, peer, .. }) => {
                invite.ack = Some(ack.clone());
                out.send(*peer, ack);
                true
            }
            _ => false,
        }
    }

    fn step(&mut self, key: ClientKey, cause: Cause, out: &mut Output) {
        let Some(client) = self.table.get_mut(&key) else { return };
        let step = match client.kind {
            Kind::Invite(_) => machine::invite(client.state, cause.input),
            Kind::Cancel | Kind::Other => machine::non_invite(client.state, cause.input),
        };
        let Some((state, actions)) = step else {
            out.counts.absorbed += u64::from(cause.answer.is_some());
            return;
        };
        client.state = state;
        let now = cause.now;
        client.act(key, actions, cause, out);
        let (peer, ended) = (client.peer, client.state == State::Terminated);
        if actions.contains(&Action::SendCancel)
            && let Some(request) = client.derived(Method::Cancel, None)
        {
            self.open(now, peer, key.id, request, out);
        }
        if ended {
            self.table.remove(&key);
            self.by_peer.remove(&(peer, key));
        }
    }
}

impl Client {
    fn act(&mut self, key: ClientKey, actions: &[Action], cause: Cause, out: &mut Output) {
        let Cause { now, mut answer, .. } = cause;
        for action in actions {
            match action {
                Action::AcknowledgeFailure => self.acknowledge_failure(answer.as_ref(), out),
                Action::AcknowledgeSuccess => self.acknowledge_success(key.id, answer.take(), out),
                Action::Fail => self.tell(Event::TransportFailed { id: key.id }, out),
                Action::Quiet => self.running.quiet(),
                Action::Report => self.report(key.id, answer.take(), out),
                Action::ReportTimeout => self.tell(Event::Timeout { id: key.id }, out),
                Action::Retransmit => out.send(self.peer, self.bytes.clone()),
                Action::SendCancel => {} // The table does that: it is a transaction of its own.
                Action::Start(timer) => self.start(now, *timer, key, out),
                Action::StartSlowE => {
                    self.running.start_for(now, Timer::E, T2);
                    out.schedule.start(now, Timer::E, T2, Owner::Client(key));
                }
            }
        }
    }

    fn start(&mut self, now: Instant, timer: Timer, key: ClientKey, out: &mut Output) {
        let start = Start { now, timer, reliable: self.peer.is_reliable(), owner: Owner::Client(key) };
        if !out.start(&mut self.running, start) {
            self.state = State::Terminated;
        }
    }

    fn tell(&self, event: Event, out: &mut Output) {
        if !matches!(self.kind, Kind::Cancel) {
            out.tell(event);
        }
    }

    fn report(&mut self, id: ClientId, answer: Option<(Peer, Response)>, out: &mut Output) {
        let Some((peer, response)) = answer else { return };
        if let (Kind::Invite(invite), 200..300) = (&mut self.kind, response.status) {
            invite.accepted_by = response.headers.to_tag().map(str::to_owned);
        }
        self.tell(Event::Response { id, response, peer }, out);
    }

    /// Over the same way as the INVITE, with its branch: part of the same transaction (§17.1.1.3).
    fn acknowledge_failure(&self, answer: Option<&(Peer, Response)>, out: &mut Output) {
        let to = answer.and_then(|(_, response)| response.headers.get("To"));
        if let Some(ack) = self.derived(Method::Ack, to) {
            out.send(self.peer, Bytes::from(ack.to_bytes()));
        }
    }

    fn acknowledge_success(&self, id: ClientId, answer: Option<(Peer, Response)>, out: &mut Output) {
        let (Kind::Invite(invite), Some((peer, response))) = (&self.kind, answer) else { return };
        if response.headers.to_tag() != invite.accepted_by.as_deref() {
            out.tell(Event::StrayAnswer { response, peer });
        } else if let Some(ack) = &invite.ack {
            out.counts.absorbed += 1;
            out.send(peer, ack.clone());
        } else {
            out.tell(Event::Response { id, response, peer });
        }
    }

    /// The CANCEL or the ACK that belongs to this INVITE: same Request-URI, topmost Via, From,
    /// Call-ID, CSeq number and Route (§9.1, §17.1.1.3), and its To unless another is given.
    fn derived(&self, method: Method, to: Option<&str>) -> Option<Request> {
        let Kind::Invite(invite) = &self.kind else { return None };
        let Request { headers, uri, .. } = &invite.request;
        let number = headers.cseq().map_or(0, |cseq| cseq.number);
        let mut derived = Request::new(method, uri.as_str());
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID", "Route"] {
            headers.all(name).for_each(|value| derived.headers.push(name, value));
        }
        if let Some(to) = to {
            derived.headers.set("To", to);
        }
        derived.headers.push("CSeq", &format!("{number} {}", derived.method));
        Some(derived)
    }
}

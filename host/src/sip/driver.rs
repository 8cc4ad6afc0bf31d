//! The loop that owns the core: sockets, commands and the clock go in; packets, answers and what
//! devices ask come out.

use std::{future::Future, io, pin::pin, sync::Arc};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{
    Error, Incoming,
    arrivals::Queues,
    core::{
        ClientId, Endpoint, Event, Full, Message, Method, ParseError, Peer, Request, Response, ServerId,
        Transmit, Transport, endpoint::unavailable, framing::Framed, ledger::Fee, pieces::Pieces, validate,
    },
    counters::{Counters, count},
    gate::Gate,
    handle::{Command, Told},
    tcp::{Connections, End, Report},
    udp::Socket,
    waiting::Waiting,
};

/// Runs the core; to be spawned. Nothing is sent or received but by this.
#[derive(Debug)]
pub struct Driver {
    gate: Gate,
    endpoint: Endpoint,
    pieces: Pieces,
    udp: Option<Socket>,
    tcp: Connections,
    commands: mpsc::Receiver<Command>,
    gateway: Queues,
    waiting: Waiting,
    /// Datagrams that go out together.
    outbox: Vec<Transmit>,
    counters: Arc<Counters>,
}

impl Driver {
    pub(super) fn new(
        (gate, endpoint): (Gate, Endpoint),
        (udp, tcp): (Option<Socket>, Connections),
        (commands, gateway): (mpsc::Receiver<Command>, Queues),
        counters: Arc<Counters>,
    ) -> Self {
        let (pieces, waiting, outbox) = (Pieces::default(), Waiting::default(), Vec::with_capacity(BATCH));
        Self { gate, endpoint, pieces, udp, tcp, commands, gateway, waiting, outbox, counters }
    }

    /// Runs until `shutdown` or until the last [`Sip`](super::Sip) is gone. Then every connection
    /// is closed, and whoever still waits for an answer is told [`Error::Closed`].
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut commands = Vec::with_capacity(BATCH);
        loop {
            self.drain();
            self.flush();
            self.publish();
            let timeouts = [self.endpoint.poll_timeout(), self.pieces.poll_timeout()];
            let timeout = timeouts.into_iter().flatten().min().map(Instant::from_std);
            if let Some(timeout) = timeout.filter(|timeout| *timeout != alarm.deadline()) {
                alarm.as_mut().reset(timeout);
            }
            tokio::select! {
                () = &mut shutdown => return,
                ready = readable(self.udp.as_ref()) => self.receive(ready),
                report = self.tcp.next(&self.gate) => self.hear(report),
                taken = self.commands.recv_many(&mut commands, BATCH) => match taken {
                    0 => return,
                    _ => commands.drain(..).for_each(|command| self.obey(command)),
                },
                () = &mut alarm, if timeout.is_some() => self.wake(),
            }
        }
    }

    /// Hands on what the core has counted.
    fn publish(&self) {
        let counts = self.endpoint.counts();
        self.gate.publish(counts.withheld);
        self.counters.publish(counts);
    }

    /// Sends and tells what the core has to say, until it has no more.
    fn drain(&mut self) {
        loop {
            if let Some(event) = self.endpoint.poll_event() {
                self.tell(event);
            } else if let Some(transmit) = self.endpoint.poll_transmit() {
                self.send(transmit);
            } else {
                return;
            }
        }
    }

    /// Takes a batch of the datagrams that are there; then the rest of us has its turn.
    fn receive(&mut self, ready: io::Result<()>) {
        if let Err(error) = ready {
            debug!(%error, "the UDP socket reports an error");
        }
        let taken = self.udp.as_mut().map_or(Ok(0), Socket::receive);
        // ICMP says that an earlier packet of ours met a closed port: the timers know.
        let count = taken.unwrap_or_else(|error| {
            debug!(%error, "a datagram could not be received");
            0
        });
        for index in 0..count {
            let Some(socket) = &mut self.udp else { return };
            let (peer, bytes) = socket.datagram(index);
            let now = now();
            if !self.gate.hears(now, peer) {
                continue;
            }
            self.pieces.handle_datagram(now, peer, bytes);
            self.take_framed();
            self.drain();
        }
    }

    fn wake(&mut self) {
        self.endpoint.handle_timeout(now());
        self.pieces.handle_timeout(now());
        self.take_framed();
    }

    fn take_framed(&mut self) {
        while let Some((peer, framed)) = self.pieces.poll_framed() {
            self.take(peer, framed);
        }
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Closed(peer, end) => {
                if let End::Refused(error) = end {
                    count(&self.counters.received, 1);
                    self.refuse(peer, &error);
                    self.gate.oversized(&error);
                }
                self.endpoint.handle_transport_error(now(), peer);
            }
            Report::Said(peer, framed) if self.gate.hears(now(), peer) => self.take(peer, framed),
            Report::Said(peer, _) => self.tcp.close(peer),
        }
    }

    fn take(&mut self, peer: Peer, framed: Framed) {
        match framed {
            Framed::KeepAlive => return,
            Framed::Message(message) => self.check(peer, message),
            Framed::Refused(error) => {
                self.refuse(peer, &error);
                if let Some(mut reply) = error.reply {
                    reply.note_source(peer.remote);
                    self.endpoint.reply(peer, &reply);
                }
            }
        }
        count(&self.counters.received, 1);
    }

    /// Lets through what can be served; what cannot is answered without a transaction, in the same
    /// way each time.
    fn check(&mut self, peer: Peer, message: Message) {
        let flaw = match &message {
            Message::Request(request) => validate::request(request).err(),
            Message::Response(response) => validate::response(response).err(),
        };
        let Some(flaw) = flaw else { return self.serve(peer, message) };
        count(&self.counters.invalid, 1);
        self.gate.charge(now(), peer, Fee::Mistake);
        debug!(%peer, %flaw, "a message cannot be served");
        if let Message::Request(mut request) = message
            && request.method != Method::Ack
        {
            request.note_source(peer.remote);
            self.endpoint.reply(peer, &flaw.respond(&request));
        }
    }

    /// Hands a message to the core, and charges for one that leads nowhere.
    fn serve(&mut self, peer: Peer, message: Message) {
        let now = now();
        if let Message::Request(request) = &message
            && !self.gate.answers(now, peer, request)
        {
            return;
        }
        let before = self.endpoint.counts();
        self.endpoint.handle_message(now, peer, message);
        let after = self.endpoint.counts();
        if after.stray > before.stray {
            self.gate.charge(now, peer, Fee::Mistake);
        } else if after.absorbed > before.absorbed {
            self.gate.charge(now, peer, Fee::Challenge);
        }
    }

    fn refuse(&mut self, peer: Peer, error: &ParseError) {
        count(&self.counters.malformed, 1);
        self.gate.charge(now(), peer, Fee::Mistake);
        debug!(%peer, %error, "a message cannot be read");
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Abandon(id, accepted) => self.abandon(id, accepted),
            Command::Acknowledge(id, ack) => {
                self.waiting.forget(id);
                if !self.endpoint.acknowledge(id, ack) {
                    debug!("an ACK came too late");
                }
            }
            Command::Cancel(id) => self.endpoint.cancel(now(), id),
            Command::Invite { peer, request, answers, started } => {
                match self.invite(peer, request, answers) {
                    Ok(begun) => {
                        // Its caller may be gone before it began.
                        if let Err(Ok((id, _))) = started.send(Ok(begun)) {
                            self.abandon(id, None);
                        }
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            }
            Command::Request { peer, request, answer } => match self.endpoint.request(now(), peer, request) {
                Ok(id) => self.waiting.for_request(id, answer),
                Err(Full) => drop(answer.send(Err(Error::Busy))),
            },
            Command::Ignore(id) => self.endpoint.forget(id),
            Command::Respond(id, response) => self.respond(id, &response),
            Command::Send(peer, request) => self.endpoint.send(peer, request),
            Command::Stamp { peer, request, stamped } => {
                // Whoever asked may be gone.
                let _ = stamped.send(self.endpoint.stamp(peer, request));
            }
        }
    }

    fn respond(&mut self, id: ServerId, response: &Response) {
        let now = now();
        // None: the sender has its answer, or has given up.
        let Some(peer) = self.endpoint.asker(id) else { return };
        self.gate.settle(now, peer, response);
        self.endpoint.respond(now, id, response);
    }

    fn invite(
        &mut self,
        peer: Peer,
        request: Request,
        answers: mpsc::Sender<Told>,
    ) -> Result<(ClientId, Request), Error> {
        let id = self.endpoint.request(now(), peer, request).map_err(|Full| Error::Busy)?;
        let sent = self.endpoint.invite(id).cloned().ok_or(Error::NotInvite)?;
        self.waiting.for_invite(id, answers);
        Ok((id, sent))
    }

    fn abandon(&mut self, id: ClientId, accepted: Option<(Peer, Response)>) {
        self.waiting.forget(id);
        self.endpoint.cancel(now(), id);
        if let Some((peer, response)) = accepted {
            self.pass(Incoming::StrayAnswer { response, peer });
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Ack { id, request, peer } => self.pass(Incoming::Ack { id, request, peer }),
            Event::Cancelled { id } => self.pass(Incoming::Cancelled { id }),
            Event::Request { id, request, peer } => self.pass(Incoming::Request { id, request, peer }),
            Event::Response { id, response, peer } => {
                let stray = self.waiting.answer(id, peer, response);
                stray.into_iter().for_each(|stray| self.pass(stray));
            }
            Event::StrayAnswer { response, peer } => self.pass(Incoming::StrayAnswer { response, peer }),
            Event::Timeout { id } => self.waiting.fail(id, Error::TimedOut),
            Event::TransportFailed { id } => self.waiting.fail(id, Error::Unreachable),
            Event::Unacknowledged { id } => self.pass(Incoming::Unacknowledged { id }),
        }
    }

    /// Hands something to the gateway. When that has too much to do already, a request is answered
    /// 503; other news is lost, which the peer's repetitions mend.
    fn pass(&mut self, incoming: Incoming) {
        let Some(lost) = self.gateway.pass(incoming) else { return };
        count(&self.counters.dropped, 1);
        if let Incoming::Request { id, request, .. } = lost {
            self.endpoint.respond(now(), id, &unavailable(&request));
        }
    }

    /// Sends by TCP at once, by UDP together with others.
    fn send(&mut self, transmit: Transmit) {
        let peer = transmit.peer;
        let Transport::Tcp(id) = peer.transport else {
            self.outbox.push(transmit);
            if self.outbox.len() >= BATCH {
                self.flush();
            }
            return;
        };
        let sent = self.tcp.send(id, peer.remote, transmit.bytes);
        count(if sent { &self.counters.sent } else { &self.counters.unsendable }, 1);
        if !sent {
            self.endpoint.handle_transport_error(now(), peer);
        }
    }

    /// Sends the datagrams that have gathered.
    fn flush(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        let sent = self.udp.as_ref().map_or(0, |socket| socket.send(&self.outbox));
        count(&self.counters.sent, sent);
        count(&self.counters.unsendable, self.outbox.len() - sent);
        self.outbox.clear();
    }
}

async fn readable(socket: Option<&Socket>) -> io::Result<()> {
    match socket {
        Some(socket) => socket.readable().await,
        None => std::future::pending().await,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Datagrams that are sent, and commands that are taken, before others have their turn.
const BATCH: usize = 64;

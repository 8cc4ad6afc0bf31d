//! The endpoint: every transaction of one SIP agent, without sockets and without a clock.

use std::time::Instant;

use bytes::Bytes;

use super::{
    client::Clients,
    message::{Message, Method, Request, Response},
    names::{ClientId, Names, ServerId},
    output::{Counts, Event, Output, Owner, Transmit},
    peer::Peer,
    server::Servers,
};

/// What an endpoint is to say of itself, and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `host[:port]` for Via; none: the address of ours that the peer's packets come to.
    pub advertise: Option<String>,
    /// User-Agent of our requests; none: no such line.
    pub user_agent: Option<String>,
    /// Most transactions under way; beyond that a peer's request is answered 503.
    pub max_pending: usize,
    /// Most answered requests kept for repetitions; beyond that the oldest is forgotten, since a
    /// late repetition costs less than a refused device.
    pub max_answered: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { advertise: None, user_agent: None, max_pending: 200_000, max_answered: 200_000 }
    }
}

/// There are too many transactions under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many SIP transactions are under way")]
pub struct Full;

/// All transactions of one agent, RFC 3261 §17 and RFC 6026.
///
/// Messages, commands and time go in; after each `handle_*` or command, drain `poll_transmit` and
/// `poll_event`, and call `handle_timeout` when `poll_timeout` says so. `now` must never go back.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    names: Names,
    clients: Clients,
    servers: Servers,
    out: Output,
}

impl Endpoint {
    /// An endpoint without transactions.
    pub fn new(config: Config) -> Self {
        let (names, clients, servers) = (Names::default(), Clients::default(), Servers::default());
        Self { config, names, clients, servers, out: Output::new() }
    }

    /// Takes a message that came from `peer`.
    pub fn handle_message(&mut self, now: Instant, peer: Peer, message: Message) {
        match message {
            Message::Request(request) => self.handle_request(now, peer, request),
            Message::Response(response) => self.handle_response(now, peer, response),
        }
    }

    /// Lets every timer fire whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((timer, at, owner)) = self.out.schedule.pop_due(now) {
            match owner {
                Owner::Client(key) => self.clients.handle_timer(now, key, timer, at, &mut self.out),
                Owner::Server(id) => self.servers.handle_timer(now, id, timer, at, &mut self.out),
            }
        }
    }

    /// Ends every request of ours that waits for `peer`, which cannot be reached any more.
    pub fn handle_transport_error(&mut self, now: Instant, peer: Peer) {
        self.clients.handle_transport_error(now, peer, &mut self.out);
    }

    /// A request as `request` would send it, so that it can be stored before it goes out.
    pub fn stamp(&mut self, peer: Peer, request: Request) -> Request {
        let id = self.names.next_client();
        self.stamped(id, peer, request)
    }

    /// Sends a request and waits for its answer. From, To, Call-ID and CSeq are the caller's; Via,
    /// Max-Forwards and User-Agent are added here. One that has its Via goes out as it is: it was
    /// stamped, perhaps by an earlier run, whose transaction goes on then.
    pub fn request(&mut self, now: Instant, peer: Peer, request: Request) -> Result<ClientId, Full> {
        if self.pending() >= self.config.max_pending {
            return Err(Full);
        }
        let (id, request) = match request.headers.via_branch().map(|branch| self.names.adopt(branch)) {
            Some(id) => (id, request),
            None => {
                let id = self.names.next_client();
                (id, self.stamped(id, peer, request))
            }
        };
        self.clients.open(now, peer, id, request, &mut self.out);
        Ok(id)
    }

    /// The INVITE `id` with all that was added to it, while its transaction lives.
    pub fn invite(&self, id: ClientId) -> Option<&Request> {
        self.clients.invite(id)
    }

    /// Withdraws an INVITE. CANCEL goes out only when a provisional answer is there, at once or as
    /// soon as one comes; the end is told as usual, by an answer or a timeout (RFC 3261 §9.1).
    pub fn cancel(&mut self, now: Instant, id: ClientId) {
        self.clients.cancel(now, id, &mut self.out);
    }

    /// Sends the ACK to the 2xx of `id`, now and each time that 2xx comes again (§13.2.2.4). False
    /// if there is no such 2xx, or it came more than 64 × T1 ago.
    pub fn acknowledge(&mut self, id: ClientId, ack: Request) -> bool {
        let Some(peer) = self.clients.accepted_by(id) else { return false };
        let branch = self.names.next_client();
        let ack = self.stamped(branch, peer, ack);
        self.clients.acknowledge(id, Bytes::from(ack.to_bytes()), &mut self.out)
    }

    /// Sends a request for which no answer is awaited, such as the ACK to a stray 2xx.
    pub fn send(&mut self, peer: Peer, request: Request) {
        let branch = self.names.next_client();
        let request = self.stamped(branch, peer, request);
        self.out.send(peer, Bytes::from(request.to_bytes()));
    }

    /// Answers what opens no transaction, such as a request that cannot be served.
    pub fn reply(&mut self, peer: Peer, response: &Response) {
        self.out.reply(peer, response);
    }

    /// Answers a request; false if it has its final answer already, or is forgotten.
    pub fn respond(&mut self, now: Instant, id: ServerId, response: &Response) -> bool {
        let wanted = self.servers.respond(now, id, response, &mut self.out);
        self.out.counts.answered += u64::from(wanted && response.status >= 200);
        if self.servers.answered() > self.config.max_answered {
            self.servers.forget_oldest(&mut self.out);
        }
        wanted
    }

    /// Forgets a request that is to get no answer, so that it takes no place; it is new when it comes again.
    pub fn forget(&mut self, id: ServerId) {
        self.servers.forget(id, &mut self.out);
    }

    /// Where a request came from that waits for its final answer.
    pub fn asker(&self, id: ServerId) -> Option<Peer> {
        self.servers.asker(id)
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.transmits.pop_front()
    }

    /// The next thing to act on.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// When `handle_timeout` is wanted; sometimes for nothing, when a timer has been stopped.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.out.schedule.next()
    }

    /// What has been going on.
    pub fn counts(&self) -> Counts {
        self.out.counts
    }

    /// How many transactions are under way: what waits for an answer or an ACK.
    pub fn pending(&self) -> usize {
        self.clients.len() + self.servers.pending()
    }

    /// How many answered requests are kept for repetitions.
    pub fn answered(&self) -> usize {
        self.servers.answered()
    }

    fn handle_request(&mut self, now: Instant, peer: Peer, mut request: Request) {
        let id = self.names.server(&request, peer.remote.ip());
        if request.method == Method::Ack {
            let dialog = self.names.dialog(&request);
            let known = self.servers.handle_ack(now, id, (peer, request, dialog), &mut self.out);
            self.out.counts.stray += u64::from(!known);
            return;
        }
        if request.method != Method::Cancel && self.servers.repeat(now, id, (peer, &request), &mut self.out) {
            return;
        }
        request.note_source(peer.remote);
        if request.method == Method::Cancel {
            let response = self.servers.handle_cancel(now, id, &request, &mut self.out);
            self.out.counts.requests += 1;
            self.out.counts.answered += 1;
            self.out.reply(peer, &response);
        } else if self.pending() >= self.config.max_pending {
            self.out.counts.refused += 1;
            self.out.reply(peer, &unavailable(&request));
        } else {
            let dialog = (request.method == Method::Invite).then(|| self.names.dialog(&request));
            self.out.counts.requests += 1;
            self.servers.open(now, id, (peer, request, dialog), &mut self.out);
        }
    }

    fn handle_response(&mut self, now: Instant, peer: Peer, response: Response) {
        let branch = response.headers.via_branch();
        let Some(id) = branch.and_then(|branch| self.names.client(branch)) else {
            self.out.counts.stray += 1;
            return;
        };
        if let Err(response) = self.clients.handle_response(now, peer, id, response, &mut self.out) {
            self.out.counts.stray += 1;
            let to_invite = response.headers.cseq().is_some_and(|cseq| cseq.method == Method::Invite);
            if to_invite && (200..300).contains(&response.status) {
                self.out.tell(Event::StrayAnswer { response, peer });
            }
        }
    }

    /// The request with Via on top, Max-Forwards, and User-Agent (RFC 3261 §8.1.1, RFC 3581 §3).
    fn stamped(&self, id: ClientId, peer: Peer, request: Request) -> Request {
        let sent_by = self.config.advertise.clone().unwrap_or_else(|| peer.local.to_string());
        let via = format!("SIP/2.0/{} {sent_by};rport;branch={}", peer.transport, self.names.branch(id));
        let mut stamped = Request::new(request.method, request.uri).with("Via", via);
        if request.headers.get("Max-Forwards").is_none() {
            stamped.headers.push("Max-Forwards", "70");
        }
        for (name, value) in request.headers.iter().filter(|(name, _)| *name != "Via") {
            stamped.headers.push(name, value);
        }
        if let (Some(user_agent), None) = (&self.config.user_agent, request.headers.user_agent()) {
            stamped.headers.push("User-Agent", user_agent);
        }
        stamped.body = request.body;
        stamped
    }
}

/// Our answer when there is too much to do: come back soon, not at once (§21.5.4).
pub fn unavailable(request: &Request) -> Response {
    request.respond(503).with("Retry-After", "5")
}

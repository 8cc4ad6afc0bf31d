//! The handle to SIP: what the gateway holds.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    Error,
    core::{ClientId, Dialog, Peer, Request, Response, ServerId},
    counters::Counters,
    drops::Drops,
    regulars::Regulars,
    udp,
};

/// Asks devices and answers them. Clones speak for the same sockets; when the last one is gone the
/// driver ends.
#[derive(Clone, Debug)]
pub struct Sip {
    commands: mpsc::Sender<Command>,
    here: Arc<Here>,
    counters: Arc<Counters>,
    regulars: Arc<Regulars>,
    drops: Arc<Drops>,
}

/// What is known of our own end.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) udp: Option<SocketAddr>,
    pub(super) tcp: Option<SocketAddr>,
    pub(super) udp_inode: Option<u64>,
    pub(super) advertise: Option<String>,
}

/// What the driver is told to do.
#[derive(Debug)]
pub(super) enum Command {
    /// The caller of an INVITE is gone, perhaps with a 2xx that it never saw.
    Abandon(ClientId, Option<(Peer, Response)>),
    Acknowledge(ClientId, Request),
    Cancel(ClientId),
    /// A request is to get no answer.
    Ignore(ServerId),
    Invite {
        peer: Peer,
        request: Request,
        answers: mpsc::Sender<Told>,
        started: oneshot::Sender<Result<(ClientId, Request), Error>>,
    },
    Request {
        peer: Peer,
        request: Request,
        answer: oneshot::Sender<Result<Response, Error>>,
    },
    Respond(ServerId, Response),
    Send(Peer, Request),
    Stamp {
        peer: Peer,
        request: Request,
        stamped: oneshot::Sender<Request>,
    },
}

/// What the driver tells an INVITE: an answer and its source, or why there is none.
pub(super) type Told = Result<(Peer, Response), Error>;

/// What came of an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The connection to the device is gone.
    Failed,
    /// 200 to 699. Nothing follows.
    Final(Response),
    /// 100 to 199. More will follow.
    Provisional(Response),
    /// No final answer in time.
    TimedOut,
}

/// An INVITE that is under way. Dropped before its final answer it is cancelled, and a 2xx that
/// still comes is [`Incoming::StrayAnswer`](super::Incoming::StrayAnswer).
#[derive(Debug)]
pub struct Invite {
    id: ClientId,
    request: Request,
    peer: Peer,
    answers: mpsc::Receiver<Told>,
    commands: mpsc::Sender<Command>,
    ended: bool,
}

impl Sip {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        here: Here,
        counters: Arc<Counters>,
        (regulars, drops): (Arc<Regulars>, Arc<Drops>),
    ) -> Self {
        Self { commands, here: Arc::new(here), counters, regulars, drops }
    }

    /// Sends a request other than INVITE and waits for its final answer, 200 to 699. Via,
    /// Max-Forwards and User-Agent are added.
    pub async fn request(&self, peer: Peer, request: Request) -> Result<Response, Error> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Request { peer, request, answer }).await?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// A request as it will go out, with Via, Max-Forwards and User-Agent, so that it can be stored first.
    pub async fn stamp(&self, peer: Peer, request: Request) -> Result<Request, Error> {
        let (stamped, done) = oneshot::channel();
        self.tell(Command::Stamp { peer, request, stamped }).await?;
        done.await.map_err(|_| Error::Closed)
    }

    /// Sends an INVITE. Its answers come by [`Invite::next`]. One that was stamped goes out as it is, also
    /// when an earlier run has sent it before: to the device it is the same one again.
    pub async fn invite(&self, peer: Peer, request: Request) -> Result<Invite, Error> {
        let (answers, answered) = mpsc::channel(ANSWERS);
        let (started, begun) = oneshot::channel();
        self.tell(Command::Invite { peer, request, answers, started }).await?;
        let (id, request) = begun.await.map_err(|_| Error::Closed)??;
        Ok(Invite { id, request, peer, answers: answered, commands: self.commands.clone(), ended: false })
    }

    /// Sends a request to which no answer is awaited: the ACK to a stray 2xx.
    pub async fn send(&self, peer: Peer, request: Request) -> Result<(), Error> {
        self.tell(Command::Send(peer, request)).await
    }

    /// Answers a request. If it has its final answer already, or its sender has given up, nothing
    /// happens.
    pub async fn respond(&self, id: ServerId, response: Response) -> Result<(), Error> {
        self.tell(Command::Respond(id, response)).await
    }

    /// Leaves a request without an answer. When it comes again, it is a new one.
    pub async fn ignore(&self, id: ServerId) -> Result<(), Error> {
        self.tell(Command::Ignore(id)).await
    }

    /// `host[:port]` at which `peer` reaches us, for Contact.
    pub fn address(&self, peer: &Peer) -> String {
        self.here.advertise.clone().unwrap_or_else(|| peer.local.to_string())
    }

    /// Where datagrams come in.
    pub fn udp_addr(&self) -> Option<SocketAddr> {
        self.here.udp
    }

    /// Where connections come in.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.here.tcp
    }

    /// What the door has seen.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What got no answer, by reason.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Who has registered; to be kept up to date.
    pub fn regulars(&self) -> Arc<Regulars> {
        Arc::clone(&self.regulars)
    }

    /// Datagrams that the kernel has thrown away because its buffer was full; none where it does
    /// not say. Reads a file: for a metrics page, not for each packet.
    pub fn kernel_drops(&self) -> Option<u64> {
        udp::kernel_drops(self.here.udp_inode?)
    }

    async fn tell(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).await.map_err(|_| Error::Closed)
    }
}

impl Invite {
    /// The INVITE as it was sent, with its Via and CSeq.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Where the last answer came from; before that, where the INVITE went.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The dialog that a 2xx opens.
    pub fn dialog(&self, answer: &Response) -> Dialog {
        Dialog::from_answer(&self.request, answer, self.peer)
    }

    /// The next answer. After one that ends it, `TimedOut` for ever.
    pub async fn next(&mut self) -> Answer {
        if self.ended {
            return Answer::TimedOut;
        }
        let told = self.answers.recv().await;
        let answer = match told {
            Some(Ok((peer, response))) => {
                self.peer = peer;
                if response.status < 200 { Answer::Provisional(response) } else { Answer::Final(response) }
            }
            Some(Err(Error::TimedOut)) => Answer::TimedOut,
            Some(Err(_)) | None => Answer::Failed,
        };
        self.ended = !matches!(answer, Answer::Provisional(_));
        answer
    }

    /// Withdraws it, once the device has given any answer. The end still comes by `next`: 487, a
    /// 2xx that was faster, or `TimedOut`.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.commands.send(Command::Cancel(self.id)).await.map_err(|_| Error::Closed)
    }

    /// Sends the ACK to the 2xx, now and each time the device repeats that 2xx, even after `self`
    /// is dropped.
    pub async fn acknowledge(&self, ack: Request) -> Result<(), Error> {
        self.commands.send(Command::Acknowledge(self.id, ack)).await.map_err(|_| Error::Closed)
    }
}

impl Drop for Invite {
    fn drop(&mut self) {
        let unseen = std::iter::from_fn(|| self.answers.try_recv().ok());
        let accepted = unseen.flatten().find(|(_, response)| (200..300).contains(&response.status));
        // With a full queue this is lost: the core then cancels by Timer C, and a device that
        // accepted repeats its 2xx, which finds nobody and is a stray.
        let _ = self.commands.try_send(Command::Abandon(self.id, accepted));
    }
}

/// Answers that may wait for one INVITE; further provisional ones are left out.
const ANSWERS: usize = 8;

//! The door to SIP: sockets, and the loop that owns the core.
//!
//! [`bind`] opens the sockets and returns three things: [`Sip`], the handle with which the gateway
//! asks and answers; [`Arrivals`], what devices ask; and [`Driver`], to be spawned.
//! A datagram goes from `udp` to `driver`, past `gate`, through [`core`], into those; the answer comes
//! back through `handle` and goes out the same way. `tcp` does for connections what `udp` does for
//! datagrams.

mod arrivals;
pub mod core;
mod counters;
mod driver;
mod drops;
mod filter;
mod gate;
mod handle;
mod inbox;
mod regulars;
mod tcp;
mod udp;
mod waiting;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};

pub use self::{
    arrivals::Arrivals,
    counters::{Counters, Snapshot},
    driver::Driver,
    drops::{Drops, Ending, Reason},
    handle::{Answer, Invite, Sip},
    regulars::Regulars,
};
use self::{
    core::{Endpoint, Peer, Request, Response, ServerId, ledger, strangers::Strangers},
    gate::Gate,
    tcp::Connections,
    udp::Socket,
};

/// Where to listen, what to say of ourselves, and how much to hold. Every default works.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where datagrams come in; none: no UDP.
    pub udp: Option<SocketAddr>,
    /// Where connections come in; none: no TCP.
    pub tcp: Option<SocketAddr>,
    /// `host[:port]` that devices reach us at, for Via and Contact; none: the address that the
    /// device's packets come to.
    pub advertise: Option<String>,
    /// User-Agent of our requests; none: no such line.
    pub user_agent: Option<String>,
    /// Most requests that wait for the gateway, REGISTERs without credentials and others apart; beyond that a device
    /// is answered 503.
    pub incoming: usize,
    /// Most transactions under way (see [`core::Config`]).
    pub max_pending: usize,
    /// Most answered requests kept for repetitions (see [`core::Config`]).
    pub max_answered: usize,
    /// Most connections; beyond that a new one is closed at once.
    pub max_connections: usize,
    /// Most of them from one address.
    pub max_connections_per_source: usize,
    /// How long a connection may stay without a whole message or a keep-alive.
    pub idle_timeout: Duration,
    /// How long one message may take to come over a connection.
    pub message_timeout: Duration,
    /// How long a device may leave one message unread.
    pub write_timeout: Duration,
    /// How much is borne of one source.
    pub limits: ledger::Limits,
    /// Who gets no answer.
    pub strangers: Strangers,
}

impl Default for Config {
    fn default() -> Self {
        let core = core::Config::default();
        Self {
            udp: Some(SocketAddr::from(([0, 0, 0, 0], 5060))),
            tcp: Some(SocketAddr::from(([0, 0, 0, 0], 5060))),
            advertise: None,
            user_agent: Some(concat!("sluice/", env!("CARGO_PKG_VERSION")).to_owned()),
            // A hundred thousand devices that come back at one instant: who is turned away comes again later.
            incoming: 131_072,
            max_pending: core.max_pending,
            max_answered: core.max_answered,
            max_connections: 100_000,
            max_connections_per_source: 16_384,
            idle_timeout: Duration::from_secs(600),
            message_timeout: Duration::from_secs(32),
            write_timeout: Duration::from_secs(10),
            limits: ledger::Limits::default(),
            strangers: Strangers::default(),
        }
    }
}

/// What devices want of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The ACK to a 2xx of ours.
    Ack {
        /// The INVITE that it belongs to.
        id: ServerId,
        /// The ACK.
        request: Request,
        /// Where it came from.
        peer: Peer,
    },
    /// An INVITE was withdrawn; it is answered already.
    Cancelled {
        /// The INVITE.
        id: ServerId,
    },
    /// A request that [`Sip::respond`] is to answer.
    Request {
        /// What `respond` wants to know it by.
        id: ServerId,
        /// The request; it is valid (see [`core::validate`]).
        request: Request,
        /// Where it came from.
        peer: Peer,
    },
    /// A 2xx to an INVITE that nobody waits for any more. Acknowledge it with [`Sip::send`], then
    /// end its dialog with BYE; it may come several times.
    StrayAnswer {
        /// The answer.
        response: Response,
        /// Where it came from.
        peer: Peer,
    },
    /// A final answer of ours to an INVITE was never acknowledged.
    Unacknowledged {
        /// The INVITE.
        id: ServerId,
    },
}

/// Why a device was not reached, or a socket not opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket cannot be opened.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Too many requests are under way.
    #[error("too many SIP transactions are under way")]
    Busy,
    /// The driver has ended.
    #[error("SIP is shut down")]
    Closed,
    /// What was to be sent as an INVITE is none; it was sent, and its answer is not awaited.
    #[error("not an INVITE")]
    NotInvite,
    /// No final answer came in time (RFC 3261 §17.1, Timers B and F).
    #[error("the device did not answer")]
    TimedOut,
    /// The connection to the device is gone.
    #[error("the connection to the device is gone")]
    Unreachable,
}

/// Opens the sockets. Must be called within a tokio runtime.
pub fn bind(config: Config) -> Result<(Sip, Arrivals, Driver), Error> {
    let failed = |address| move |source| Error::Bind { address, source };
    let udp = config.udp.map(|address| Socket::bind(address).map_err(failed(address))).transpose()?;
    let shared = (Arc::<Regulars>::default(), Arc::<Drops>::default());
    let (limits, drops) = (tcp_limits(&config), Arc::clone(&shared.1));
    let tcp = match config.tcp {
        Some(address) => Connections::bind(address, limits, drops).map_err(failed(address))?,
        None => Connections::none(limits, drops),
    };
    let endpoint = Endpoint::new(core::Config {
        advertise: config.advertise.clone(),
        user_agent: config.user_agent,
        max_pending: config.max_pending,
        max_answered: config.max_answered,
    });
    let counters = Arc::new(Counters::default());
    let (commands, to_do) = mpsc::channel(COMMANDS);
    let (to_gateway, arrivals) = arrivals::queues(config.incoming);
    let here = handle::Here {
        udp: udp.as_ref().map(Socket::address),
        tcp: tcp.address(),
        udp_inode: udp.as_ref().and_then(Socket::inode),
        advertise: config.advertise,
    };
    let gate = Gate::new(Instant::now().into_std(), config.limits, config.strangers, shared.clone());
    let sip = Sip::new(commands, here, Arc::clone(&counters), shared);
    Ok((sip, arrivals, Driver::new((gate, endpoint), (udp, tcp), (to_do, to_gateway), counters)))
}

fn tcp_limits(config: &Config) -> tcp::Limits {
    tcp::Limits {
        connections: config.max_connections,
        per_source: config.max_connections_per_source,
        idle: config.idle_timeout,
        message: config.message_timeout,
        write: config.write_timeout,
    }
}

/// Most commands that wait for the driver; beyond that callers wait.
const COMMANDS: usize = 4_096;

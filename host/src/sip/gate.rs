//! Who is heard and who is answered: what stands between the sockets and the core.

use std::{net::IpAddr, sync::Arc, time::Instant};

use tracing::info;

use super::{
    core::{
        Method, ParseError, Peer, Request, Response,
        ledger::{self, Fee, Ledger},
        message::Fault,
        strangers::{Mark, Strangers},
    },
    drops::{Drops, Ending, Reason},
    regulars::Regulars,
};

/// Looks at what comes in and at what is answered to it.
#[derive(Debug)]
pub(super) struct Gate {
    ledger: Ledger,
    strangers: Strangers,
    regulars: Arc<Regulars>,
    drops: Arc<Drops>,
}

impl Gate {
    pub(super) fn new(
        now: Instant,
        limits: ledger::Limits,
        strangers: Strangers,
        (regulars, drops): (Arc<Regulars>, Arc<Drops>),
    ) -> Self {
        Self { ledger: Ledger::new(now, limits), strangers, regulars, drops }
    }

    /// Whether what comes from `peer` is to be read. Costs a comparison while nobody is in debt.
    pub(super) fn hears(&self, now: Instant, peer: Peer) -> bool {
        if !is_answerable(peer) {
            self.drops.count(Reason::Source);
            return false;
        }
        let cut = self.ledger.is_cut(now, peer) && !self.regulars.contains(peer);
        if cut {
            self.drops.count(Reason::Debt);
        }
        !cut
    }

    /// Whether a request gets an answer; one that does not is dropped, and costs its sender a mistake.
    pub(super) fn answers(&mut self, now: Instant, peer: Peer, request: &Request) -> bool {
        // Most are regulars: looking that up costs less than looking at the request.
        if self.regulars.contains(peer) {
            return true;
        }
        let Some(mark) = self.strangers.mark(request) else { return true };
        self.drops.count(match mark {
            Mark::Domain => Reason::Domain,
            Mark::Id => Reason::Id,
            Mark::Method => Reason::Method,
            Mark::UserAgent => Reason::UserAgent,
        });
        self.charge(now, peer, Fee::Mistake);
        false
    }

    /// A packet from `peer` has cost us something. True if its source is cut from now on.
    pub(super) fn charge(&mut self, now: Instant, peer: Peer, fee: Fee) -> bool {
        if self.regulars.contains(peer) || !self.ledger.charge(now, peer, fee) {
            return false;
        }
        // For fail2ban as well: see docs/security.md.
        info!(source = %peer.remote.ip(), transport = %peer.transport, "source is not heard for a while");
        true
    }

    /// Counts a connection that ended with more than a message may have.
    pub(super) fn oversized(&self, error: &ParseError) {
        if error.fault == Fault::TooLarge {
            self.drops.end(Ending::Oversized);
        }
    }

    /// Takes over what the core has withheld.
    pub(super) fn publish(&self, withheld: u64) {
        self.drops.set(Reason::LongAnswer, withheld);
    }

    /// Charges for what is answered to a request of `peer`.
    pub(super) fn settle(&mut self, now: Instant, peer: Peer, response: &Response) {
        match response.status {
            401 => _ = self.charge(now, peer, Fee::Challenge),
            200..300 if is_registration(response) => self.ledger.refund(peer),
            400..500 => _ = self.charge(now, peer, Fee::Mistake),
            _ => {}
        }
    }
}

fn is_registration(response: &Response) -> bool {
    response.headers.cseq().is_some_and(|cseq| cseq.method == Method::Register)
}

/// No answer goes to all hosts of a network at once, nor to nobody.
fn is_answerable(peer: Peer) -> bool {
    let to_many = match peer.remote.ip().to_canonical() {
        IpAddr::V4(address) => address.is_broadcast() || address.is_multicast() || address.is_unspecified(),
        IpAddr::V6(address) => address.is_multicast() || address.is_unspecified(),
    };
    !to_many && peer.remote.port() != 0
}

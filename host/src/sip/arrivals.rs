//! What comes in, on its way from the driver to the gateway: two queues, so that what has begun is ended first.
//!
//! When a hundred thousand devices come back at one instant, each new REGISTER waits for seconds. Keepalives of devices
//! that are in do not wait behind them, and a device that has been challenged is done with at once: the sooner it has
//! its answer, the fewer times it asks again.

use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use super::{Incoming, core::Method};

/// So many go first in a row; then one of the others has its turn, if one waits.
const IN_A_ROW: u32 = 64;

/// The driver's end.
#[derive(Debug)]
pub(super) struct Queues {
    first: Sender<Incoming>,
    later: Sender<Incoming>,
}

/// The gateway's end.
#[derive(Debug)]
pub struct Arrivals {
    first: Receiver<Incoming>,
    /// REGISTERs without credentials.
    later: Receiver<Incoming>,
    /// How many went first since one of the others had its turn.
    in_a_row: u32,
}

/// Two queues with room for so many each.
pub(super) fn queues(room: usize) -> (Queues, Arrivals) {
    let ((first, from_first), (later, from_later)) = (mpsc::channel(room), mpsc::channel(room));
    (Queues { first, later }, Arrivals { first: from_first, later: from_later, in_a_row: 0 })
}

impl Queues {
    /// Hands something over; what there is no room for, or nobody to take, comes back.
    pub(super) fn pass(&self, incoming: Incoming) -> Option<Incoming> {
        let queue = if begins_anew(&incoming) { &self.later } else { &self.first };
        queue.try_send(incoming).err().map(|error| match error {
            TrySendError::Full(lost) | TrySendError::Closed(lost) => lost,
        })
    }
}

impl Arrivals {
    /// The next one; none once the driver has ended. Nothing is lost when the wait is given up.
    pub async fn recv(&mut self) -> Option<Incoming> {
        if self.in_a_row >= IN_A_ROW
            && let Ok(waited) = self.later.try_recv()
        {
            self.in_a_row = 0;
            return Some(waited);
        }
        tokio::select! {
            biased;
            Some(first) = self.first.recv() => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                Some(first)
            }
            Some(later) = self.later.recv() => {
                self.in_a_row = 0;
                Some(later)
            }
            else => None,
        }
    }
}

/// Whether it is the first that we hear of its sender for a while: it is to be challenged.
fn begins_anew(incoming: &Incoming) -> bool {
    let Incoming::Request { request, .. } = incoming else { return false };
    request.method == Method::Register && request.headers.get("Authorization").is_none()
}

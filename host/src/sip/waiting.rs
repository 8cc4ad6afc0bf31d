//! Who waits for the answers to our requests.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use super::{
    Error, Incoming,
    core::{ClientId, Method, Peer, Response},
    handle::Told,
};

/// One waiter for each request that is under way.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    table: HashMap<ClientId, Waiter>,
}

#[derive(Debug)]
enum Waiter {
    /// `accepted` once the 2xx is told: the waiter stays until it sends the ACK, so that a 2xx that
    /// is repeated meanwhile is not taken for one that nobody wants.
    Invite {
        answers: mpsc::Sender<Told>,
        accepted: bool,
    },
    Request(oneshot::Sender<Result<Response, Error>>),
}

impl Waiting {
    /// Somebody waits for the final answer.
    pub(super) fn for_request(&mut self, id: ClientId, answer: oneshot::Sender<Result<Response, Error>>) {
        self.table.insert(id, Waiter::Request(answer));
    }

    /// Somebody waits for every answer.
    pub(super) fn for_invite(&mut self, id: ClientId, answers: mpsc::Sender<Told>) {
        self.table.insert(id, Waiter::Invite { answers, accepted: false });
    }

    /// Nobody waits any more.
    pub(super) fn forget(&mut self, id: ClientId) {
        self.table.remove(&id);
    }

    /// Tells an answer. What is returned nobody waits for, and yet it must be looked after.
    pub(super) fn answer(&mut self, id: ClientId, peer: Peer, response: Response) -> Option<Incoming> {
        match (response.status, self.table.get_mut(&id)) {
            (..200, Some(Waiter::Invite { answers, .. })) => {
                // The last place is kept for the final answer.
                if answers.capacity() > 1 {
                    let _ = answers.try_send(Ok((peer, response))); // Gone, and soon to be forgotten.
                }
                None
            }
            (..200, _) => None,
            (200..300, Some(Waiter::Invite { answers, accepted })) if !answers.is_closed() => {
                if !std::mem::replace(accepted, true) {
                    let _ = answers.try_send(Ok((peer, response))); // Closed since: it comes again.
                }
                None
            }
            _ => self.finish(id, peer, response),
        }
    }

    /// Tells why there will be no answer.
    pub(super) fn fail(&mut self, id: ClientId, error: Error) {
        // Whoever is gone needs no telling.
        match self.table.remove(&id) {
            Some(Waiter::Invite { answers, .. }) => drop(answers.try_send(Err(error))),
            Some(Waiter::Request(answer)) => drop(answer.send(Err(error))),
            None => {}
        }
    }

    fn finish(&mut self, id: ClientId, peer: Peer, response: Response) -> Option<Incoming> {
        match self.table.remove(&id) {
            Some(Waiter::Request(answer)) => {
                let _ = answer.send(Ok(response)); // Its caller has lost interest.
                None
            }
            Some(Waiter::Invite { answers, .. }) if !answers.is_closed() => {
                let _ = answers.try_send(Ok((peer, response))); // A refusal: there is room for it.
                None
            }
            Some(Waiter::Invite { .. }) | None => stray(peer, response),
        }
    }
}

/// A 2xx to an INVITE opens a dialog, wanted or not.
fn stray(peer: Peer, response: Response) -> Option<Incoming> {
    let to_invite = response.headers.cseq().is_some_and(|cseq| cseq.method == Method::Invite);
    let opens = to_invite && (200..300).contains(&response.status);
    opens.then_some(Incoming::StrayAnswer { response, peer })
}

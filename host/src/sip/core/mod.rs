//! RFC 3261 without input, output or a clock: bytes, messages and time go in; messages to send and
//! events come out.
//!
//! `message`, `headers`, `header_name`, `fields`, `via`, `uri` are what a message is; `framing` and `validate`
//! say which bytes are one and which one can be served; `pieces` puts together what came in several
//! datagrams. `endpoint` owns the transactions: `client`
//! ours, `server` the peers', each with its machine; `names` finds the one that a message belongs
//! to, `timer` says what happens next. `ledger` and `strangers` say whom not to hear or answer.
//! `dialog`, `digest` and `nonce` are values for the user.

mod client;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod fields;
pub mod framing;
mod header_name;
pub mod headers;
pub mod ledger;
pub mod message;
mod names;
pub mod nonce;
mod output;
mod parse;
pub mod peer;
pub mod pieces;
mod server;
pub mod strangers;
#[cfg(test)]
mod tests;
mod text;
pub mod timer;
pub mod uri;
pub mod validate;
pub mod via;
mod xml;

pub use self::{
    dialog::Dialog,
    endpoint::{Config, Endpoint, Full},
    message::{Message, Method, ParseError, Request, Response},
    names::{ClientId, ServerId},
    output::{Counts, Event, Transmit},
    peer::{ConnectionId, Peer, Transport},
};

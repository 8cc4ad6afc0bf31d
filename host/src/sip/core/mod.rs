//! RFC 3261 without input, output or a clock.

mod client;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod fields;
pub mod framing;
pub mod headers;
pub mod message;
mod names;
pub mod nonce;
mod output;
mod parse;
pub mod peer;
mod server;
mod text;
pub mod timer;
pub mod uri;
pub mod validate;
pub mod via;

pub use self::{
    dialog::Dialog,
    endpoint::{Config, Endpoint, Full},
    message::{Message, Method, ParseError, Request, Response},
    names::{ClientId, ServerId},
    output::{Counts, Event, Transmit},
    peer::{ConnectionId, Peer, Transport},
};

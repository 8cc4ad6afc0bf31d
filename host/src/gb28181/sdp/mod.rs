//! SDP as GB/T 28181 has it: RFC 4566 with `y=`, the SSRC, and `f=`, the media's format. Public
//! parsers drop or refuse these two.
//!
//! [`Offer`] writes in the order that the pickiest devices want; [`Session`] reads lines in any order.

mod offer;
mod session;

pub use offer::{Offer, Purpose, SubStream};
pub use session::{Error, Media, Origin, Session};

/// How media travels, as the platform asks for it. Active and passive are the platform's side: who opens the
/// connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// RTP over UDP.
    Udp,
    /// RTP over TCP (RFC 4571); the platform connects to the port in the answer.
    TcpActive,
    /// RTP over TCP (RFC 4571); the device connects to the platform.
    TcpPassive,
}

/// Which side opens the connection (RFC 4145).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setup {
    /// The one who says so.
    Active,
    /// The other one.
    Passive,
}

/// Which way media flows, for the one who says so (RFC 4566 §6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// It receives.
    RecvOnly,
    /// It sends.
    SendOnly,
    /// Both.
    SendRecv,
}

/// What a medium is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MediaKind {
    /// Sound alone.
    Audio,
    /// Pictures, and the sound packed with them.
    Video,
}

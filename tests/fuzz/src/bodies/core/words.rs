//! What is said: few enough names that they meet.

use std::net::{Ipv4Addr, SocketAddr};

use sluice::sip::core::{ConnectionId, Method, Peer, Request};

use crate::bodies::tape::Tape;

/// Two devices, the first of which sends from two ports, and over TCP.
pub(super) const PEERS: usize = 4;

pub(super) fn peer(index: usize) -> Peer {
    let address = |last, port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port));
    match index % PEERS {
        0 => Peer::udp(address(2, 5060), address(1, 5060)),
        1 => Peer::udp(address(2, 5061), address(1, 5060)),
        2 => Peer::udp(address(3, 5060), address(1, 5060)),
        _ => Peer::tcp(ConnectionId(1), address(2, 5060), address(1, 5060)),
    }
}

/// A request of a device, with its branch and dialog from a few.
pub(super) fn from_device(tape: &mut Tape<'_>) -> Request {
    let method = tape.one(THEIRS);
    let branch = tape.one(["z9hG4bK1", "z9hG4bK2", "z9hG4bK3", "1"]);
    let via = format!("SIP/2.0/UDP 192.0.2.2:5060;rport;branch={branch}");
    let tag = tape.one(["", ";tag=b"]);
    Request::new(method.parse().unwrap_or(Method::Message), "sip:34020000002000000001@3402000000")
        .with("Via", via)
        .with("From", "<sip:34020000001320000001@3402000000>;tag=a")
        .with("To", format!("<sip:34020000002000000001@3402000000>{tag}"))
        .with("Call-ID", tape.one(["call", "other"]))
        .with("CSeq", format!("{} {method}", tape.below(2)))
}

/// A request of ours, without Via.
pub(super) fn from_us(tape: &mut Tape<'_>) -> Request {
    let method = tape.one([Method::Invite, Method::Message, Method::Bye, Method::Info]);
    let cseq = format!("1 {method}");
    Request::new(method, "sip:34020000001320000001@192.0.2.2:5060")
        .with("From", "<sip:34020000002000000001@3402000000>;tag=a")
        .with("To", "<sip:34020000001320000001@3402000000>")
        .with("Call-ID", "ours")
        .with("CSeq", cseq)
}

/// A status; the first is the usual one.
pub(super) fn status(tape: &mut Tape<'_>) -> u16 {
    tape.one([200, 100, 180, 202, 302, 401, 486, 503])
}

/// How much time passes: around every length that a timer has.
pub(super) fn milliseconds(tape: &mut Tape<'_>) -> u64 {
    tape.one([1, 100, 499, 500, 1000, 4000, 5000, 31_999, 32_000, 181_000])
}

const THEIRS: [&str; 8] = ["MESSAGE", "REGISTER", "INVITE", "ACK", "CANCEL", "BYE", "NOTIFY", "OPTIONS"];

//! Messages that come in several datagrams.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use sluice::sip::core::{
    Message, Peer,
    framing::{self, Framed},
    pieces::Pieces,
};

use super::{
    tape::{Tape, cut},
    xml,
};

/// Whatever comes goes out again, once, to whom it came from, within a second; and a message is the same in any
/// datagrams.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let (sizes, pauses) = (tape.take(4), tape.take(4));
    let bytes = tape.rest();
    nothing_stays(&cut(bytes, sizes), pauses);
    if let Framed::Message(message) = framing::datagram(bytes) {
        comes_whole(&message, sizes);
    }
}

fn nothing_stays(datagrams: &[&[u8]], pauses: &[u8]) {
    let mut now = start();
    let mut pieces = Pieces::default();
    let mut pauses = Tape::new(pauses);
    let (mut count, mut size) = (0, 0);
    let mut take = |pieces: &mut Pieces| {
        while let Some((peer, framed)) = pieces.poll_framed() {
            assert!((1..=2).contains(&peer.remote.port()), "nobody's");
            assert_ne!(framed, Framed::KeepAlive);
            count += 1;
            size += if let Framed::Message(message) = framed { message.body().len() } else { 0 };
        }
    };
    for datagram in datagrams {
        let choice = pauses.next().unwrap_or_default();
        now += Duration::from_millis(u64::from(choice / 2));
        if pieces.poll_timeout().is_some_and(|timeout| timeout <= now) {
            pieces.handle_timeout(now);
            take(&mut pieces);
        }
        pieces.handle_datagram(now, peer(u16::from(choice % 2) + 1), datagram);
        take(&mut pieces);
    }
    let last = now;
    while let Some(timeout) = pieces.poll_timeout() {
        assert!(timeout <= last + Duration::from_secs(1), "it is waited for too long");
        pieces.handle_timeout(timeout);
        take(&mut pieces);
    }
    let sent: usize = datagrams.iter().map(|datagram| datagram.len()).sum();
    assert!(
        count <= datagrams.len() && size <= sent,
        "{count} messages and {size} bytes came of {datagrams:?}"
    );
}

/// Cut into datagrams, a message is what it is in one. Not so where a piece looks like something of its own.
fn comes_whole(message: &Message, sizes: &[u8]) {
    let (Message::Request(request), true) = (message, xml::is_plain(message.body())) else { return };
    let is_xml = request.headers.content_type().is_some_and(|kind| kind.to_ascii_lowercase().contains("xml"));
    let written = request.to_bytes();
    let (head, body) = written.split_at(written.len() - request.body.len());
    if !is_xml || body.len() > 60_000 || framing::datagram(&written) != Framed::Message(message.clone()) {
        return;
    }
    let parts = cut(body, sizes);
    if parts.iter().any(|part| framing::datagram(part) == Framed::KeepAlive) {
        return;
    }
    let mut pieces = Pieces::default();
    let now = start();
    pieces.handle_datagram(now, peer(1), &[head, parts[0]].concat());
    parts[1..].iter().for_each(|part| pieces.handle_datagram(now, peer(1), part));
    let Some((source, Framed::Message(Message::Request(come)))) = pieces.poll_framed() else {
        panic!("it did not come");
    };
    assert_eq!((source, &come.headers, &come.uri), (peer(1), &request.headers, &request.uri));
    assert_eq!(come.body.trim_ascii_end(), request.body.trim_ascii_end());
    assert_eq!((pieces.poll_framed(), pieces.poll_timeout()), (None, None));
}

fn peer(port: u16) -> Peer {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Peer::udp(address(port), address(5060))
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
fn start() -> Instant {
    Instant::now()
}

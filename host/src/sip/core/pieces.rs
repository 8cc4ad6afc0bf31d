//! Messages that come in several datagrams.
//!
//! A Hikvision recorder sends a large catalog as one message cut into datagrams, of which only the first has a
//! head (wvp-GB28181-pro #853). What follows it within moments from the same source, and does not begin like a
//! message, is more of its body. The body is whole when its root is closed or its length is reached. Should that
//! not come to pass, what came is served: a list that is cut costs only its last item.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    framing::{self, Framed, skip_noise},
    parse::{self, Head},
    peer::Peer,
    xml::Ending,
};

/// How long after one piece the next may come. They leave the device together, and a repetition of the whole
/// message comes after 500 ms (RFC 3261 §17.1.2.2, Timer E).
const PAUSE: Duration = Duration::from_millis(100);

/// How long after the first piece the last may come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most bytes of one body; a catalog of 140 channels has some 60,000.
const MOST_OF_ONE: usize = 256 * 1024;

/// Most bytes of all bodies that are not whole. What begins beyond that is not waited for.
const MOST: usize = 16 * 1024 * 1024;

/// Most messages that are not whole.
const MOST_BEGUN: usize = 4096;

/// Puts datagrams together that are one message.
///
/// After each `handle_*`, drain `poll_framed`, and call `handle_timeout` when `poll_timeout` says so.
#[derive(Debug, Default)]
pub struct Pieces {
    /// What is not whole yet, by its source.
    begun: HashMap<SocketAddr, Begun>,
    /// The bytes of all of it.
    held: usize,
    ready: VecDeque<(Peer, Framed)>,
    /// Not after the first deadline.
    wake: Option<Instant>,
}

/// A message that is not whole yet.
#[derive(Debug)]
struct Begun {
    peer: Peer,
    head: Head,
    body: Vec<u8>,
    ending: Ending,
    first: Instant,
    last: Instant,
}

impl Pieces {
    /// Takes a datagram that came from `peer`.
    pub fn handle_datagram(&mut self, now: Instant, peer: Peer, bytes: &[u8]) {
        let message = skip_noise(bytes);
        if message.is_empty() {
            return; // A keep-alive.
        }
        if !self.begun.is_empty()
            && !parse::is_message(message)
            && let Some(begun) = self.take(peer.remote)
        {
            return self.go_on(now, begun, bytes);
        }
        let (head, rest) = parse::split(message);
        match head.unfinished(rest).filter(|_| self.has_room(rest.len())) {
            Some(ending) => {
                // It sends one message after the other: of the older one nothing more comes.
                let older = self.take(peer.remote);
                self.ready.extend(older.map(Begun::finish));
                self.keep(Begun { peer, head, body: rest.to_vec(), ending, first: now, last: now });
            }
            None => self.ready.push_back((peer, framing::framed(head.finish_datagram(rest)))),
        }
    }

    /// Gives up waiting for what has not come by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let over = self.begun.iter().filter(|(_, begun)| begun.deadline() <= now);
        let sources: Vec<_> = over.map(|(source, _)| *source).collect();
        for source in sources {
            let begun = self.take(source);
            self.ready.extend(begun.map(Begun::finish));
        }
        self.wake = self.begun.values().map(Begun::deadline).min();
    }

    /// The next message, or what cannot be read as one; never a keep-alive.
    pub fn poll_framed(&mut self) -> Option<(Peer, Framed)> {
        self.ready.pop_front()
    }

    /// When `handle_timeout` is wanted; sometimes for nothing.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake.filter(|_| !self.begun.is_empty())
    }

    /// Takes the next piece, as it came: blanks at its front are the body's.
    fn go_on(&mut self, now: Instant, mut begun: Begun, bytes: &[u8]) {
        if begun.body.len() + bytes.len() > MOST_OF_ONE || !self.has_room(begun.body.len() + bytes.len()) {
            let peer = begun.peer;
            self.ready.extend([begun.finish(), (peer, framing::datagram(bytes))]);
            return;
        }
        begun.body.extend_from_slice(bytes);
        begun.last = now;
        if begun.is_whole() {
            self.ready.push_back(begun.finish());
        } else {
            self.keep(begun);
        }
    }

    fn has_room(&self, more: usize) -> bool {
        self.begun.len() < MOST_BEGUN && self.held + more <= MOST
    }

    fn keep(&mut self, begun: Begun) {
        let deadline = begun.deadline();
        self.wake = Some(self.poll_timeout().map_or(deadline, |wake| wake.min(deadline)));
        self.held += begun.body.len();
        self.begun.insert(begun.peer.remote, begun);
    }

    fn take(&mut self, source: SocketAddr) -> Option<Begun> {
        let begun = self.begun.remove(&source)?;
        self.held -= begun.body.len();
        Some(begun)
    }
}

impl Begun {
    fn deadline(&self) -> Instant {
        (self.last + PAUSE).min(self.first + PATIENCE)
    }

    fn is_whole(&mut self) -> bool {
        self.ending.find(&self.body).is_some() || self.head.has_length(self.body.len())
    }

    fn finish(self) -> (Peer, Framed) {
        (self.peer, framing::framed(self.head.finish(&self.body)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{super::message::Message, *};

    const XML: &str = "<?xml version=\"1.0\"?>\r\n<Response>\r\n<Name>\r\n</Name>\r\n</Response>\r\n";

    fn head(number: u32, length: &str) -> String {
        format!(
            "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number}\r\nFrom: <sip:d@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: {number} MESSAGE\r\n\
             Content-Type: Application/MANSCDP+xml\r\n{length}\r\n"
        )
    }

    fn peer(port: u16) -> Peer {
        Peer::udp((Ipv4Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, 5060).into())
    }

    /// A piece of nothing but blanks cannot be told from a keep-alive.
    fn is_blank(piece: &str) -> bool {
        !piece.is_empty() && piece.trim().is_empty()
    }

    /// What has come of it, as source port, CSeq and body.
    fn come(pieces: &mut Pieces) -> Vec<(u16, u32, String)> {
        let framed = std::iter::from_fn(|| pieces.poll_framed());
        let read = framed.map(|(peer, framed)| match framed {
            Framed::Message(Message::Request(request)) => {
                let number = request.headers.cseq().expect("a CSeq").number;
                (peer.remote.port(), number, String::from_utf8(request.body).expect("text"))
            }
            other => (peer.remote.port(), 0, format!("{other:?}")),
        });
        read.collect()
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin; only differences count")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_body_is_put_together_however_it_was_cut() {
        let now = origin();
        for length in [
            format!("Content-Length: {}\r\n", XML.len()),
            "l: 0\r\n".into(),
            "l: 9000\r\n".into(),
            String::new(),
        ] {
            let (head, last) = (head(1, &length), XML.rfind('<').expect("an end tag"));
            let shortest = usize::from(!length.contains(&XML.len().to_string()));
            for first in shortest..last {
                for second in (first..=last).filter(|second| !is_blank(&XML[first..*second])) {
                    let mut pieces = Pieces::default();
                    let cuts =
                        [format!("{head}{}", &XML[..first]), XML[first..second].into(), XML[second..].into()];
                    for piece in cuts {
                        pieces.handle_datagram(now, peer(1), piece.as_bytes());
                    }
                    assert_eq!(
                        come(&mut pieces),
                        [(1, 1, XML.to_owned())],
                        "{length:?} at {first} and {second}"
                    );
                    assert_eq!((pieces.poll_timeout(), pieces.held), (None, 0));
                }
            }
        }
    }

    #[test]
    fn what_comes_in_between_is_not_taken_for_a_piece() {
        let now = origin();
        let mut pieces = Pieces::default();
        let whole = |number| head(number, &format!("l: {}\r\n", XML.len())) + XML;
        let (begin, end) = XML.split_at(40);
        pieces.handle_datagram(now, peer(1), (head(1, "") + begin).as_bytes());
        pieces.handle_datagram(now, peer(1), whole(2).as_bytes());
        pieces.handle_datagram(now, peer(1), b"jaK\0");
        pieces.handle_datagram(now, peer(2), (head(3, "") + begin).as_bytes());
        assert_eq!(come(&mut pieces), [(1, 2, XML.to_owned())]);
        pieces.handle_datagram(now, peer(2), end.as_bytes());
        pieces.handle_datagram(now, peer(1), end.as_bytes());
        assert_eq!(come(&mut pieces), [(2, 3, XML.to_owned()), (1, 1, XML.to_owned())]);
    }

    #[test]
    fn what_stays_away_is_not_waited_for_long() {
        let now = origin();
        let mut pieces = Pieces::default();
        pieces.handle_datagram(now, peer(1), (head(1, "") + "<Response><a>").as_bytes());
        assert_eq!(pieces.poll_timeout(), Some(now + PAUSE));
        for number in 1..12 {
            pieces.handle_datagram(now + PAUSE * number / 2, peer(1), b"x");
        }
        pieces.handle_timeout(now + PAUSE * 6);
        assert_eq!((come(&mut pieces), pieces.poll_timeout()), (vec![], Some(now + PAUSE * 13 / 2)));
        pieces.handle_timeout(now + PAUSE * 13 / 2);
        assert_eq!(come(&mut pieces), [(1, 1, format!("<Response><a>{}", "x".repeat(11)))]);
        assert_eq!((pieces.poll_timeout(), pieces.held), (None, 0));

        pieces.handle_datagram(now, peer(1), (head(1, "") + "<Response>").as_bytes());
        for number in 1..20 {
            pieces.handle_datagram(now + PAUSE * number / 2, peer(1), b"x");
        }
        pieces.handle_timeout(now + PATIENCE);
        assert_eq!(come(&mut pieces).len(), 1, "not even while more of it comes");
    }

    #[test]
    fn another_message_ends_the_one_before() {
        let now = origin();
        let mut pieces = Pieces::default();
        pieces.handle_datagram(now, peer(1), (head(1, "") + "<Response><a>").as_bytes());
        pieces.handle_datagram(now, peer(1), (head(2, "") + "<Response><b>").as_bytes());
        assert_eq!(come(&mut pieces), [(1, 1, "<Response><a>".to_owned())]);
        pieces.handle_datagram(now, peer(1), b"</b></Response>");
        assert_eq!(come(&mut pieces), [(1, 2, "<Response><b></b></Response>".to_owned())]);
    }

    #[test]
    fn there_is_a_limit_to_what_is_held() {
        let now = origin();
        let mut pieces = Pieces::default();
        let begin = head(1, "") + "<Response>";
        pieces.handle_datagram(now, peer(1), begin.as_bytes());
        for _ in 0..MOST_OF_ONE / 60_000 {
            pieces.handle_datagram(now, peer(1), &[b'x'; 60_000]);
        }
        assert_eq!(come(&mut pieces), []);
        pieces.handle_datagram(now, peer(1), &[b'x'; 60_000]);
        let come = come(&mut pieces);
        assert_eq!((come.len(), come[0].2.len(), pieces.held), (2, 10 + 240_000, 0));

        for port in 0..u16::try_from(MOST_BEGUN).expect("few") + 2 {
            pieces.handle_datagram(now, peer(port), begin.as_bytes());
        }
        let ports =
            std::iter::from_fn(|| pieces.poll_framed()).map(|(peer, _)| usize::from(peer.remote.port()));
        assert_eq!(ports.collect::<Vec<_>>(), [MOST_BEGUN, MOST_BEGUN + 1], "served as they came");
    }

    #[test]
    fn what_is_whole_or_no_xml_is_not_held() {
        let now = origin();
        let mut pieces = Pieces::default();
        let text = head(1, "l: 9\r\n").replace("Application/MANSCDP+xml", "text/plain") + "short";
        for bytes in [
            head(1, "l: 0\r\n"),
            head(1, ""),
            head(1, "l: 0\r\n") + "\r\n\0\0",
            head(1, "l: 5\r\n") + "<a>1<",
            text,
        ] {
            pieces.handle_datagram(now, peer(1), bytes.as_bytes());
            assert_eq!((come(&mut pieces).len(), pieces.held), (1, 0), "{bytes}");
        }
    }
}

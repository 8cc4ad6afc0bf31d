//! Session descriptions: what peers say, and what we offer.

use std::net::IpAddr;

use sluice::gb28181::{
    DeviceId, Ssrc, charset,
    sdp::{Offer, Purpose, Session, Setup, SubStream, Transport},
};

use super::tape::Tape;

/// What is read means the same with other line ends and in UTF-8; what is offered is read as it was meant.
pub fn run(bytes: &[u8]) {
    if let Ok(session) = Session::parse(bytes) {
        holds(&session, bytes);
    }
    is_read_as_offered(&mut Tape::new(bytes));
}

fn holds(session: &Session, bytes: &[u8]) {
    assert!(!session.media.is_empty() && session.video().is_some());
    assert_ne!(session.ssrc, Some(Ssrc(0)));
    assert_ne!(session.file_size, Some(0));
    let text = charset::decode(bytes);
    if text.starts_with('\u{FEFF}') {
        return; // One is a mark, a second one is a character.
    }
    for other in [text.replace('\n', "\r\n"), format!("\r\n{text}\r\n\r\n\0")] {
        assert!(
            Session::parse(other.as_bytes()).as_ref() == Ok(session) || other.len() > 60_000,
            "{other:?}"
        );
    }
}

fn is_read_as_offered(tape: &mut Tape<'_>) {
    let offer = offer(tape);
    let text = offer.to_string();
    assert!(text.ends_with("\r\n") && text.bytes().all(|byte| byte >= b' ' || matches!(byte, b'\r' | b'\n')));
    let session = Session::parse(text.as_bytes()).expect("our own offer");
    let media = session.video().expect("a medium");
    assert_eq!(session.media.len(), 1);
    assert_eq!(session.ssrc, Some(offer.ssrc).filter(|ssrc| ssrc.0 != 0));
    assert_eq!((media.port, session.address(media)), (offer.port, Some(offer.address)));
    assert_eq!(
        (media.tcp, media.setup),
        match offer.transport {
            Transport::Udp => (false, None),
            Transport::TcpActive => (true, Some(Setup::Active)),
            Transport::TcpPassive => (true, Some(Setup::Passive)),
        }
    );
    assert_eq!(media.payloads, offer.payloads);
    assert_eq!(
        session.time,
        match offer.purpose {
            Purpose::Play => Some((0, 0)),
            Purpose::Playback { start, end, .. } | Purpose::Download { start, end, .. } => Some((start, end)),
        }
    );
}

/// An offer whose every part is the fuzzer's; the texts are those that a vendor's policy may change.
fn offer(tape: &mut Tape<'_>) -> Offer {
    let channel = DeviceId::parse("34020000001310000001").expect("an id");
    let (start, end) = (number(tape), number(tape));
    let purpose = match tape.below(3) {
        0 => Purpose::Play,
        1 => Purpose::Playback { channel: channel.clone(), start, end },
        _ => Purpose::Download { channel: channel.clone(), start, end, speed: u32::from(number(tape) as u8) },
    };
    let octets: [u8; 4] = std::array::from_fn(|_| tape.next().unwrap_or(1));
    Offer {
        owner: channel,
        purpose,
        address: IpAddr::from(octets),
        port: number(tape) as u16,
        transport: tape.one([Transport::Udp, Transport::TcpActive, Transport::TcpPassive]),
        payloads: tape.take(3).to_vec(),
        ssrc: Ssrc(number(tape) as u32),
        sub_stream: Some(SubStream { attribute: format!("x-{}", text(tape)), value: text(tape) }),
        format: Some(text(tape)),
    }
}

fn number(tape: &mut Tape<'_>) -> u64 {
    tape.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn text(tape: &mut Tape<'_>) -> String {
    let length = tape.below(32);
    String::from_utf8_lossy(tape.take(length)).into_owned()
}

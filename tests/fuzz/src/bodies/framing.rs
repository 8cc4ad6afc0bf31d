//! Messages in a stream, however it is cut.

use sluice::sip::core::{
    Message,
    framing::{Framed, StreamDecoder},
};

use super::{
    tape::{Tape, cut},
    xml,
};

/// Between messages: what must not count.
const NOISE: &[u8] = b"\r\njaK\0\r\n";

/// Any bytes in any pieces are read to an end; sound messages come out as they went in, in one piece and in any.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let sizes = tape.take(4);
    let bytes = tape.rest();
    let in_pieces = decode(&cut(bytes, sizes));
    let whole = decode(&[bytes]);
    for framed in [&in_pieces, &whole] {
        let bodies: usize = framed.iter().map(size).sum();
        assert!(bodies <= bytes.len(), "{bodies} bytes of bodies in {}", bytes.len());
    }

    let sound: Vec<_> = whole.into_iter().filter(is_sound).collect();
    let stream: Vec<u8> = sound.iter().flat_map(|message| [&written(message)[..], NOISE].concat()).collect();
    assert_eq!(decode(&[&stream]), sound, "in one piece");
    let in_pieces = decode(&cut(&stream, sizes));
    assert_eq!(
        in_pieces.iter().map(trimmed).collect::<Vec<_>>(),
        sound.iter().map(trimmed).collect::<Vec<_>>()
    );
}

/// What comes of the pieces, until nobody knows any more where a message begins.
fn decode(pieces: &[&[u8]]) -> Vec<Framed> {
    let mut decoder = StreamDecoder::new();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(framed)) => messages.push(framed),
                Ok(None) => break,
                Err(_) => return messages,
            }
        }
    }
    messages
}

/// A message which is read the same when its length is right, and whose end its XML does not deny.
fn is_sound(framed: &Framed) -> bool {
    let Framed::Message(message) = framed else { return false };
    let read = decode(&[&message.to_bytes()]);
    read == [framed.clone()] && (!is_xml(message) || xml::is_plain(message.body()))
}

fn is_xml(message: &Message) -> bool {
    message.headers().content_type().is_some_and(|kind| kind.to_ascii_lowercase().contains("xml"))
}

fn written(framed: &Framed) -> Vec<u8> {
    match framed {
        Framed::Message(message) => message.to_bytes(),
        Framed::KeepAlive | Framed::Refused(_) => Vec::new(),
    }
}

fn size(framed: &Framed) -> usize {
    match framed {
        Framed::Message(message) => message.body().len(),
        Framed::KeepAlive | Framed::Refused(_) => 0,
    }
}

/// Header fields and body.
type Trimmed = (Vec<(String, String)>, Vec<u8>);

/// The head, and the body without the blanks at its end: XML is over before they come.
fn trimmed(framed: &Framed) -> Option<Trimmed> {
    let Framed::Message(message) = framed else { return None };
    let fields = message.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = if is_xml(message) { message.body().trim_ascii_end() } else { message.body() };
    Some((fields.collect(), body.to_vec()))
}

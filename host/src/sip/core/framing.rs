//! Where messages begin and end, in a datagram and in a stream.
//!
//! Between messages devices send what is no message: CRLF (RFC 5626 §4.4.1), and Hikvision the
//! four octets `jaK\0` to keep a NAT binding open. Both are passed over, wherever they stand.

use super::{
    message::{Message, ParseError},
    parse::{self, Fault, Head, MAX_HEAD, MAX_MESSAGE},
};

/// Hikvision's NAT keep-alive.
const JAK: &[u8] = b"jaK\0";

/// What a datagram, or the next piece of a stream, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// Nothing but keep-alive bytes.
    KeepAlive,
    /// A message; `validate` says whether it can be served.
    Message(Message),
    /// No message that we can read; perhaps it is owed an answer.
    Refused(ParseError),
}

/// Reads one datagram. It holds one message: what follows it is ignored (RFC 3261 §18.3).
pub fn datagram(bytes: &[u8]) -> Framed {
    let bytes = skip_noise(bytes);
    if bytes.is_empty() {
        return Framed::KeepAlive;
    }
    match Message::parse(bytes) {
        Ok(message) => Framed::Message(message),
        Err(error) => Framed::Refused(error),
    }
}

/// Cuts the bytes of one connection into messages. After each [`StreamDecoder::push`], call
/// [`StreamDecoder::next_message`] until it returns `Ok(None)`: so the buffer never holds more
/// than one message and one push.
#[derive(Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
    /// How far the buffer has been searched for the end of a head.
    searched: usize,
    waiting: Option<Waiting>,
}

/// A head whose body has not come in full.
struct Waiting {
    head: Head,
    body: usize,
    end: usize,
}

impl StreamDecoder {
    /// A decoder for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, or `None` until more bytes have come. Never [`Framed::KeepAlive`].
    ///
    /// An error means that nobody can say where the next message begins: send its reply, if it
    /// has one, and close the connection (RFC 3261 §18.3).
    pub fn next_message(&mut self) -> Result<Option<Framed>, ParseError> {
        if self.waiting.is_none() {
            self.waiting = self.next_head()?;
        }
        let come = self.buffer.len();
        let Some(Waiting { head, body, end }) = self.waiting.take_if(|waiting| waiting.end <= come) else {
            return Ok(None);
        };
        let message = head.finish(&self.buffer[body..end]);
        self.buffer.drain(..end);
        Ok(Some(message.map_or_else(Framed::Refused, Framed::Message)))
    }

    /// Whether nothing has come of a further message: here a connection may end.
    pub fn is_idle(&self) -> bool {
        skip_noise(&self.buffer).is_empty()
    }

    fn next_head(&mut self) -> Result<Option<Waiting>, ParseError> {
        let noise = self.buffer.len() - skip_noise(&self.buffer).len();
        self.buffer.drain(..noise);
        let from = self.searched.saturating_sub(noise);
        let Some(body) = parse::head_end(&self.buffer, from) else {
            self.searched = self.buffer.len().saturating_sub(2);
            let endless = self.buffer.len() > MAX_HEAD;
            return if endless { Err(Head::read(&self.buffer).refuse(Fault::TooLarge)) } else { Ok(None) };
        };
        self.searched = 0;
        let head = Head::read(&self.buffer[..body]);
        // A head that is not refused has at most MAX_HEAD bytes, which is less than MAX_MESSAGE.
        match head.body_in_stream() {
            Ok(length) if length <= MAX_MESSAGE - body => {
                Ok(Some(Waiting { head, body, end: body + length }))
            }
            Ok(_) => Err(head.refuse(Fault::TooLarge)),
            Err(fault) => Err(head.refuse(fault)),
        }
    }
}

/// What follows the keep-alives and control bytes at the front.
fn skip_noise(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [byte, rest @ ..] if *byte <= b' ' => rest,
            _ => match bytes.strip_prefix(JAK) {
                Some(rest) => rest,
                None => return bytes,
            },
        };
    }
}

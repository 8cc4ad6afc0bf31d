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

#[cfg(test)]
mod tests {
    use super::{
        super::message::{Method, Request, Response},
        *,
    };

    const HEAD: &str = "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:d@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n";

    fn sent(fields: &str, body: &str) -> Vec<u8> {
        format!("{HEAD}{fields}\r\n{body}").into_bytes()
    }

    fn body(framed: Framed) -> String {
        match framed {
            Framed::Message(message) => String::from_utf8(message.body().to_vec()).expect("text"),
            other => panic!("no message: {other:?}"),
        }
    }

    fn refused(framed: Framed) -> (Fault, Option<u16>) {
        match framed {
            Framed::Refused(error) => (error.fault, error.reply.map(|reply| reply.status)),
            other => panic!("not refused: {other:?}"),
        }
    }

    const XML: &str = "Content-Type: Application/MANSCDP+xml\r\n";

    #[test]
    fn keep_alives_are_no_messages() {
        for bytes in [&b""[..], b"jaK\0", b"\r\n\r\n", b"jaK\0\r\njaK\0", b"\0\0"] {
            assert_eq!(datagram(bytes), Framed::KeepAlive, "{bytes:?}");
        }
        let bytes = [b"\x01\r\njaK\0", &sent("", "")[..]].concat();
        assert_eq!(body(datagram(&bytes)), "");
    }

    /// Hikvision sends `Content-Length: 0` before a body, and lengths counted with CRLF before
    /// lines with LF; others too short a length (wvp-GB28181-pro #920, 9fc9a2981).
    #[test]
    fn a_wrong_length_over_udp_costs_no_body() {
        for length in ["0", "5", "10", "12"] {
            let bytes = sent(&format!("{XML}Content-Length: {length}\r\n"), "<Notify/>\n");
            assert_eq!(body(datagram(&bytes)), "<Notify/>\n", "{length}");
        }
        assert_eq!(body(datagram(&sent(XML, "<a/>"))), "<a/>", "no length at all");
    }

    #[test]
    fn what_follows_the_body_of_a_datagram_is_ignored() {
        let padded = sent(&format!("{XML}l: 4\r\n"), "<a/>\0\0\r\n");
        assert_eq!(body(datagram(&padded)), "<a/>");
        let second = sent(&format!("{XML}l: 4\r\n"), "<a/>BYE sip:a@b SIP/2.0\r\n\r\n");
        assert_eq!(body(datagram(&second)), "<a/>");
        let answer = sent(&format!("{XML}l: 4\r\n"), "<a/>\r\nSIP/2.0 200 OK\r\n\r\n");
        assert_eq!(body(datagram(&answer)), "<a/>");
        assert_eq!(body(datagram(&sent("l: 0\r\n", "anything"))), "", "without Content-Type");
    }

    #[test]
    fn a_body_cut_short_is_answered_400() {
        let cut = sent(&format!("{XML}Content-Length: 20\r\n"), "<Notify><CmdTy");
        assert_eq!(refused(datagram(&cut)), (Fault::ContentLengthTooLarge, Some(400)));
        let huge = sent("Content-Length: 99999999999999999999999\r\n", "");
        assert_eq!(refused(datagram(&huge)), (Fault::ContentLengthTooLarge, Some(400)));
    }

    #[test]
    fn what_cannot_be_answered_is_not() {
        let rubbish = datagram(b"<Item>\n<DeviceID>3402</DeviceID>\n</Item>\n");
        assert_eq!(refused(rubbish), (Fault::StartLine, None), "a continuation without a head (Hikvision)");
        let ack = HEAD.replace("MESSAGE", "ACK") + "no colon\r\n\r\n";
        assert_eq!(refused(datagram(ack.as_bytes())), (Fault::HeaderLine, None));
    }

    #[test]
    fn there_is_a_limit_to_everything() {
        let many = "X: y\r\n".repeat(200);
        assert_eq!(refused(datagram(&sent(&many, ""))), (Fault::TooLarge, Some(513)));
        let long = format!("X: {}\r\n", "y".repeat(9000));
        assert_eq!(refused(datagram(&sent(&long, ""))), (Fault::TooLarge, Some(513)));
        let head = "X: yyyyyyyyyyyyyyyy\r\n".repeat(3000);
        assert_eq!(refused(datagram(&sent(&head, ""))), (Fault::TooLarge, Some(513)));
    }

    /// All messages that come when the bytes come in pieces of this size.
    fn decoded(bytes: &[u8], size: usize) -> Result<Vec<Framed>, ParseError> {
        let mut decoder = StreamDecoder::new();
        let mut messages = Vec::new();
        for piece in bytes.chunks(size) {
            decoder.push(piece);
            while let Some(message) = decoder.next_message()? {
                messages.push(message);
            }
        }
        assert!(decoder.is_idle(), "bytes are left over");
        Ok(messages)
    }

    fn stream() -> (Vec<u8>, Vec<Framed>) {
        let request = Request::new(Method::Message, "sip:a@b").with("Via", "SIP/2.0/TCP h");
        let long = request.clone().with_body("Application/MANSCDP+xml", "<a>\r\n\r\n</a>jaK\0");
        let answer = Response::new(200).with("Via", "SIP/2.0/TCP h");
        let bytes = [
            &b"\r\n\r\n"[..],
            &request.to_bytes(),
            &long.to_bytes(),
            b"jaK\0",
            &answer.to_bytes(),
            b"\r\n",
            &long.to_bytes(),
        ];
        let requests = [request, long.clone()].map(Message::Request);
        let rest = [Message::Response(answer), Message::Request(long)];
        (bytes.concat(), requests.into_iter().chain(rest).map(Framed::Message).collect())
    }

    #[test]
    fn a_stream_is_cut_the_same_however_it_comes() {
        let (bytes, expected) = stream();
        for size in 1..=bytes.len() {
            assert_eq!(decoded(&bytes, size).as_ref(), Ok(&expected), "pieces of {size}");
        }
    }

    #[test]
    fn a_message_without_body_needs_no_length_in_a_stream() {
        let bytes = [sent("", ""), sent("", "")].concat();
        assert_eq!(decoded(&bytes, 7).map(|messages| messages.len()), Ok(2));
    }

    #[test]
    fn a_stream_goes_on_after_a_message_that_is_only_wrong() {
        let wrong =
            String::from_utf8(sent("l: 3\r\n", "abc")).expect("text").replace("SIP/2.0\r", "SIP/3.0\r");
        let bytes = [wrong.into_bytes(), sent("l: 1\r\n", "x")].concat();
        let mut messages = decoded(&bytes, 50).expect("a whole stream");
        assert_eq!(messages.pop().map(body).as_deref(), Some("x"));
        assert_eq!(messages.pop().map(refused), Some((Fault::Version, Some(505))));
    }

    #[test]
    fn a_stream_that_lost_its_way_says_why() {
        let broken = |bytes: &[u8]| {
            let error = decoded(bytes, 1000).expect_err("a broken stream");
            (error.fault, error.reply.map(|reply| reply.status))
        };
        assert_eq!(broken(b"GET / HTTP/1.1\r\n\r\n"), (Fault::StartLine, None));
        assert_eq!(broken(&sent("Content-Length: -1\r\n", "")), (Fault::ContentLengthMalformed, Some(400)));
        assert_eq!(broken(&sent("l: 1\r\nl: 2\r\n", "")), (Fault::ContentLengthAmbiguous, Some(400)));
        assert_eq!(broken(&sent("l: 70000\r\n", "")), (Fault::TooLarge, Some(513)));
        assert_eq!(broken(&sent(XML, "<a/>")), (Fault::ContentLengthMissing, Some(400)));
        assert_eq!(broken(&[b'x'; 40_000]), (Fault::TooLarge, None));
    }
}

//! Where messages begin and end, in a datagram and in a stream.
//!
//! Between messages devices send what is no message: CRLF (RFC 5626 §4.4.1), and Hikvision the
//! four octets `jaK\0` to keep a NAT binding open. Both are passed over, wherever they stand.

use super::{
    message::{Message, ParseError},
    parse::{self, Fault, Head, MAX_HEAD, MAX_LINE, MAX_MESSAGE, is_message, is_padding},
    xml::Ending,
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
    framed(Message::parse(bytes))
}

/// A message that was read, or why it was not.
pub(super) fn framed(message: Result<Message, ParseError>) -> Framed {
    message.map_or_else(Framed::Refused, Framed::Message)
}

/// Cuts the bytes of one connection into messages, by Content-Length. Where that is missing, or cannot be
/// right for a body of XML, the end of the document counts.
///
/// After each [`StreamDecoder::push`], call [`StreamDecoder::next_message`] until it returns
/// `Ok(None)`: so the buffer never holds more than one message and one push.
#[derive(Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
    /// How far the buffer has been searched for the end of a head.
    searched: usize,
    waiting: Option<Waiting>,
    /// How much of a body that was longer than declared has been passed over, while that is what comes.
    astray: Option<usize>,
}

/// A head whose body has not come in full.
struct Waiting {
    head: Head,
    /// Where the body begins.
    body: usize,
    /// How long it is; none if only its XML can tell.
    length: Option<usize>,
    /// What tells the end of XML.
    ending: Option<Ending>,
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
        let Some(mut waiting) = self.waiting.take() else { return Ok(None) };
        let Some(length) = waiting.body_length(&self.buffer[waiting.body..]) else {
            if waiting.length.is_none() && self.buffer.len() > MAX_MESSAGE {
                return Err(waiting.head.refuse(Fault::ContentLengthMissing));
            }
            self.waiting = Some(waiting);
            return Ok(None);
        };
        let end = waiting.body + length;
        let message = framed(waiting.head.finish(&self.buffer[waiting.body..end]));
        self.buffer.drain(..end);
        Ok(Some(message))
    }

    /// Whether nothing has come of a further message: here a connection may end.
    pub fn is_idle(&self) -> bool {
        skip_noise(&self.buffer).is_empty()
    }

    fn next_head(&mut self) -> Result<Option<Waiting>, ParseError> {
        let noise = self.buffer.len() - skip_noise(&self.buffer).len();
        self.buffer.drain(..noise);
        let come = self.buffer.len();
        // No message begins so; a body that was declared too short goes on so.
        if self.buffer.starts_with(b"<") {
            self.astray.get_or_insert(0);
            self.searched = 0; // What has been searched is passed over.
        }
        if let Some(passed) = self.astray
            && !self.find_way()
        {
            let passed = passed + come - self.buffer.len();
            self.astray = Some(passed);
            // No message has such a rest.
            let endless = passed > MAX_MESSAGE;
            return if endless { Err(Head::read(&self.buffer).refuse(Fault::StartLine)) } else { Ok(None) };
        }
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
            Ok(Some(length)) if length > MAX_MESSAGE - body => Err(head.refuse(Fault::TooLarge)),
            Ok(length) => {
                let ending = head.is_xml().then(Ending::default);
                Ok(Some(Waiting { head, body, length, ending }))
            }
            Err(fault) => Err(head.refuse(fault)),
        }
    }

    /// Drops everything before the next start line; false if there is none yet.
    fn find_way(&mut self) -> bool {
        let mut from = 0;
        while let Some(line) = self.buffer[from..].iter().position(|&byte| byte == b'\n') {
            // It may stand right behind the last tag.
            let tag = self.buffer[from..from + line].iter().rposition(|&byte| byte == b'>');
            let start = from + tag.map_or(0, |tag| tag + 1);
            if is_message(&self.buffer[start..]) {
                self.buffer.drain(..start);
                self.astray = None;
                return true;
            }
            from += line + 1;
        }
        self.buffer.drain(..from);
        // What is longer than any start line is none.
        if self.buffer.len() > MAX_LINE {
            self.buffer.clear();
        }
        false
    }
}

impl Waiting {
    /// How long the body is, once it is there in full; `come` is what follows the head so far.
    fn body_length(&mut self, come: &[u8]) -> Option<usize> {
        let declared = self.length.filter(|length| *length <= come.len());
        let surplus = declared.map(|length| &come[length..]);
        if surplus.is_some_and(is_padding) {
            return declared;
        }
        let Some(end) = self.ending.as_mut().and_then(|ending| ending.find(come)) else { return declared };
        let next = skip_noise(&come[end..]);
        // Another message begins within the length that was declared.
        let over = self.length.is_some_and(|length| come.len() - next.len() < length) && is_message(next);
        match (self.length, surplus) {
            (Some(_), _) if over => Some(end),
            (Some(length), Some(surplus)) if is_message(surplus) => Some(length),
            (Some(length), Some(_)) => Some(end.max(length)),
            (Some(length), None) => {
                // Counted with CRLF, lines sent with LF (Hikvision): as much is missing as there are lines.
                let lines = come.iter().filter(|&&byte| byte == b'\n').count();
                (next.is_empty() && length - come.len() <= lines).then_some(end)
            }
            (None, _) => Some(end),
        }
    }
}

/// What follows the keep-alives and control bytes at the front.
pub(super) fn skip_noise(mut bytes: &[u8]) -> &[u8] {
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
        super::{
            message::{Method, Request, Response},
            parse::MAX_HEADERS,
        },
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

    fn trimmed(framed: Framed) -> String {
        body(framed).trim_end().to_owned()
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

    /// It was one of the lines counted where it stood last, as we write it.
    #[test]
    fn the_length_counts_for_no_line() {
        let full = "X: y\r\n".repeat(MAX_HEADERS - 5);
        assert_eq!(body(datagram(&sent(&format!("{full}Content-Length: 1\r\n"), "x"))), "x");
        let over = format!("{full}X: y\r\n");
        assert_eq!(refused(datagram(&sent(&over, ""))), (Fault::TooLarge, Some(513)));
    }

    /// It was read as part of the Request-URI, and written as a blank.
    #[test]
    fn a_start_line_has_no_cr_inside() {
        let bare = HEAD.replace("sip:a@b SIP", "sip:a\r@b SIP") + "\r\n";
        assert_eq!(refused(datagram(bare.as_bytes())), (Fault::StartLine, Some(400)));
        let doubled = HEAD.replacen("\r\n", "\r\r\n", 1) + "\r\n";
        assert_eq!(body(datagram(doubled.as_bytes())), "");
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

    /// A line that ends in a version was taken for the way back and searched for the end of its head. When it then
    /// turned out to begin with a tag, it was cut, but not what was known of the search: the decoder panicked, and
    /// SIP was over for everybody.
    #[test]
    fn a_way_that_is_found_twice_leads_on() {
        let bytes = b"<Name>\n<a long element >b SIP/2.0\r\nVia: h\r\n\r\n";
        for size in 1..=bytes.len() {
            let fault = decoded(bytes, size).map_err(|error| error.fault);
            assert_eq!(fault, Err(Fault::StartLine), "pieces of {size}");
        }
    }

    #[test]
    fn a_message_without_body_needs_no_length_in_a_stream() {
        let bytes = [sent("", ""), sent("", "")].concat();
        assert_eq!(decoded(&bytes, 7).map(|messages| messages.len()), Ok(2));
    }

    /// What can be done about a wrong length where nothing but the length says where the next message begins.
    #[test]
    fn a_wrong_length_in_a_stream_costs_no_body_of_xml() {
        let whole = "<?xml version=\"1.0\"?>\r\n<Notify>\r\n<SN>1</SN>\r\n</Notify>";
        let right = whole.len();
        let next = sent("l: 1\r\n", "x");
        for (story, length) in [
            ("none", String::new()),
            ("0", "l: 0\r\n".into()),
            ("too short", format!("l: {}\r\n", right - 20)),
            ("too long", format!("l: {}\r\n", right + 3)),
        ] {
            for between in ["", "\r\n", "\r\n\r\n\0jaK\0"] {
                let bytes = [sent(&format!("{XML}{length}"), whole), between.into(), next.clone()].concat();
                let bodies =
                    decoded(&bytes, bytes.len()).map(|messages| messages.into_iter().map(trimmed).collect());
                assert_eq!(bodies, Ok(vec![whole.to_owned(), "x".to_owned()]), "{story} {between:?}");
            }
        }
        // The last line has no end, and yet was counted so.
        let last = decoded(&sent(&format!("{XML}l: {}\r\n", right + 3), whole), 1);
        assert_eq!(
            last.map(|messages| messages.into_iter().map(trimmed).collect()),
            Ok(vec![whole.to_owned()])
        );
    }

    /// The end of a body that came too late to be its own costs that body, and not the connection.
    #[test]
    fn a_stream_finds_its_way_after_a_body_that_was_longer_than_declared() {
        let (begin, end) = ("<Notify><SN>1</SN>", "<Name>东</Name>\r\n</Notify>");
        let next = sent("l: 1\r\n", "x");
        for between in ["", "\r\n", "\n"] {
            let bytes = [
                sent(&format!("{XML}l: {}\r\n", begin.len()), begin),
                end.into(),
                between.into(),
                next.clone(),
            ];
            let bytes = bytes.concat();
            let bodies = decoded(&bytes, 1).map(|messages| messages.into_iter().map(trimmed).collect());
            assert_eq!(bodies, Ok(vec![begin.to_owned(), "x".to_owned()]), "{between:?}");
        }
    }

    #[test]
    fn two_documents_in_one_body_stay_together() {
        let both = "<Notify><SN>1</SN></Notify>\r\n<Notify><SN>2</SN></Notify>";
        let bytes = sent(&format!("{XML}l: {}\r\n", both.len()), both);
        let bodies =
            decoded(&bytes, bytes.len() - 5).map(|messages| messages.into_iter().map(trimmed).collect());
        assert_eq!(bodies, Ok(vec![both.to_owned()]));
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
        assert_eq!(broken(&sent("c: text/plain\r\n", "a")), (Fault::ContentLengthMissing, Some(400)));
        let endless = sent(XML, &"<a>".repeat(40_000));
        assert_eq!(broken(&endless), (Fault::ContentLengthMissing, Some(400)));
        assert_eq!(broken(&[b'x'; 40_000]), (Fault::TooLarge, None));
    }
}

//! SIP text as a device needs it: start line, headers, body (RFC 3261 §7), and framing on TCP (§18.3).
//!
//! Written apart from the gateway's own SIP code on purpose: two parties that share a parser share its
//! mistakes.

use std::fmt::Write as _;

/// One SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request or status line.
    pub start: Start,
    /// Header fields in the order of the wire, names as written.
    pub headers: Vec<(String, String)>,
    /// The body; its bytes may be in any charset.
    pub body: Vec<u8>,
}

/// The start line (RFC 3261 §7.1, §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A request line.
    Request {
        /// The method, upper case.
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// A status line.
    Response {
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
}

/// Bytes that are no SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The blank line after the headers is missing.
    #[error("the header section has no end")]
    NoEnd,
    /// The first line is neither a request line nor a status line.
    #[error("not a start line: {0:?}")]
    StartLine(String),
}

impl Message {
    /// A request with no headers yet.
    pub fn request(method: &str, uri: &str) -> Self {
        Self::new(Start::Request { method: method.to_owned(), uri: uri.to_owned() })
    }

    /// A response that repeats Via, From, To, Call-ID and CSeq of `request` (RFC 3261 §8.2.6.2).
    pub fn response(request: &Self, status: u16) -> Self {
        let mut response = Self::new(Start::Response { status, reason: reason(status).to_owned() });
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.all(name) {
                response.push(name, value);
            }
        }
        response
    }

    fn new(start: Start) -> Self {
        Self { start, headers: Vec::new(), body: Vec::new() }
    }

    /// Reads a datagram. The body is what Content-Length says, or the rest where it says too much or nothing.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        let (head, body) = split_head(datagram).ok_or(ParseError::NoEnd)?;
        let mut message = parse_head(head)?;
        let length = message.content_length().unwrap_or(body.len()).min(body.len());
        message.body = body[..length].to_vec();
        Ok(message)
    }

    /// The message as bytes, with a Content-Length that is right.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for (name, value) in
            self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"))
        {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The same message with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// The same message with a body and its Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.push("Content-Type", content_type);
        self.body = body;
        self
    }

    /// Gives the first header of that name another value, or adds the header.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.headers.iter_mut().find(|(other, _)| same_name(other, name)) {
            Some((_, old)) => *old = value.into(),
            None => self.push(name, value),
        }
    }

    /// The first header of that name, whatever its case or compact form.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| same_name(other, name)).map(|(_, value)| value.as_str())
    }

    /// All headers of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| same_name(other, name)).map(|(_, value)| value.as_str())
    }

    /// The method: of the request line, or for a response of its CSeq.
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq().map_or("", |(_, method)| method),
        }
    }

    /// The status of a response, `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The Request-URI, empty for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// The Call-ID, empty where there is none.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// Number and method of the CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(char::is_whitespace)?;
        Some((number.trim().parse().ok()?, method.trim()))
    }

    /// The branch of the topmost Via, empty where there is none.
    pub fn branch(&self) -> &str {
        self.header("Via").and_then(|via| param(via, "branch")).unwrap_or_default()
    }

    fn content_length(&self) -> Option<usize> {
        self.header("Content-Length")?.trim().parse().ok()
    }
}

/// Cuts a TCP byte stream into messages by Content-Length (RFC 3261 §18.3).
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, `None` until more is read. CRLFs between messages are keep-alives (RFC 5626).
    pub fn next_message(&mut self) -> Option<Result<Message, ParseError>> {
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.buffer.drain(..blank);
        let (head, rest) = split_head(&self.buffer)?;
        let parsed = parse_head(head);
        let wanted = parsed.as_ref().ok().and_then(Message::content_length).unwrap_or(0);
        if rest.len() < wanted {
            return None;
        }
        let start = self.buffer.len() - rest.len();
        let body = self.buffer[start..start + wanted].to_vec();
        self.buffer.drain(..start + wanted);
        Some(parsed.map(|message| Message { body, ..message }))
    }
}

/// A parameter after `;` in a header value, without its quotes. The part in `<…>` is not searched.
pub fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let after = value.rfind('>').map_or(value, |end| &value[end..]);
    after.split(';').skip(1).find_map(|piece| {
        let (key, text) = piece.split_once('=').unwrap_or((piece, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| text.trim().trim_matches('"'))
    })
}

/// The URI inside `<…>`, or the value up to its first `;`.
pub fn uri_of(value: &str) -> &str {
    match (value.find('<'), value.rfind('>')) {
        (Some(open), Some(close)) if open < close => &value[open + 1..close],
        _ => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// The user part of a SIP URI or of a header that holds one; empty where there is none.
pub fn user_of(value: &str) -> &str {
    let uri = uri_of(value);
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// The usual phrase for a status (RFC 3261 §21).
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        415 => "Unsupported Media Type",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Unknown",
    }
}

fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = |mark: &[u8]| {
        bytes.windows(mark.len()).position(|window| window == mark).map(|at| (at, at + mark.len()))
    };
    let (head, body) = match (end(b"\r\n\r\n"), end(b"\n\n")) {
        (Some(crlf), Some(lf)) => crlf.min(lf),
        (Some(found), None) | (None, Some(found)) => found,
        (None, None) => return None,
    };
    Some((&bytes[..head], &bytes[body..]))
}

fn parse_head(head: &[u8]) -> Result<Message, ParseError> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let mut message = Message::new(parse_start(lines.next().unwrap_or_default())?);
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = message.headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            message.push(name.trim(), value.trim());
        }
    }
    Ok(message)
}

fn parse_start(line: &str) -> Result<Start, ParseError> {
    let refused = || ParseError::StartLine(line.chars().take(60).collect());
    let mut words = line.splitn(3, ' ');
    let (Some(first), Some(second), third) = (words.next(), words.next(), words.next()) else {
        return Err(refused());
    };
    if first == "SIP/2.0" {
        let status = second.parse().map_err(|_| refused())?;
        return Ok(Start::Response { status, reason: third.unwrap_or_default().to_owned() });
    }
    if third.is_none_or(|version| version.trim() != "SIP/2.0") {
        return Err(refused());
    }
    Ok(Start::Request { method: first.to_owned(), uri: second.to_owned() })
}

fn same_name(written: &str, name: &str) -> bool {
    written.eq_ignore_ascii_case(name)
        || compact(name).is_some_and(|short| written.eq_ignore_ascii_case(short))
}

fn compact(name: &str) -> Option<&'static str> {
    const FORMS: [(&str, &str); 8] = [
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Content-Length", "l"),
        ("Content-Type", "c"),
        ("From", "f"),
        ("Subject", "s"),
        ("To", "t"),
        ("Via", "v"),
    ];
    FORMS.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|(_, short)| *short)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:34020000001320000001@127.0.0.1:5060 SIP/2.0\r\n\
        v: SIP/2.0/UDP 127.0.0.1:5061;rport;branch=z9hG4bK1\r\n\
        From: \"a;b\" <sip:1@x;tag=no>;tag=yes\r\n\
        t: <sip:2@x>\r\n\
        i: abc\r\n\
        CSeq: 7 INVITE\r\n\
        Content-Length: 4\r\n\r\nbody";

    #[test]
    fn a_request_is_taken_apart() {
        let message = Message::parse(INVITE).unwrap();
        assert_eq!(message.method(), "INVITE");
        assert_eq!(user_of(message.uri()), "34020000001320000001");
        assert_eq!(message.call_id(), "abc");
        assert_eq!(message.branch(), "z9hG4bK1");
        assert_eq!(message.cseq(), Some((7, "INVITE")));
        assert_eq!(param(message.header("From").unwrap(), "tag"), Some("yes"));
        assert_eq!(message.body, b"body");
    }

    #[test]
    fn a_message_survives_writing_and_reading() {
        let request = Message::parse(INVITE).unwrap();
        let response = Message::response(&request, 486).with_body("text/plain", b"no".to_vec());
        let back = Message::parse(&response.to_bytes()).unwrap();
        assert_eq!(back.status(), Some(486));
        assert_eq!(back.method(), "INVITE");
        assert_eq!(back.body, b"no");
        assert_eq!(back.header("Via"), request.header("v"));
    }

    #[test]
    fn rubbish_is_refused() {
        assert_eq!(Message::parse(b"jaK\0"), Err(ParseError::NoEnd));
        assert_eq!(Message::parse(b"hello\r\n\r\n"), Err(ParseError::StartLine("hello".to_owned())));
    }

    #[test]
    fn a_byte_stream_is_cut_wherever_it_was_split() {
        let mut wire = b"\r\n\r\n".to_vec();
        wire.extend_from_slice(INVITE);
        wire.extend_from_slice(INVITE);
        let mut framer = Framer::default();
        let mut bodies = Vec::new();
        for byte in wire {
            framer.push(&[byte]);
            while let Some(message) = framer.next_message() {
                bodies.push(message.unwrap().body);
            }
        }
        assert_eq!(bodies, [b"body".to_vec(), b"body".to_vec()]);
    }
}

//! SIP messages: requests and responses as bytes and as values.
//!
//! `parse` reads them, `headers` and `fields` hold and explain the header fields, `validate` says
//! what is owed to a request that reads well but asks for what cannot be. rsip stands behind this
//! file alone: it knows the register of status codes. It does not read or write messages for us:
//! it passes bodies through lossy UTF-8, ignores Content-Length, leaves compact names unnamed
//! and takes longer than the whole answer may.

use std::{
    borrow::Cow, convert::Infallible, fmt, hash::BuildHasher, hash::RandomState, net::SocketAddr,
    str::FromStr, sync::LazyLock,
};

use super::{header_name::Name, headers::Headers, parse, peer::Peer, uri::Uri, via};

pub use super::parse::{Fault, MAX_HEAD, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, ParseError};

/// The version that every message names.
const VERSION: &str = "SIP/2.0";

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Confirms the final answer to an INVITE.
    Ack,
    /// Ends a dialog.
    Bye,
    /// Withdraws an INVITE that is not answered yet.
    Cancel,
    /// Carries MANSRTSP, the control of a playback (RFC 6086).
    Info,
    /// Opens a stream.
    Invite,
    /// Carries MANSCDP: keepalives, queries, answers, commands (RFC 3428).
    Message,
    /// Carries what a subscription asked for (RFC 6665).
    Notify,
    /// Asks what the peer can do.
    Options,
    /// Registers, refreshes, or takes a registration back.
    Register,
    /// Asks for events (RFC 6665).
    Subscribe,
    /// Changes a session before it is answered (RFC 3311).
    Update,
    /// Anything else, as it was written: methods know upper from lower case.
    Other(String),
}

impl Method {
    /// The method as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Update => "UPDATE",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(match name {
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "INFO" => Self::Info,
            "INVITE" => Self::Invite,
            "MESSAGE" => Self::Message,
            "NOTIFY" => Self::Notify,
            "OPTIONS" => Self::Options,
            "REGISTER" => Self::Register,
            "SUBSCRIBE" => Self::Subscribe,
            "UPDATE" => Self::Update,
            other => Self::Other(other.to_owned()),
        })
    }
}

/// One SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Somebody asks.
    Request(Request),
    /// Somebody answers.
    Response(Response),
}

impl Message {
    /// Reads one datagram: everything after the head is body, unless Content-Length says less
    /// and is believed. Keep-alive bytes in front are `framing`'s business.
    pub fn parse(datagram: &[u8]) -> Result<Self, ParseError> {
        parse::datagram(datagram)
    }

    /// The header fields of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body of either kind, as it came.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The message as it goes onto the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI as it was sent.
    pub uri: String,
    /// The header fields, without Content-Length.
    pub headers: Headers,
    /// The body, byte for byte: its charset is its reader's business.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::new(), body: Vec::new() }
    }

    /// The same with one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }

    /// The same with a body and its Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.set("Content-Type", content_type);
        self.body = body.into();
        self
    }

    /// User part of the Request-URI: in GB28181 the id that is meant.
    pub fn uri_user(&self) -> Option<&str> {
        Uri::parse(&self.uri)?.user
    }

    /// Writes onto the topmost Via where the packet came from (RFC 3581 §4), so that every
    /// answer made from this request says so too.
    pub fn note_source(&mut self, source: SocketAddr) {
        note_source(&mut self.headers, source);
    }

    /// The answer with `status`: Via, From, To, Call-ID and CSeq as they came, and a To tag if
    /// there is none and the answer is final or opens a dialog (RFC 3261 §8.2.6.2). The tag is
    /// the same each time one request is answered.
    pub fn respond(&self, status: u16) -> Response {
        let mut headers = Headers::for_answer_to(&self.headers);
        headers.received = self.headers.received;
        for name in [Name::VIA, Name::FROM, Name::TO, Name::CALL_ID, Name::CSEQ] {
            let there = headers.take_over(&self.headers, name);
            if there && name == Name::TO && status > 100 && self.headers.to_tag().is_none() {
                headers.extend_last(format_args!(";tag={:016x}", self.local_tag()));
            }
        }
        Response { status, reason: reason(status), headers, body: Vec::new() }
    }

    /// The request as it goes onto the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = [self.method.as_str(), " ", &self.uri, " ", VERSION];
        write(&start, &self.headers, &self.body)
    }

    /// Our tag for this request: nobody outside can foretell it (RFC 3261 §19.3).
    fn local_tag(&self) -> u64 {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        KEY.hash_one((self.headers.call_id(), self.headers.from_tag(), self.headers.cseq()))
    }
}

/// An answer (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// What the status means, for people.
    pub reason: Cow<'static, str>,
    /// The header fields, without Content-Length.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without header fields and body, with the usual reason phrase.
    pub fn new(status: u16) -> Self {
        Self { status, reason: reason(status), headers: Headers::new(), body: Vec::new() }
    }

    /// The same with one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }

    /// The same with a body and its Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.set("Content-Type", content_type);
        self.body = body.into();
        self
    }

    /// The same with a reason phrase of our own.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// As [`Request::note_source`], for an answer to what could not be read as a request.
    pub fn note_source(&mut self, source: SocketAddr) {
        note_source(&mut self.headers, source);
    }

    /// The answer as it goes onto the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let status = self.status.to_string();
        let start = [VERSION, " ", &status, " ", &self.reason];
        write(&start, &self.headers, &self.body)
    }
}

fn note_source(headers: &mut Headers, source: SocketAddr) {
    if let Some(line) = headers.first(Name::VIA) {
        let line = via::with_source(line, source);
        headers.replace_first(Name::VIA, &line);
    }
}

/// How many bytes may go to `peer` in answer to `asked` bytes; none: any number. No datagram is answered with more than
/// twice its own length, since its source may be forged, and what we send would hit whoever is there.
pub(super) fn longest_answer(peer: Peer, asked: Option<u32>) -> Option<usize> {
    asked.filter(|_| !peer.is_reliable()).map(|asked| 2 * asked as usize)
}

/// Start line, header lines, the true Content-Length, body.
fn write(start: &[&str], headers: &Headers, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let fields = || headers.iter().filter(|(name, _)| *name != "Content-Length");
    let lines: usize = fields().map(|(name, value)| name.len() + value.len() + 4).sum();
    let first: usize = start.iter().map(|piece| piece.len()).sum();
    // Exactly what it takes: answers are kept, and `Bytes` takes such a buffer over as it is.
    let mut bytes = Vec::with_capacity(first + lines + length.len() + body.len() + 22);
    for piece in start {
        bytes.extend_from_slice(piece.as_bytes());
    }
    let breaks = bytes.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n'));
    breaks.for_each(|byte| *byte = b' ');
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in fields() {
        for piece in [name, ": ", value, "\r\n"] {
            bytes.extend_from_slice(piece.as_bytes());
        }
    }
    for piece in [&b"Content-Length: "[..], length.as_bytes(), b"\r\n\r\n", body] {
        bytes.extend_from_slice(piece);
    }
    bytes
}

/// The reason phrase of a status. rsip writes `NotFound`; people read `Not Found`.
fn reason(status: u16) -> Cow<'static, str> {
    match status {
        // Nearly every answer: not worth a detour.
        200 => return "OK".into(),
        401 => return "Unauthorized".into(),
        _ => {}
    }
    let known = rsip::StatusCode::from(status).to_string();
    let joined = known.split_once(' ').map_or("", |(_, name)| name);
    let mut phrase = String::with_capacity(joined.len() + 4);
    let mut after_lower = false;
    for letter in joined.chars() {
        if after_lower && letter.is_uppercase() {
            phrase.push(' ');
        }
        after_lower = letter.is_lowercase();
        phrase.push(letter);
    }
    phrase.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> Request {
        Request::new(Method::Register, "sip:34020000002000000001@3402000000")
            .with("Via", "SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1")
            .with("Via", "SIP/2.0/UDP 10.0.0.2")
            .with("From", "<sip:34020000001320000001@3402000000>;tag=1")
            .with("To", "<sip:34020000001320000001@3402000000>")
            .with("Call-ID", "c@d")
            .with("CSeq", "7 REGISTER")
            .with("Contact", "<sip:34020000001320000001@10.0.0.1:5060>;expires=60")
            .with("User-Agent", "IP Camera")
    }

    /// The text of an answer, with `<tag>` for our own.
    fn text(response: &Response) -> String {
        let tag = response.headers.to_tag().unwrap_or_default().to_owned();
        let text = String::from_utf8(response.to_bytes()).expect("text");
        if tag.is_empty() { text } else { text.replace(&tag, "<tag>") }
    }

    #[test]
    fn an_answer_takes_over_what_names_the_transaction() {
        let mut register = register();
        register.note_source("203.0.113.9:40000".parse().expect("an address"));
        let answer = register.respond(401).with("Date", "2026-11-22T10:00:00.000");
        assert_eq!(
            text(&answer),
            "SIP/2.0 401 Unauthorized\r\n\
            Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;received=203.0.113.9;rport=40000\r\n\
            Via: SIP/2.0/UDP 10.0.0.2\r\n\
            From: <sip:34020000001320000001@3402000000>;tag=1\r\n\
            To: <sip:34020000001320000001@3402000000>;tag=<tag>\r\n\
            Call-ID: c@d\r\n\
            CSeq: 7 REGISTER\r\n\
            Date: 2026-11-22T10:00:00.000\r\n\
            Content-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn the_to_tag_is_one_for_each_request_and_none_for_100() {
        let register = register();
        assert_eq!(register.respond(100).headers.to_tag(), None);
        assert_eq!(register.respond(401), register.respond(401));
        let mut next = register.clone();
        next.headers.set("CSeq", "8 REGISTER");
        assert_ne!(register.respond(200).headers.to_tag(), next.respond(200).headers.to_tag());
        next.headers.set("To", "<sip:a@b>;tag=theirs");
        assert_eq!(next.respond(200).headers.to_tag(), Some("theirs"));
    }

    #[test]
    fn the_fields_say_what_they_say() {
        let Request { headers, .. } = register();
        assert_eq!(headers.call_id(), Some("c@d"));
        assert_eq!(headers.cseq().map(|cseq| (cseq.number, cseq.method)), Some((7, Method::Register)));
        assert_eq!(headers.from_user(), Some("34020000001320000001"));
        assert_eq!((headers.from_tag(), headers.to_tag()), (Some("1"), None));
        assert_eq!(headers.via_branch(), Some("z9hG4bK1"));
        assert_eq!(headers.contact_uri(), Some("sip:34020000001320000001@10.0.0.1:5060"));
        assert_eq!((headers.expires(), headers.max_forwards()), (Some(60), None));
        assert_eq!(register().uri_user(), Some("34020000002000000001"));
        assert_eq!(register().with("Expires", "0").headers.expires(), Some(0), "the header comes first");
        assert_eq!(register().with("Expires", "99999999999").headers.expires(), Some(u32::MAX));
    }

    #[test]
    fn a_body_keeps_its_bytes_and_gets_its_length() {
        let gbk = b"<Name>\xc9\xe3\xcf\xf1\xcd\xb7\0</Name>";
        let sent = register().with("Content-Length", "1").with_body("Application/MANSCDP+xml", *gbk);
        let bytes = sent.to_bytes();
        assert!(bytes.ends_with(&[b"Content-Length: 20\r\n\r\n", &gbk[..]].concat()));
        let read = Message::parse(&bytes).expect("our own message");
        assert_eq!(read.body(), gbk);
    }

    #[test]
    fn a_head_in_gbk_is_read_as_such() {
        let bytes = b"BYE sip:a@b SIP/2.0\nf:\xc9\xe3\xcf\xf1\xcd\xb7<sip:1@2>;tag=x\nsubject : a\n  b\n\n";
        let message = Message::parse(bytes).expect("a message");
        let lines: Vec<_> = message.headers().iter().collect();
        assert_eq!(lines, [("From", "摄像头<sip:1@2>;tag=x"), ("Subject", "a   b")]);
    }

    #[test]
    fn nothing_breaks_the_start_line() {
        let answer = Response::new(403).with_reason("no\r\nVia: x");
        assert!(answer.to_bytes().starts_with(b"SIP/2.0 403 no  Via: x\r\n"));
    }

    #[test]
    fn reasons_are_for_people() {
        let reasons = [100, 200, 401, 404, 481, 486, 501, 503, 299].map(reason);
        let expected = [
            "Trying",
            "OK",
            "Unauthorized",
            "Not Found",
            "Call Transaction Does Not Exist",
            "Busy Here",
            "Not Implemented",
            "Service Unavailable",
            "Other",
        ];
        assert_eq!(reasons, expected);
    }

    /// Somebody else's parser reads what we write, and finds the same in it.
    #[test]
    fn rsip_reads_what_we_write() {
        let ours = register().with_body("Application/MANSCDP+xml", "<Notify/>");
        let theirs = rsip::Request::try_from(ours.to_bytes()).expect("a request");
        assert_eq!(theirs.method.to_string(), ours.method.as_str());
        assert_eq!(theirs.uri.to_string(), ours.uri);
        assert_eq!(theirs.body, ours.body);
        let lines: Vec<_> = theirs.headers.iter().map(ToString::to_string).collect();
        let mut expected: Vec<_> =
            ours.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        expected.push("Content-Length: 9".to_owned());
        assert_eq!(lines, expected);

        let answer = ours.respond(200);
        let theirs = rsip::Response::try_from(answer.to_bytes()).expect("a response");
        assert_eq!(
            (theirs.status_code.code(), theirs.headers.iter().count()),
            (200, answer.headers.len() + 1)
        );
    }
}

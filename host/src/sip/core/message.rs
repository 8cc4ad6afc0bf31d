//! SIP messages: requests and responses as bytes and as values.
//!
//! `parse` reads them, `headers` and `fields` hold and explain the header fields, `validate` says
//! what is owed to a request that reads well but asks for what cannot be. rsip stands behind this
//! file alone: it knows the register of status codes. It does not read or write messages for us:
//! it passes bodies through lossy UTF-8, ignores Content-Length, leaves compact names unnamed
//! and takes longer than the whole answer may.

use std::{
    convert::Infallible, fmt, hash::BuildHasher, hash::RandomState, net::SocketAddr, str::FromStr,
    sync::LazyLock,
};

use super::{headers::Headers, parse, uri::Uri, via};

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
    /// and is believed (see [`parse`]). Keep-alive bytes in front are `framing`'s business.
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
        let mut response = Response::new(status);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            self.headers.all(name).for_each(|value| response.headers.push(name, value));
        }
        if status > 100 && self.headers.to_tag().is_none() {
            response.tag(&self.local_tag());
        }
        response
    }

    /// The request as it goes onto the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = [self.method.as_str(), " ", &self.uri, " ", VERSION];
        write(&start, &self.headers, &self.body)
    }

    /// Our tag for this request: nobody outside can foretell it (RFC 3261 §19.3).
    fn local_tag(&self) -> String {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let origin = (self.headers.call_id(), self.headers.from_tag(), self.headers.cseq());
        format!("{:016x}", KEY.hash_one(origin))
    }
}

/// An answer (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// What the status means, for people.
    pub reason: String,
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
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
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

    fn tag(&mut self, tag: &str) {
        if let Some(to) = self.headers.get("To") {
            let to = format!("{to};tag={tag}");
            self.headers.replace_first("To", &to);
        }
    }
}

fn note_source(headers: &mut Headers, source: SocketAddr) {
    if let Some(line) = headers.get("Via") {
        let line = via::with_source(line, source);
        headers.replace_first("Via", &line);
    }
}

/// Start line, header lines, the true Content-Length, body.
fn write(start: &[&str], headers: &Headers, body: &[u8]) -> Vec<u8> {
    let lines: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut bytes = Vec::with_capacity(lines + body.len() + 128);
    for piece in start {
        bytes.extend(piece.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    }
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        for piece in [name, ": ", value, "\r\n"] {
            bytes.extend_from_slice(piece.as_bytes());
        }
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The reason phrase of a status. rsip writes `NotFound`; people read `Not Found`.
fn reason(status: u16) -> String {
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
    phrase
}

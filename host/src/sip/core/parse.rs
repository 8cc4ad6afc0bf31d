//! From bytes to a message.
//!
//! Refused is only what cannot be framed: no start line, another version, a body that is not
//! there, too much of anything. Whatever else is wrong with a request is `validate`'s business,
//! which can name the status that is due. Even a refusal carries its answer where the request
//! says enough to be answered.
//!
//! What cameras do and we bear: bare LF, folded lines, compact names, odd case, headers in GBK
//! (TD-Tech), a wrong Content-Length over UDP (Hikvision), no blank line at the end.

use std::{borrow::Cow, error, fmt};

use memchr::memchr;

use super::{
    header_name::Name,
    headers::Headers,
    message::{Message, Method, Request, Response},
    text::{cut, has_any, trim},
    xml::Ending,
};

/// Most bytes that one message may have: what a UDP datagram can carry.
pub const MAX_MESSAGE: usize = 65_535;
/// Most bytes of start line and header fields together.
pub const MAX_HEAD: usize = 32 * 1024;
/// Most header fields besides Content-Length; the longest in RFC 4475 has 34.
pub const MAX_HEADERS: usize = 128;
/// Most bytes of one line.
pub const MAX_LINE: usize = 8 * 1024;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are several Content-Length fields and they disagree.
    #[error("several Content-Length fields disagree")]
    ContentLengthAmbiguous,
    /// Content-Length is not a number.
    #[error("Content-Length is not a number")]
    ContentLengthMalformed,
    /// A message in a stream has a Content-Type but does not say how long its body is.
    #[error("Content-Length is missing from a message in a stream")]
    ContentLengthMissing,
    /// Content-Length promises more body than there is.
    #[error("the body is shorter than Content-Length says")]
    ContentLengthTooLarge,
    /// A header line has no name or no colon.
    #[error("a header line has no name or no colon")]
    HeaderLine,
    /// The start line is neither a request line nor a status line.
    #[error("the start line is neither a request line nor a status line")]
    StartLine,
    /// A status is not a number from 100 to 699.
    #[error("the status is not between 100 and 699")]
    Status,
    /// There is more of something than we take.
    #[error("the message has more bytes, lines or longer lines than are taken")]
    TooLarge,
    /// The version of SIP is not 2.0.
    #[error("the version of SIP is not 2.0")]
    Version,
}

impl Fault {
    /// The status that a request with this fault is owed.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 513,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Why bytes are no message, and what to say to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// The answer: none to a response, an ACK, or bytes without Via, From, To, Call-ID and CSeq.
    pub reply: Option<Box<Response>>,
}

impl error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

/// Reads one datagram.
pub(super) fn datagram(bytes: &[u8]) -> Result<Message, ParseError> {
    let (head, rest) = split(bytes);
    head.finish_datagram(rest)
}

/// The head of a datagram, and what follows it.
pub(super) fn split(bytes: &[u8]) -> (Head, &[u8]) {
    let (head, rest) = bytes.split_at(head_end(bytes, 0).unwrap_or(bytes.len()));
    (Head::read(head), rest)
}

/// Where the head ends, behind its blank line, which does not end before `from`; `None` if there
/// is none yet.
pub(super) fn head_end(bytes: &[u8], mut from: usize) -> Option<usize> {
    while let Some(feed) = memchr(b'\n', &bytes[from..]) {
        from += feed + 1;
        match bytes[from..] {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
    None
}

/// Start line and header fields, read as far as they go. The first fault is kept until the body
/// is known, so that a stream can pass over what belongs to a message that it refuses.
#[derive(Debug)]
pub(super) struct Head {
    start: Result<Start, Fault>,
    headers: Headers,
    length: Result<Option<usize>, Fault>,
    fault: Option<Fault>,
    answerable: bool,
}

#[derive(Debug)]
enum Start {
    Request(Method, String),
    Response(u16, String),
}

impl Head {
    /// Reads everything up to the body.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = decode(&bytes[..bytes.len().min(MAX_HEAD)]);
        let (start, fields) = text.split_once('\n').unwrap_or((&text, ""));
        let start = start.trim_end_matches('\r');
        let mut head = Self {
            start: start_line(start),
            headers: Headers::with_capacity(fields.len()),
            length: Ok(None),
            fault: (bytes.len() > MAX_HEAD || start.len() > MAX_LINE).then_some(Fault::TooLarge),
            answerable: !is_response(start) && !start.starts_with("ACK "),
        };
        head.read_fields(fields);
        head.headers.received = u32::try_from(bytes.len()).ok();
        head
    }

    /// How long the body is that follows in a stream, none if only its XML can tell; an error if
    /// nothing can, or if what was read does not look as if it began where a message begins.
    pub(super) fn body_in_stream(&self) -> Result<Option<usize>, Fault> {
        if let Err(Fault::StartLine) = self.start {
            return Err(Fault::StartLine);
        }
        match (self.fault, self.length?) {
            (Some(Fault::TooLarge), _) => Err(Fault::TooLarge),
            (_, Some(length)) => Ok(Some(length)),
            (_, None) if self.is_xml() => Ok(None),
            (_, None) if self.headers.content_type().is_some() => Err(Fault::ContentLengthMissing),
            (_, None) => Ok(Some(0)),
        }
    }

    /// Whether the body says by itself where it ends.
    pub(super) fn is_xml(&self) -> bool {
        self.headers.content_type().is_some_and(|kind| kind.to_ascii_lowercase().contains("xml"))
    }

    /// Whether Content-Length says that the body has so many bytes.
    pub(super) fn has_length(&self, bytes: usize) -> bool {
        self.length == Ok(Some(bytes))
    }

    /// If a datagram's `rest` can only be the beginning of the body: what tells its end. That is XML
    /// whose root stays open, and which has another length than was declared.
    pub(super) fn unfinished(&self, rest: &[u8]) -> Option<Ending> {
        let request = matches!(self.start, Ok(Start::Request(..))) && self.fault.is_none();
        let declared = self.length.ok()?;
        let complete =
            declared == Some(rest.len()) || is_padding(rest) && declared.unwrap_or(0) <= rest.len();
        if !request || complete || !self.is_xml() {
            return None;
        }
        let mut ending = Ending::default();
        ending.find(rest).is_none().then_some(ending)
    }

    /// The message of a datagram, of which `rest` follows the head.
    pub(super) fn finish_datagram(self, rest: &[u8]) -> Result<Message, ParseError> {
        match self.body_of_datagram(rest) {
            Ok(body) => self.finish(body),
            Err(fault) => Err(self.refuse(fault)),
        }
    }

    /// The message with its body, or the first fault there was.
    pub(super) fn finish(mut self, body: &[u8]) -> Result<Message, ParseError> {
        let body = body.to_vec();
        let received = self.headers.received.zip(u32::try_from(body.len()).ok());
        self.headers.received = received.map(|(head, body)| head.saturating_add(body));
        match (std::mem::replace(&mut self.start, Err(Fault::StartLine)), self.fault) {
            (Ok(Start::Request(method, uri)), None) => {
                Ok(Message::Request(Request { method, uri, headers: self.headers, body }))
            }
            (Ok(Start::Response(status, reason)), None) => {
                let reason = reason.into();
                Ok(Message::Response(Response { status, reason, headers: self.headers, body }))
            }
            (Err(fault), _) | (Ok(_), Some(fault)) => Err(self.refuse(fault)),
        }
    }

    /// The error for `fault`, with the answer that is owed if this can be answered at all.
    pub(super) fn refuse(self, fault: Fault) -> ParseError {
        let needed = ["Via", "From", "To", "Call-ID", "CSeq"];
        let answerable = self.answerable && needed.iter().all(|name| self.headers.get(name).is_some());
        let request = Request { headers: self.headers, ..Request::new(Method::Options, "") };
        ParseError { fault, reply: answerable.then(|| Box::new(request.respond(fault.status()))) }
    }

    /// What of a datagram's rest is the body; Content-Length is often wrong.
    ///
    /// A message that has a Content-Type and too small a length takes everything, unless what is
    /// left over is padding or another message (Hikvision: `Content-Length: 0` before a body).
    /// One whose XML is complete may be shorter than declared (Hikvision: lengths counted with
    /// CRLF, lines sent with LF). Otherwise RFC 3261 §18.3 holds.
    fn body_of_datagram<'a>(&self, rest: &'a [u8]) -> Result<&'a [u8], Fault> {
        let Some(length) = self.length? else {
            return Ok(rest);
        };
        let Some((body, surplus)) = rest.split_at_checked(length) else {
            let whole = self.is_xml() && rest.trim_ascii_end().ends_with(b">");
            return if whole { Ok(rest) } else { Err(Fault::ContentLengthTooLarge) };
        };
        let typed = self.headers.content_type().is_some();
        let ours = typed && !is_padding(surplus) && !is_message(surplus);
        Ok(if ours { rest } else { body })
    }

    fn read_fields(&mut self, mut fields: &str) {
        while !fields.is_empty() {
            let (line, rest) = fields.split_at(field_end(fields));
            fields = rest;
            let line = trim(line);
            if !line.is_empty()
                && let Err(fault) = self.read_field(line)
            {
                self.fault.get_or_insert(fault);
            }
        }
    }

    fn read_field(&mut self, line: &str) -> Result<(), Fault> {
        if line.len() > MAX_LINE {
            return Err(Fault::TooLarge);
        }
        let (name, value) = cut(line, b':').ok_or(Fault::HeaderLine)?;
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() || has_any(name, b" \t\r\n") {
            return Err(Fault::HeaderLine);
        }
        let name = Name::of(name);
        if name == Name::CONTENT_LENGTH {
            self.length = content_length(self.length, value);
        } else if self.headers.len() == MAX_HEADERS {
            return Err(Fault::TooLarge);
        } else {
            self.headers.append(name, value);
        }
        Ok(())
    }
}

/// The head as text: UTF-8 if it is that, else GB18030, in which GB2312 and GBK are contained.
fn decode(head: &[u8]) -> Cow<'_, str> {
    str::from_utf8(head)
        .map_or_else(|_| encoding_rs::GB18030.decode_without_bom_handling(head).0, Cow::Borrowed)
}

fn is_response(start: &str) -> bool {
    start.get(..4).is_some_and(|protocol| protocol.eq_ignore_ascii_case("SIP/"))
}

/// Reads a request line or a status line (RFC 3261 §7.1, §7.2). Blanks within the Request-URI
/// are kept for `validate` to find; a CR within the line is no blank, and could not be written.
fn start_line(line: &str) -> Result<Start, Fault> {
    if memchr(b'\r', line.as_bytes()).is_some() {
        return Err(Fault::StartLine);
    }
    if is_response(line) {
        let (version, rest) = cut(line, b' ').ok_or(Fault::StartLine)?;
        check_version(version)?;
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        return Ok(Start::Response(status_code(status)?, reason.to_owned()));
    }
    let (method, rest) = cut(line, b' ').ok_or(Fault::StartLine)?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(Fault::StartLine)?;
    check_version(version)?;
    if method.is_empty() || uri.is_empty() {
        return Err(Fault::StartLine);
    }
    let Ok(method) = method.parse();
    Ok(Start::Request(method, uri.to_owned()))
}

fn check_version(text: &str) -> Result<(), Fault> {
    if text.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(());
    }
    Err(if is_response(text) { Fault::Version } else { Fault::StartLine })
}

fn status_code(text: &str) -> Result<u16, Fault> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|status| digits && (100..700).contains(status));
    status.ok_or(Fault::Status)
}

/// Where the field that begins here ends: behind the first line break that no blank follows.
fn field_end(fields: &str) -> usize {
    let bytes = fields.as_bytes();
    let mut from = 0;
    while let Some(feed) = memchr(b'\n', &bytes[from..]) {
        from += feed + 1;
        if !matches!(bytes.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    fields.len()
}

/// The declared length after one more field has been read.
fn content_length(before: Result<Option<usize>, Fault>, value: &str) -> Result<Option<usize>, Fault> {
    let before = before?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::ContentLengthMalformed);
    }
    let length = value.parse().unwrap_or(usize::MAX);
    match before {
        Some(other) if other != length => Err(Fault::ContentLengthAmbiguous),
        _ => Ok(Some(length)),
    }
}

/// Whether this is nothing but blanks and NULs.
pub(super) fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

/// Whether a message begins here.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    const VERSION: &[u8] = b"SIP/2.0";
    let line = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let is_version = |bytes: &[u8]| bytes.eq_ignore_ascii_case(VERSION);
    let mut words = line.trim_ascii_end().split(|&byte| byte == b' ');
    let first = words.next().is_some_and(is_version);
    words.next_back().is_some_and(|last| first || is_version(last))
}

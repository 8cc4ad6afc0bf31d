//! What is owed to a message that reads well and still cannot be served.
//!
//! `parse` refuses only what it cannot frame, so that everything else can be answered with the
//! status that RFC 3261 §8.2 and §21.4 name for it. What devices are known to do wrong and still
//! mean well is let through: no tag in From, no Max-Forwards, an ACK whose CSeq says INVITE,
//! display names without quotes, a Date in GB form.

use super::{
    header_name::Name,
    headers::Headers,
    message::{Method, Request, Response},
    text::{cut, find, has_any, is_token, split},
    uri::{Address, Uri},
    via::Via,
};

/// The body that we understand in an INVITE, and offer.
const SDP: &str = "application/sdp";
/// The branch that says nothing but that its maker knows RFC 3261 (§8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// Why a message is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The INVITE accepts no answer that we could give.
    #[error("application/sdp is not acceptable to the caller")]
    Accept,
    /// The INVITE's body is nothing that we understand.
    #[error("the body of the INVITE is not application/sdp")]
    ContentType,
    /// CSeq names another method than the request line.
    #[error("CSeq names another method than the request line")]
    CseqMethod,
    /// A field cannot be read.
    #[error("{0} cannot be read")]
    Malformed(&'static str),
    /// The method is unknown.
    #[error("the method is unknown")]
    Method,
    /// A field that every message must have is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field stands there several times that may stand only once.
    #[error("{0} stands there several times")]
    Repeated(&'static str),
    /// The request requires extensions, all of which are unknown to us.
    #[error("unknown extensions are required: {0}")]
    Require(String),
    /// The Request-URI is neither sip nor sips.
    #[error("the Request-URI has an unknown scheme")]
    Scheme,
}

impl Flaw {
    /// The status that the sender of the request is owed. A response with a flaw is dropped, and
    /// so is an ACK.
    pub fn status(&self) -> u16 {
        match self {
            Self::Accept => 406,
            Self::ContentType => 415,
            Self::CseqMethod | Self::Malformed(_) | Self::Missing(_) | Self::Repeated(_) => 400,
            Self::Method => 501,
            Self::Require(_) => 420,
            Self::Scheme => 416,
        }
    }

    /// The answer, with the field that goes with its status (RFC 3261 §8.2.2.3, §8.2.3).
    pub fn respond(&self, request: &Request) -> Response {
        let response = request.respond(self.status());
        match self {
            Self::Accept | Self::ContentType => response.with("Accept", SDP),
            Self::Require(extensions) => response.with("Unsupported", extensions),
            _ => response,
        }
    }
}

/// Whether a request can be served as far as its own text says.
pub fn request(request: &Request) -> Result<(), Flaw> {
    let headers = &request.headers;
    mandatory(headers)?;
    if matches!(request.method, Method::Other(_)) {
        return Err(Flaw::Method);
    }
    let cseq = headers.cseq().ok_or(Flaw::Malformed("CSeq"))?;
    if cseq.method != request.method && request.method != Method::Ack {
        return Err(Flaw::CseqMethod);
    }
    request_uri(&request.uri)?;
    parties(headers, &request.method)?;
    contacts(headers)?;
    if !matches!(request.method, Method::Ack | Method::Cancel) && headers.first(Name::REQUIRE).is_some() {
        let extensions = headers.listed(Name::REQUIRE).filter(|extension| !extension.is_empty());
        return Err(Flaw::Require(extensions.collect::<Vec<_>>().join(", ")));
    }
    if request.method == Method::Invite { session(request) } else { Ok(()) }
}

/// Whether a response can be matched with what it answers.
pub fn response(response: &Response) -> Result<(), Flaw> {
    mandatory(&response.headers)?;
    response.headers.cseq().map(|_| ()).ok_or(Flaw::Malformed("CSeq"))
}

/// The fields that every message has (RFC 3261 §8.1.1, §20): once, and Via at least once.
fn mandatory(headers: &Headers) -> Result<(), Flaw> {
    for name in [Name::FROM, Name::TO, Name::CALL_ID, Name::CSEQ] {
        let mut lines = headers.each(name);
        match (lines.next(), lines.next()) {
            (None | Some(""), _) => return Err(Flaw::Missing(name.spelt())),
            (Some(_), Some(_)) => return Err(Flaw::Repeated(name.spelt())),
            (Some(_), None) => {}
        }
    }
    if headers.each(Name::MAX_FORWARDS).nth(1).is_some() {
        return Err(Flaw::Repeated("Max-Forwards"));
    }
    let mut vias = headers.listed(Name::VIA).peekable();
    vias.peek().ok_or(Flaw::Missing("Via"))?;
    let readable = vias.all(|value| Via::parse(value).is_some_and(|via| via.branch() != Some(COOKIE)));
    if readable { Ok(()) } else { Err(Flaw::Malformed("Via")) }
}

/// RFC 3261 §8.2.2.1 and §19.1.1: sip or sips, no blanks, no angle brackets, no headers.
fn request_uri(text: &str) -> Result<(), Flaw> {
    let flaw = Flaw::Malformed("Request-URI");
    if has_any(text, b" \t<>\"") {
        return Err(flaw);
    }
    let scheme = cut(text, b':').map(|(scheme, _)| scheme).filter(|scheme| is_token(scheme));
    if !is_sip(scheme.ok_or_else(|| flaw.clone())?) {
        return Err(Flaw::Scheme);
    }
    match Uri::parse(text) {
        Some(uri) if !uri.rest.contains('?') => Ok(()),
        _ => Err(flaw),
    }
}

/// From and To. A registrar keeps addresses of record, which are SIP's own (RFC 3261 §10.3).
fn parties(headers: &Headers, method: &Method) -> Result<(), Flaw> {
    for (name, address) in [("From", headers.from()), ("To", headers.to())] {
        let address = address.filter(is_address).ok_or(Flaw::Malformed(name))?;
        let scheme = cut(address.uri, b':').map_or("", |(scheme, _)| scheme);
        if *method == Method::Register && !is_sip(scheme) {
            return Err(Flaw::Malformed(name));
        }
    }
    Ok(())
}

/// A display name is quoted or holds nothing that separates; a URI holds no blanks.
fn is_address(address: &Address<'_>) -> bool {
    let Address { display, uri, .. } = address;
    let quoted = display.len() > 1 && display.starts_with('"') && display.ends_with('"');
    let named = quoted || !has_any(display, b"\",;:@");
    named && !has_any(uri, b" \t") && cut(uri, b':').is_some_and(|(scheme, _)| is_token(scheme))
}

/// A Contact with `?` in its URI needs angle brackets (RFC 3261 §20.10).
fn contacts(headers: &Headers) -> Result<(), Flaw> {
    let bare = |value: &str| find(value, b'<').is_none() && value.contains('?');
    if headers.listed(Name::CONTACT).any(bare) { Err(Flaw::Malformed("Contact")) } else { Ok(()) }
}

/// An INVITE brings SDP, if it brings anything, and takes SDP (RFC 3261 §8.2.3, §13.2.1).
fn session(request: &Request) -> Result<(), Flaw> {
    let headers = &request.headers;
    let is_sdp = |kind: &str| media_type(kind).eq_ignore_ascii_case(SDP);
    if !request.body.is_empty() && !headers.content_type().is_none_or(is_sdp) {
        return Err(Flaw::ContentType);
    }
    let takes = |kind: &str| is_sdp(kind) || matches!(media_type(kind), "*/*" | "application/*");
    if headers.get("Accept").is_some() && !headers.values("Accept").any(takes) {
        return Err(Flaw::Accept);
    }
    Ok(())
}

fn media_type(value: &str) -> &str {
    split(value, b';').next().unwrap_or_default()
}

fn is_sip(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method) -> Request {
        let cseq = format!("1 {method}");
        Request::new(method, "sip:34020000002000000001@3402000000")
            .with("Via", "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1")
            .with("From", "<sip:34020000001320000001@3402000000>;tag=1")
            .with("To", "<sip:34020000002000000001@3402000000>")
            .with("Call-ID", "c")
            .with("CSeq", cseq)
    }

    fn changed(name: &str, value: &str) -> Result<(), Flaw> {
        let mut changed = asked(Method::Register);
        changed.headers.set(name, value);
        request(&changed)
    }

    #[test]
    fn what_cameras_mean_well_is_served() {
        assert_eq!(request(&asked(Method::Message)), Ok(()));
        assert_eq!(changed("From", "视频 平台 <sip:1@2>"), Ok(()), "TD-Tech: no quotes, no tag");
        assert_eq!(changed("Via", "SIP/2.0/UDP h;branch=nocookie"), Ok(()));
        assert_eq!(changed("Date", "2026-11-22T10:00:00.000"), Ok(()));
        let mut ack = asked(Method::Ack);
        ack.headers.set("CSeq", "1 INVITE");
        assert_eq!(request(&ack), Ok(()), "gbt_sip_server");
    }

    #[test]
    fn each_field_is_named_that_is_wrong() {
        let cases = [
            ("Via", "SIP/2.0/UDP"),
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK"),
            ("From", "\"A <sip:a@b>"),
            ("To", "isbn:2983792873"),
            ("To", "Bell, A <sip:a@b>"),
            ("CSeq", "4294967296 REGISTER"),
            ("CSeq", "1"),
            ("Contact", "sip:a@b?Route=c"),
        ];
        for (name, value) in cases {
            assert_eq!(changed(name, value), Err(Flaw::Malformed(name)), "{value}");
        }
        assert_eq!(changed("Call-ID", ""), Err(Flaw::Missing("Call-ID")));
        assert_eq!(request(&asked(Method::Register).with("f", "<sip:x@y>")), Err(Flaw::Repeated("From")));
        assert_eq!(changed("CSeq", "1 MESSAGE"), Err(Flaw::CseqMethod));
    }

    #[test]
    fn the_request_uri_is_sip_and_nothing_else() {
        let uri = |text: &str| request(&Request { uri: text.to_owned(), ..asked(Method::Options) });
        assert_eq!(uri("sips:a@b"), Ok(()));
        for broken in ["<sip:a@b>", "sip:a@b; lr", " sip:a@b", "a", "sip:", "sip:a@b?Route=c"] {
            assert_eq!(uri(broken), Err(Flaw::Malformed("Request-URI")), "{broken}");
        }
        assert_eq!(uri("tel:+4912345"), Err(Flaw::Scheme));
    }

    #[test]
    fn what_is_not_understood_is_named_in_the_answer() {
        let required = asked(Method::Options).with("Require", "100rel, x").with("Require", "y, ");
        let flaw = request(&required).expect_err("unknown extensions");
        let answer = flaw.respond(&required);
        assert_eq!((answer.status, answer.headers.get("Unsupported")), (420, Some("100rel, x, y")));
        assert_eq!(request(&asked(Method::Cancel).with("Require", "x")), Ok(()), "RFC 3261 §8.2.2.3");

        let html = asked(Method::Invite).with_body("text/html", "x");
        let answer = request(&html).expect_err("not SDP").respond(&html);
        assert_eq!((answer.status, answer.headers.get("Accept")), (415, Some("application/sdp")));
        let sdp = asked(Method::Invite).with_body("APPLICATION/SDP;charset=x", "v=0");
        assert_eq!(request(&sdp.clone().with("Accept", "text/html, */*;q=0.1")), Ok(()));
        assert_eq!(request(&sdp.with("Accept", "text/html")), Err(Flaw::Accept));
        assert_eq!(request(&asked(Method::Other("FOO".into()))), Err(Flaw::Method));
    }

    #[test]
    fn a_response_that_counts_too_far_is_dropped() {
        let answer = asked(Method::Options).respond(200);
        assert_eq!(response(&answer), Ok(()));
        let mut far = answer;
        far.headers.set("CSeq", "9292394834772304023312 OPTIONS");
        assert_eq!(response(&far), Err(Flaw::Malformed("CSeq")));
    }
}

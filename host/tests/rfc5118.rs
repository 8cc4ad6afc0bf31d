//! The torture tests for IPv6 (RFC 5118 §4): what each is answered, and what is read from it.

use sluice::sip::core::framing::{self, Framed};
use sluice::sip::core::{Message, Request, uri::Uri, validate};

/// A request of the RFC, with its own first line and Via.
fn request(first: &str, via: &str, more: &str) -> Request {
    let (method, _) = first.split_once(' ').expect("a request line");
    let text = format!(
        "{first}\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\nVia: {via}\r\n\
         Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n\
         CSeq: 98176 {method}\r\n{more}"
    );
    match framing::datagram(text.as_bytes()) {
        Framed::Message(Message::Request(request)) => request,
        other => panic!("{first}: {other:?}"),
    }
}

const VIA: &str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";
const NO_BODY: &str = "Content-Length: 0\r\n\r\n";

fn status(request: &Request) -> u16 {
    validate::request(request).map_or_else(|flaw| flaw.status(), |()| 200)
}

/// Host and port of the Request-URI, and what the request is answered.
fn outcome(first: &str) -> (Option<(String, Option<u16>)>, u16) {
    let request = request(first, VIA, NO_BODY);
    let uri = Uri::parse(&request.uri).map(|uri| (uri.host.to_owned(), uri.port));
    (uri, status(&request))
}

#[test]
fn the_reference_in_the_request_uri() {
    let host = |host: &str, port| Some((host.to_owned(), port));
    for (section, first, expected) in [
        ("4.1", "REGISTER sip:[2001:db8::10] SIP/2.0", (host("[2001:db8::10]", None), 200)),
        ("4.2: no brackets", "REGISTER sip:2001:db8::10 SIP/2.0", (None, 400)),
        (
            "4.3: this names no port",
            "REGISTER sip:[2001:db8::10:5070] SIP/2.0",
            (host("[2001:db8::10:5070]", None), 200),
        ),
        ("4.4", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0", (host("[2001:db8::10]", Some(5070)), 200)),
    ] {
        assert_eq!(outcome(first), expected, "{section}");
    }
}

/// §4.5: `received` with and without brackets, both of which are sent.
#[test]
fn the_reference_in_via() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111");
        let request = request("BYE sip:[2001:db8::10] SIP/2.0", &via, NO_BODY);
        let read = request.headers.via().map(|via| (via.host.to_owned(), via.branch().map(str::to_owned)));
        assert_eq!(read, Some(("[2001:db8::9:1]".to_owned(), Some("z9hG4bKas3-111".to_owned()))));
        assert_eq!(status(&request), 200, "{received}");
    }
}

/// §4.7: IPv4 and IPv6 beside one another, as after a network that changes one for the other.
#[test]
fn both_families_in_one_message() {
    let second = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144";
    let via = format!("SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\nVia: {second}");
    let request = request("BYE sip:user@host.example.net SIP/2.0", &via, NO_BODY);
    assert_eq!(request.headers.via().map(|via| via.port), Some(Some(6050)));
    assert_eq!((request.headers.values("Via").nth(1), status(&request)), (Some(second), 200));
}

/// §4.6, §4.8, §4.9: IPv6 in the session description, IPv4 among it and IPv4 mapped into it.
#[test]
fn addresses_in_sdp_are_the_users() {
    for lines in [
        "o=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\nc=IN IP6 2001:db8::20\r\nm=audio 6000 RTP/AVP 97\r\n",
        "o=bob 280744730 28977631 IN IP4 host.example.com\r\nm=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n\
         m=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n",
        "o=bob 280744730 28977631 IN IP6 ::ffff:192.0.2.10\r\nc=IN IP6 ::ffff:192.0.2.10\r\nm=audio 49210 RTP/AVP 0\r\n",
    ] {
        let sdp = format!("v=0\r\n{lines}");
        let more = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
        let request = request("INVITE sip:user@[2001:db8::10] SIP/2.0", VIA, &more);
        assert_eq!((status(&request), request.body), (200, sdp.into_bytes()));
    }
}

/// §4.10: three colons in a row, which RFC 3261's grammar allows by mistake. The host of a Request-URI is not looked
/// up by anybody here.
#[test]
fn the_bug_of_the_grammar_harms_nobody() {
    let (uri, status) = outcome("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0");
    assert_eq!((uri.map(|(host, _)| host), status), (Some("[2001:db8:::192.0.2.1]".to_owned()), 200));
}

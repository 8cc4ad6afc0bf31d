//! Via: the way a request came, and the way its answer goes (RFC 3261 §20.42, RFC 3581).

use std::{fmt::Write, net::SocketAddr};

use super::{
    text::{cut, find, has_any, is_closed, is_token, parameter, split, trim},
    uri::split_port,
};

/// One Via value, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP` or whatever the sender calls it, in its case.
    pub transport: &'a str,
    /// The host the sender names: often a private address, never where we answer to.
    pub host: &'a str,
    /// The port the sender names.
    pub port: Option<u16>,
    parameters: &'a str,
}

impl<'a> Via<'a> {
    /// Takes one value apart; `None` if it is no `SIP/2.0/transport sent-by`, if a parameter is
    /// empty, or a quote or bracket is open: what is appended to it would be part of that.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (route, parameters) = value.split_at(find(value, b';').unwrap_or(value.len()));
        let (protocol, rest) = cut(route, b'/')?;
        let (version, rest) = cut(rest, b'/')?;
        let rest = trim(rest);
        let (transport, sent_by) = rest.split_at(rest.bytes().position(|byte| byte.is_ascii_whitespace())?);
        let known = trim(protocol).eq_ignore_ascii_case("SIP") && trim(version) == "2.0";
        let (host, port) = split_port(trim(sent_by))?;
        let well = known && is_token(transport) && !host.is_empty() && !has_any(host, b" \t");
        let full = split(parameters, b';').skip(1).all(|parameter| !parameter.is_empty());
        (well && full && is_closed(value)).then_some(Self { transport, host, port, parameters })
    }

    /// The value of a parameter; empty where it stands without one.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }

    /// The transaction's identifier, if the sender gave one (RFC 3261 §8.1.1.7).
    pub fn branch(&self) -> Option<&'a str> {
        self.parameter("branch").filter(|branch| !branch.is_empty())
    }
}

/// The topmost Via line as it is to be answered: `received` and `rport` say where the packet
/// came from (RFC 3261 §18.2.1, RFC 3581 §4). Values after the first stay as they are.
pub(super) fn with_source(line: &str, source: SocketAddr) -> String {
    let (top, below) = line.split_at(find(line, b',').unwrap_or(line.len()));
    let mut noted = String::with_capacity(line.len() + 64);
    let mut symmetric = false;
    for (index, piece) in split(top, b';').enumerate() {
        let name = trim(cut(piece, b'=').map_or(piece, |(name, _)| name));
        if index > 0 && name.eq_ignore_ascii_case("rport") {
            symmetric = true;
        } else if index == 0 || !name.eq_ignore_ascii_case("received") {
            noted.push_str(if index > 0 { ";" } else { "" });
            noted.push_str(piece);
        }
    }
    let port = if symmetric { format_args!(";rport={}", source.port()) } else { format_args!("") };
    write!(noted, ";received={}{port}{below}", source.ip()).expect("a string takes everything");
    noted
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "203.0.113.9:40000";

    fn noted(line: &str) -> String {
        with_source(line, SOURCE.parse().expect("an address"))
    }

    #[test]
    fn a_via_comes_apart_whatever_its_blanks() {
        let via = Via::parse("SIP  / 2.0\r\n / TCP   host:5070 ; branch =\r\n z9 ;rport").expect("a Via");
        assert_eq!((via.transport, via.host, via.port), ("TCP", "host", Some(5070)));
        assert_eq!(
            (via.branch(), via.parameter("RPORT"), via.parameter("received")),
            (Some("z9"), Some(""), None)
        );
        for broken in ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h:x", "UDP h"] {
            assert_eq!(Via::parse(broken), None, "{broken}");
        }
        for open in ["SIP/2.0/UDP h;<branch=1", "SIP/2.0/UDP h;a=\"b;branch=1", "SIP/2.0/UDP <h;branch=1"] {
            assert_eq!(Via::parse(open), None, "{open}");
        }
        let closed = Via::parse("SIP/2.0/UDP h;a=\"b\\\";\";branch=1").expect("a Via");
        assert_eq!(closed.branch(), Some("1"));
    }

    #[test]
    fn the_source_is_noted_on_the_top_value_only() {
        assert_eq!(
            noted("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa, SIP/2.0/UDP b;rport"),
            "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=203.0.113.9;rport=40000, SIP/2.0/UDP b;rport"
        );
    }

    #[test]
    fn without_rport_only_the_address_is_noted() {
        let expected = "SIP/2.0/UDP a;branch=b;received=203.0.113.9";
        assert_eq!(noted("SIP/2.0/UDP a;branch=b"), expected);
        assert_eq!(noted("SIP/2.0/UDP a;received=127.0.0.1;branch=b"), expected, "a claim is replaced");
    }

    #[test]
    fn a_nonsense_rport_is_replaced() {
        assert_eq!(
            noted("SIP/2.0/UDP a;RPort=rport;branch=1"),
            "SIP/2.0/UDP a;branch=1;received=203.0.113.9;rport=40000",
            "TD-Tech"
        );
    }
}

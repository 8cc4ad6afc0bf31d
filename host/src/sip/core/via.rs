//! Via: the way a request came, and the way its answer goes (RFC 3261 §20.42, RFC 3581).

use std::net::SocketAddr;

use super::{
    text::{find, is_token, parameter, split, trim},
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
    /// Takes one value apart; `None` if it is no `SIP/2.0/transport sent-by`, or if a parameter
    /// is empty.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (route, parameters) = value.split_at(find(value, b';').unwrap_or(value.len()));
        let (protocol, rest) = route.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        let (transport, sent_by) = trim(rest).split_once([' ', '\t', '\r', '\n'])?;
        let known = trim(protocol).eq_ignore_ascii_case("SIP") && trim(version) == "2.0";
        let (host, port) = split_port(trim(sent_by))?;
        let well = known && is_token(transport) && !host.is_empty() && !host.contains([' ', '\t']);
        let full = split(parameters, b';').skip(1).all(|parameter| !parameter.is_empty());
        (well && full).then_some(Self { transport, host, port, parameters })
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
    let mut pieces = split(top, b';');
    let mut noted = pieces.next().unwrap_or_default().to_owned();
    let mut symmetric = false;
    for piece in pieces {
        let name = trim(piece.split_once('=').map_or(piece, |(name, _)| name));
        if name.eq_ignore_ascii_case("rport") {
            symmetric = true;
        } else if !name.eq_ignore_ascii_case("received") {
            noted.push(';');
            noted.push_str(piece);
        }
    }
    noted.push_str(&format!(";received={}", source.ip()));
    if symmetric {
        noted.push_str(&format!(";rport={}", source.port()));
    }
    noted + below
}

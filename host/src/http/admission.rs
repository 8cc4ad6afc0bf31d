//! Whose hooks are taken: the media server's, known by its token, its address, or both.

use std::net::IpAddr;

use subtle::ConstantTimeEq;

use super::{limits::Cut, request::Query};
use crate::config::Media;

/// Why a hook is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It comes from an address that none is taken from.
    Source,
    /// It has not the right token.
    Token,
}

impl Refusal {
    /// What it is counted as.
    pub(super) fn cut(self) -> Cut {
        match self {
            Self::Source => Cut::HookSource,
            Self::Token => Cut::HookToken,
        }
    }
}

/// Whether a hook from `source` with `query` is taken.
///
/// Where a token is set, it has to carry it. Where addresses are set, it has to come from one of them. Where neither
/// is, it has to come from near: from a private network, or from where the media server's API is.
pub(super) fn admit(media: &Media, source: IpAddr, query: Option<&str>) -> Result<(), Refusal> {
    let (token, from) = (media.hook_token.as_str(), &media.hook_from);
    if !token.is_empty() && !carries(query, token) {
        return Err(Refusal::Token);
    }
    let welcome = match (from.is_empty(), token.is_empty()) {
        (true, true) => is_near(source) || is_at(&media.api, source),
        (true, false) => true,
        (false, _) => from.iter().any(|network| network.contains(source)),
    };
    if welcome { Ok(()) } else { Err(Refusal::Source) }
}

/// Whether the query has the token once, in a time that does not tell how much of it was right.
fn carries(query: Option<&str>, token: &str) -> bool {
    let given = Query::parse(query.unwrap_or_default()).and_then(|query| query.optional("token"));
    let given = given.ok().flatten().unwrap_or_default();
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

/// Whether no stranger on the Internet can have that address.
fn is_near(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Whether a URL names that address as its host.
fn is_at(url: &str, source: IpAddr) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host
        .parse()
        .map_or_else(|_| host.trim_matches(['[', ']']).parse(), |at: std::net::SocketAddr| Ok(at.ip()));
    host == Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(media: &Media, source: &str, query: &str) -> Result<(), Refusal> {
        admit(media, source.parse().expect("an address"), Some(query).filter(|query| !query.is_empty()))
    }

    fn media(token: &str, from: &[&str]) -> Media {
        let from = from.iter().map(|network| network.parse().expect("a network")).collect();
        Media { hook_token: token.to_owned(), hook_from: from, ..Media::default() }
    }

    #[test]
    fn a_token_is_asked_for_where_one_is_set() {
        let media = media("a b", &[]);
        for source in ["127.0.0.1", "203.0.113.1", "2001:db8::1"] {
            assert_eq!(admitted(&media, source, "x=1&token=a%20b"), Ok(()));
            for wrong in
                ["", "token=", "token=a", "token=a+bc", "token=a+b&token=a+b", "token=%FF", "Token=a+b"]
            {
                assert_eq!(admitted(&media, source, wrong), Err(Refusal::Token), "{wrong}");
            }
        }
    }

    #[test]
    fn an_address_is_asked_for_where_some_are_set() {
        let media = media("", &["192.0.2.0/24", "2001:db8::1"]);
        for source in ["192.0.2.7", "2001:db8::1"] {
            assert_eq!(admitted(&media, source, ""), Ok(()));
        }
        for source in ["192.0.3.7", "2001:db8::2", "127.0.0.1", "10.0.0.1"] {
            assert_eq!(admitted(&media, source, "token=x"), Err(Refusal::Source), "{source}");
        }
    }

    #[test]
    fn both_are_asked_for_where_both_are_set() {
        let media = media("t", &["192.0.2.0/24"]);
        assert_eq!(admitted(&media, "192.0.2.7", "token=t"), Ok(()));
        assert_eq!(admitted(&media, "192.0.2.7", ""), Err(Refusal::Token));
        assert_eq!(admitted(&media, "192.0.3.7", "token=t"), Err(Refusal::Source));
    }

    #[test]
    fn where_neither_is_set_strangers_are_refused() {
        let mut media = media("", &[]);
        for source in ["127.0.0.1", "::1", "10.1.2.3", "172.17.0.1", "192.168.1.9", "fd00::1", "fe80::1"] {
            assert_eq!(admitted(&media, source, ""), Ok(()), "{source}");
        }
        for (api, source) in [
            ("http://203.0.113.1:8080", "203.0.113.1"),
            ("https://203.0.113.1/zlm", "203.0.113.1"),
            ("http://[2001:db8::1]:80", "2001:db8::1"),
            ("http://[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(admitted(&media, source, ""), Err(Refusal::Source));
            api.clone_into(&mut media.api);
            assert_eq!(admitted(&media, source, ""), Ok(()), "{api}");
            assert_eq!(admitted(&media, "203.0.113.2", ""), Err(Refusal::Source));
            "http://zlm:8080".clone_into(&mut media.api);
        }
    }
}

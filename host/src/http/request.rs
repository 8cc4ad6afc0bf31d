//! What a caller sent, decoded: path, query, address.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{FromRequestParts, Path},
    http::{Extensions, Request, request::Parts},
};

use super::reply::Failure;
use crate::gateway::Call;

/// The caller's address, which the server notes in each request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Why a request cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("bad percent escape in the {0}")]
    Escape(&'static str),
    /// A parameter that is needed is not there, or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter is no whole number.
    #[error("{0} is no whole number")]
    Number(&'static str),
    /// A parameter stands there more than once: which one counts must not be guessed.
    #[error("{0} is given more than once")]
    Repeated(&'static str),
    /// The escapes do not spell UTF-8.
    #[error("the {0} is not UTF-8")]
    Utf8(&'static str),
}

/// The pairs of a query in their order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart as forms are written (`+` is a space); a name without `=` has an empty value.
    pub(super) fn parse(raw: &str) -> Result<Self, Error> {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(&name.replace('+', " "), "query")?, decode(&value.replace('+', " "), "query")?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// A parameter's value; one that is empty counts as not given, as it did in gosip.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<String>, Error> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Error::Repeated(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty()).cloned()),
        }
    }

    /// A parameter's value, which must not be empty.
    pub(super) fn needed(&self, name: &'static str) -> Result<String, Error> {
        self.optional(name)?.ok_or(Error::Missing(name))
    }

    /// A parameter that must be there and be a whole number.
    pub(super) fn number(&self, name: &'static str) -> Result<i64, Error> {
        self.needed(name)?.parse().map_err(|_| Error::Number(name))
    }

    /// All pairs, in their order.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

/// The `:id` in a path, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Error::Utf8("path").into()),
        }
    }
}

/// What the sign is checked over: the decoded path without its query, and the decoded pairs.
pub(super) fn call<B>(request: &Request<B>) -> Result<Call, Error> {
    Ok(Call {
        method: request.method().to_string(),
        path: decode(request.uri().path(), "path")?,
        query: Query::parse(request.uri().query().unwrap_or_default())?.0,
        source: source(request),
    })
}

/// The caller's address; an IPv4 caller on an IPv6 socket is shown as IPv4.
pub(super) fn source<B>(request: &Request<B>) -> IpAddr {
    address(request.extensions())
}

fn address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

/// The caller's address, for handlers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source(pub(super) IpAddr);

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(address(&parts.extensions)))
    }
}

/// Undoes percent-encoding, strictly: what cannot be undone in one way only is an error.
fn decode(text: &str, place: &'static str) -> Result<String, Error> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next())
                .zip(hex(bytes.next()))
                .map(|(high, low)| high << 4 | low)
                .ok_or(Error::Escape(place))?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).map_err(|_| Error::Utf8(place))
}

/// The value of a hexadecimal digit.
fn hex(digit: Option<u8>) -> Option<u8> {
    // A digit's value is below 16.
    char::from(digit?).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(raw: &str) -> Result<Vec<(String, String)>, Error> {
        Query::parse(raw).map(|query| query.0)
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn query_keeps_order_repetitions_and_empty_values() {
        assert_eq!(pairs("b=2&a=1&&b=&c"), Ok(owned(&[("b", "2"), ("a", "1"), ("b", ""), ("c", "")])));
        assert_eq!(pairs(""), Ok(Vec::new()));
        assert_eq!(pairs("="), Ok(owned(&[("", "")])));
    }

    #[test]
    fn query_is_decoded_as_a_form() {
        let expected = owned(&[("name", "前门 1"), ("pwd", "a+b&c=d%")]);
        assert_eq!(pairs("name=%E5%89%8D%e9%97%a8+1&pwd=a%2Bb%26c=d%25"), Ok(expected));
        assert_eq!(pairs("na%6De=x"), Ok(owned(&[("name", "x")])));
        assert_eq!(pairs("name=前"), Ok(owned(&[("name", "前")])));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for raw in ["pwd=%", "pwd=%4", "pwd=%zz", "pwd=%+1", "p%wd=1"] {
            assert_eq!(pairs(raw), Err(Error::Escape("query")), "{raw}");
        }
        for raw in ["pwd=%FF", "pwd=%C3", "%C0%80=1"] {
            assert_eq!(pairs(raw), Err(Error::Utf8("query")), "{raw}");
        }
    }

    #[test]
    fn a_parameter_that_counts_stands_there_once() {
        let query = Query::parse("pwd=one&name=&sign=1&sign=2").expect("a readable query");
        assert_eq!(query.needed("pwd"), Ok("one".to_owned()));
        assert_eq!(query.optional("name"), Ok(None));
        assert_eq!(query.needed("name"), Err(Error::Missing("name")));
        assert_eq!(query.needed("start"), Err(Error::Missing("start")));
        assert_eq!(query.optional("sign"), Err(Error::Repeated("sign")));
    }

    #[test]
    fn a_call_is_decoded_whole() {
        let mut request =
            Request::get("/users/%E5%89%8D+/update?pwd=a%20b&sign=0f").body(()).expect("a request");
        request.extensions_mut().insert(Peer("[::ffff:192.0.2.7]:4711".parse().expect("an address")));
        let call = call(&request).expect("a readable call");
        assert_eq!(call.method, "GET");
        assert_eq!(call.path, "/users/前+/update");
        assert_eq!(call.query, owned(&[("pwd", "a b"), ("sign", "0f")]));
        assert_eq!(call.source, "192.0.2.7".parse::<IpAddr>().expect("an address"));
    }

    #[test]
    fn a_call_with_a_broken_path_is_refused() {
        let broken = Request::get("/users/%ff/update").body(()).expect("a request");
        assert_eq!(call(&broken).err(), Some(Error::Utf8("path")));
    }
}

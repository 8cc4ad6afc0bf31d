//! Addresses: `"Name" <sip:user@host:port;parameters>;parameters`, read in place.

use memchr::{memchr, memchr2, memrchr};

use super::text::{cut, each_parameter, find, has_any, is_closed, parameter, trim};

/// A name-addr or an addr-spec with the parameters that follow it (RFC 3261 §20.10, §25.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The display name as it was sent, quotes included; empty if there is none.
    pub display: &'a str,
    /// What stands between the angle brackets, or up to the first `;` without them.
    pub uri: &'a str,
    parameters: &'a str,
}

impl<'a> Address<'a> {
    /// Takes one value apart; `None` if a quote or an angle bracket stays open.
    pub fn parse(value: &'a str) -> Option<Self> {
        let value = trim(value);
        let Some(open) = find(value, b'<') else {
            let end = find(value, b';').unwrap_or(value.len());
            let (uri, parameters) = value.split_at(end);
            let plain = !has_any(uri, b"\"<>") && is_closed(parameters);
            return plain.then_some(Self { display: "", uri: trim(uri), parameters });
        };
        let (display, rest) = (trim(&value[..open]), &value[open + 1..]);
        let (uri, parameters) = cut(rest, b'>')?;
        let parameters = trim(parameters);
        // What we add to open quotes would be part of them.
        let closed = (parameters.is_empty() || parameters.starts_with(';')) && is_closed(parameters);
        closed.then_some(Self { display, uri, parameters })
    }

    /// The value of a header parameter; empty where it stands without one.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }

    /// The `tag` that names one end of a dialog (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<&'a str> {
        // Ours may stand behind one without a value.
        each_parameter(self.parameters, "tag").find(|tag| !tag.is_empty())
    }

    /// The user part of the URI.
    pub fn user(&self) -> Option<&'a str> {
        Uri::parse(self.uri)?.user
    }
}

/// A SIP URI (RFC 3261 §19.1.1). Escapes stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sip`, `sips` or whatever stands before the first colon.
    pub scheme: &'a str,
    /// Before the `@`, without a password: in GB28181 the id of a device, channel or platform.
    pub user: Option<&'a str>,
    /// Name or address; an IPv6 address keeps its brackets. GB28181 puts a domain's id here.
    pub host: &'a str,
    /// The port, if one is given.
    pub port: Option<u16>,
    /// What follows the host, from the first `;` or `?` on.
    pub rest: &'a str,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart; `None` without a scheme or a host, or with a port that is no number.
    pub fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, rest) = cut(trim(uri), b':')?;
        let at = memrchr(b'@', rest.as_bytes());
        let before_host = at.map_or(0, |at| at + 1);
        let host_end = memchr2(b';', b'?', &rest.as_bytes()[before_host..]);
        let (authority, rest) = rest.split_at(host_end.map_or(rest.len(), |end| before_host + end));
        let (user, host) = (at.map(|at| &authority[..at]), &authority[before_host..]);
        let user = user.map(|user| cut(user, b':').map_or(user, |(user, _)| user));
        let (host, port) = split_port(host)?;
        let user = user.filter(|user| !user.is_empty());
        (!scheme.is_empty() && !host.is_empty()).then_some(Self { scheme, user, host, port, rest })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port` (RFC 3261 §25.1, hostport).
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let name_end = memrchr(b']', text.as_bytes()).map_or(0, |bracket| bracket + 1);
    match memchr(b':', &text.as_bytes()[name_end..]) {
        None => Some((trim(text), None)),
        Some(colon) => {
            let (host, port) = text.split_at(name_end + colon);
            Some((trim(host), Some(trim(&port[1..]).parse().ok()?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> (&str, Option<&str>, &str, Option<u16>, &str) {
        let uri = Uri::parse(text).expect("a URI");
        (uri.scheme, uri.user, uri.host, uri.port, uri.rest)
    }

    #[test]
    fn uris_come_apart() {
        let id = "34020000001320000001";
        assert_eq!(uri("sip:34020000001320000001@3402000000"), ("sip", Some(id), "3402000000", None, ""));
        assert_eq!(uri("sips:a:pw@h:5061;lr?x=y"), ("sips", Some("a"), "h", Some(5061), ";lr?x=y"));
        assert_eq!(uri("sip:[2001:db8::1]:5060"), ("sip", None, "[2001:db8::1]", Some(5060), ""));
        assert_eq!(uri("sip:u;par=u%40x@example.com"), ("sip", Some("u;par=u%40x"), "example.com", None, ""));
        for broken in ["", "sip", "sip:", ":x", "sip:a@", "sip:a@h:port"] {
            assert_eq!(Uri::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn addresses_come_with_brackets_and_without() {
        let address = Address::parse("\"A, <B>\" <sip:a@b;x=y> ; tag = t;n").expect("an address");
        assert_eq!((address.display, address.uri), ("\"A, <B>\"", "sip:a@b;x=y"));
        assert_eq!(
            (address.tag(), address.parameter("N"), address.parameter("x")),
            (Some("t"), Some(""), None)
        );
        let twice = Address::parse("<sip:a@b>;tag;x=y;tag=t").expect("an address");
        assert_eq!(twice.tag(), Some("t"));
        let bare = Address::parse("sip:a@b;tag=t").expect("an address");
        assert_eq!((bare.display, bare.uri, bare.tag(), bare.user()), ("", "sip:a@b", Some("t"), Some("a")));
    }

    #[test]
    fn what_stays_open_is_no_address() {
        for broken in
            ["\"A <sip:a@b>", "<sip:a@b", "sip:a@b>", "<sip:a@b>tag=t", "<sip:a@b>;ta<g=1", "sip:a@b;a=\"1"]
        {
            assert_eq!(Address::parse(broken), None, "{broken}");
        }
    }
}

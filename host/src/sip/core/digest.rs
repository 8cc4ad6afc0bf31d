//! Digest access authentication (RFC 7616, RFC 3261 §22): what a device sends, and what it
//! ought to have sent. `nonce` says whether a nonce is any good; neither decides who is let in.

use std::{fmt, str::FromStr};

use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The hash functions of GB/T 28181: MD5 since 2011, SHA-256 since 2022. The session variants
/// (`-sess`) are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`, also meant where nothing is said.
    Md5,
    /// `SHA-256`.
    Sha256,
}

/// An algorithm that we do not compute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Digest algorithm {0:?} is not supported")]
pub struct UnknownAlgorithm(pub String);

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        })
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            _ if name.eq_ignore_ascii_case("MD5") => Ok(Self::Md5),
            _ if name.eq_ignore_ascii_case("SHA-256") => Ok(Self::Sha256),
            _ => Err(UnknownAlgorithm(name.to_owned())),
        }
    }
}

/// What goes into a response besides the password, all of it as the device sent it: the
/// username is not always the id in From, and the URI not always the Request-URI (Hikvision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestInput<'a> {
    /// Who claims to send.
    pub username: &'a str,
    /// The realm of the challenge.
    pub realm: &'a str,
    /// The nonce of the challenge.
    pub nonce: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The `uri` parameter.
    pub uri: &'a str,
    /// None for the form of RFC 2069, which knows no `qop`.
    pub auth: Option<Auth<'a>>,
}

/// What `qop=auth` adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// The nonce count, in the case of its digits in which it was sent.
    pub nc: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
}

/// The response to a challenge in lower-case hex (RFC 7616 §3.4.1).
pub fn compute(algorithm: Algorithm, input: &DigestInput<'_>, password: &str) -> String {
    match algorithm {
        Algorithm::Md5 => response::<Md5>(input, password),
        Algorithm::Sha256 => response::<Sha256>(input, password),
    }
}

/// Whether two responses are the same, whatever the case of their digits, in a time that tells
/// nothing about where they differ.
pub fn matches(expected: &str, given: &str) -> bool {
    let (expected, given) = (expected.to_ascii_lowercase(), given.to_ascii_lowercase());
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

fn response<D: Digest>(input: &DigestInput<'_>, password: &str) -> String {
    let secret = hash::<D>(&[input.username, input.realm, password]);
    let request = hash::<D>(&[input.method, input.uri]);
    match input.auth {
        Some(Auth { nc, cnonce }) => hash::<D>(&[&secret, input.nonce, nc, cnonce, "auth", &request]),
        None => hash::<D>(&[&secret, input.nonce, &request]),
    }
}

/// The hash of the pieces with colons between them, in hex.
fn hash<D: Digest>(pieces: &[&str]) -> String {
    let mut state = D::new();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            state.update(b":");
        }
        state.update(piece.as_bytes());
    }
    hex::encode(state.finalize())
}

/// The parameters of an Authorization header that we read, in the order of the fields below.
const PARAMETERS: [&str; 10] =
    ["username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce", "opaque"];

/// Credentials of one Authorization header, unquoted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Who claims to send: not always the id in From.
    pub username: String,
    /// The realm that the challenge named.
    pub realm: String,
    /// The nonce that the challenge gave.
    pub nonce: String,
    /// The URI that was hashed: not always the Request-URI.
    pub uri: String,
    /// The digest in hex, in the sender's case.
    pub response: String,
    /// `MD5`, `SHA-256` or whatever the sender wrote; none means MD5.
    pub algorithm: Option<String>,
    /// `auth`, if the sender took it up.
    pub qop: Option<String>,
    /// The nonce count as it was written: eight hex digits, it should be.
    pub nc: Option<String>,
    /// The client's own nonce.
    pub cnonce: Option<String>,
    /// Given back as the challenge had it.
    pub opaque: Option<String>,
}

impl Credentials {
    /// Reads an Authorization value, bearing odd case, blanks around `=`, missing commas and
    /// missing quotes. `None` for another scheme than Digest (RFC 4475 §3.3.7: as if it were not
    /// there), and without username, realm, nonce, uri or response.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_start();
        let (scheme, parameters) = value.split_at(value.find([' ', '\t']).unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut found: [Option<String>; PARAMETERS.len()] = Default::default();
        for (name, value) in Parameters(parameters) {
            if let Some(index) = PARAMETERS.iter().position(|known| known.eq_ignore_ascii_case(name)) {
                found[index].get_or_insert(value);
            }
        }
        let [username, realm, nonce, uri, response, algorithm, qop, nc, cnonce, opaque] = found;
        Some(Self {
            username: username?,
            realm: realm?,
            nonce: nonce?,
            uri: uri?,
            response: response?,
            algorithm,
            qop,
            nc,
            cnonce,
            opaque,
        })
    }

    /// What the response was made from; `None` with a `qop` other than `auth`, or without the
    /// `nc` and `cnonce` that belong to it.
    pub fn input<'a>(&'a self, method: &'a str) -> Option<DigestInput<'a>> {
        let Self { username, realm, nonce, uri, .. } = self;
        let auth = match self.qop.as_deref() {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                Some(Auth { nc: self.nc.as_deref()?, cnonce: self.cnonce.as_deref()? })
            }
            Some(_) => return None,
        };
        Some(DigestInput { username, realm, nonce, method, uri, auth })
    }
}

impl fmt::Debug for Credentials {
    /// Names who and where, never the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Credentials");
        debug.field("username", &self.username).field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Iterator over `name=value` pairs, between which commas, blanks or nothing may stand.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start_matches([' ', '\t', ',']);
        let (name, rest) = text.split_once('=')?;
        let rest = rest.trim_start();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, rest) = rest.split_at(rest.find([' ', '\t', ',']).unwrap_or(rest.len()));
                (value.to_owned(), rest)
            }
        };
        self.0 = rest;
        Some((name.trim_end(), value))
    }
}

/// The text up to the closing quote, its escapes undone, and what follows. An open quote closes
/// at the end.
fn unquote(text: &str) -> (String, &str) {
    if let Some((plain, rest)) = text.split_once('"').filter(|(plain, _)| !plain.contains('\\')) {
        return (plain.to_owned(), rest);
    }
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

/// One WWW-Authenticate value. `algorithm` is always written: Dahua does not answer without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Whose passwords are asked for: the platform's domain.
    pub realm: &'a str,
    /// The nonce to use.
    pub nonce: &'a str,
    /// The algorithm to use.
    pub algorithm: Algorithm,
    /// Whether `qop="auth"` is offered.
    pub auth: bool,
    /// Only the nonce was too old: the device may try again without asking anyone.
    pub stale: bool,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realm = self.realm.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "Digest realm=\"{realm}\", nonce=\"{}\", algorithm={}", self.nonce, self.algorithm)?;
        if self.auth {
            f.write_str(", qop=\"auth\"")?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1.
    fn mufasa() -> DigestInput<'static> {
        DigestInput {
            username: "Mufasa",
            realm: "http-auth@example.org",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            method: "GET",
            uri: "/dir/index.html",
            auth: Some(Auth { nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }),
        }
    }

    #[test]
    fn the_examples_of_rfc_7616() {
        let password = "Circle of Life";
        assert_eq!(compute(Algorithm::Md5, &mufasa(), password), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            compute(Algorithm::Sha256, &mufasa(), password),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 2617 §3.5 without what `qop` adds, as RFC 2069 computes it.
    #[test]
    fn the_form_of_rfc_2069() {
        let input = DigestInput {
            username: "Mufasa",
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            method: "GET",
            uri: "/dir/index.html",
            auth: None,
        };
        assert_eq!(compute(Algorithm::Md5, &input, "Circle Of Life"), "670fd8c2df070c60b045671b8b24ff02");
    }

    #[test]
    fn responses_match_in_any_case_and_only_whole() {
        assert!(matches("00ff", "00FF"));
        assert!(!matches("00ff", "00fe"));
        assert!(!matches("00ff", "00f"));
    }

    fn sent() -> Credentials {
        Credentials {
            username: "a\"b".into(),
            realm: "r, s".into(),
            nonce: "n".into(),
            uri: "sip:x".into(),
            response: "0F".into(),
            algorithm: Some("md5".into()),
            qop: Some("auth".into()),
            nc: Some("00000001".into()),
            cnonce: Some("c".into()),
            opaque: Some(String::new()),
        }
    }

    #[test]
    fn credentials_are_read_however_they_are_written() {
        let usual = r#"Digest username="a\"b", realm="r, s", nonce="n", uri="sip:x", response="0F",
            algorithm=md5, qop=auth, nc=00000001, cnonce="c", opaque="""#;
        let odd = r#"digest Realm = "r, s",USERNAME="a\"b"nonce=n uri=sip:x,,response="0F" nc="00000001"
            qop="auth" cnonce=c algorithm=md5 opaque="" unknown=1"#;
        for text in [usual, odd] {
            assert!(Credentials::parse(&text.replace('\n', " ")) == Some(sent()), "{text}");
        }
    }

    #[test]
    fn what_is_not_digest_or_not_whole_counts_as_absent() {
        assert!(Credentials::parse("NoOneKnowsThisScheme opaque-data=here").is_none());
        assert!(Credentials::parse("Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\"").is_none());
        assert!(Credentials::parse("").is_none());
    }

    #[test]
    fn only_qop_auth_can_be_computed() {
        assert!(sent().input("REGISTER").is_some_and(|input| input.auth.is_some()));
        assert!(
            Credentials { qop: None, ..sent() }.input("REGISTER").is_some_and(|input| input.auth.is_none())
        );
        assert!(Credentials { qop: Some("auth-int".into()), ..sent() }.input("REGISTER").is_none());
        assert!(Credentials { cnonce: None, ..sent() }.input("REGISTER").is_none());
    }

    #[test]
    fn a_challenge_names_its_algorithm() {
        let plain =
            Challenge { realm: "34020\"", nonce: "n", algorithm: Algorithm::Md5, auth: false, stale: false };
        assert_eq!(plain.to_string(), r#"Digest realm="34020\"", nonce="n", algorithm=MD5"#);
        let full = Challenge { realm: "r", algorithm: Algorithm::Sha256, auth: true, stale: true, ..plain };
        assert_eq!(
            full.to_string(),
            r#"Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth", stale=true"#
        );
    }

    #[test]
    fn a_digest_is_not_printed() {
        assert_eq!(format!("{:?}", sent()), r#"Credentials { username: "a\"b", realm: "r, s", .. }"#);
    }
}

//! Digest credentials as a device computes them (RFC 2617, RFC 7616, RFC 8760).

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// The hash of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, also where the challenge names none.
    Md5,
    /// SHA-256 (GB/T 28181-2022, RFC 8760).
    Sha256,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "MD5" => Some(Self::Md5),
            "SHA-256" | "SHA256" => Some(Self::Sha256),
            _ => None,
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// One `WWW-Authenticate: Digest …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The realm.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// The opaque string, to be repeated.
    pub opaque: Option<String>,
    /// The hash.
    pub algorithm: Algorithm,
    /// The algorithm as the challenge writes it; answers repeat it, and leave it out where it was left out.
    pub algorithm_text: Option<String>,
    /// Whether `qop=auth` is offered.
    pub qop_auth: bool,
    /// The nonce was too old; the password was right.
    pub stale: bool,
}

impl Challenge {
    /// Reads a header's value. `None` when it is not Digest, lacks realm or nonce, or names an unknown algorithm.
    pub fn parse(value: &str) -> Option<Self> {
        let rest = value.trim().strip_prefix("Digest")?;
        let find = |name: &str| {
            pairs(rest).into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, text)| text)
        };
        let algorithm_text = find("algorithm");
        let algorithm = algorithm_text.as_deref().map_or(Some(Algorithm::Md5), Algorithm::named)?;
        Some(Self {
            realm: find("realm")?,
            nonce: find("nonce")?,
            opaque: find("opaque"),
            algorithm,
            algorithm_text,
            qop_auth: find("qop").is_some_and(|qop| qop.split(',').any(|one| one.trim() == "auth")),
            stale: find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of an Authorization header that answers this challenge.
    pub fn answer(&self, login: &Login<'_>, request: &Request<'_>) -> String {
        let ha1 = self.algorithm.hash(&format!("{}:{}:{}", login.user, self.realm, login.password));
        let ha2 = self.algorithm.hash(&format!("{}:{}", request.method, request.uri));
        let counter = format!("{:08x}", request.count);
        let response = if self.qop_auth {
            self.algorithm.hash(&format!("{ha1}:{}:{counter}:{}:auth:{ha2}", self.nonce, request.cnonce))
        } else {
            self.algorithm.hash(&format!("{ha1}:{}:{ha2}", self.nonce))
        };
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            login.user, self.realm, self.nonce, request.uri
        );
        // Writing to a String cannot fail.
        if let Some(algorithm) = &self.algorithm_text {
            let _ = write!(value, ", algorithm={algorithm}");
        }
        if self.qop_auth {
            let _ = write!(value, ", cnonce=\"{}\", qop=auth, nc={counter}", request.cnonce);
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque=\"{opaque}\"");
        }
        value
    }
}

/// Who answers a challenge.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The digest user name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The SIP method.
    pub method: &'a str,
    /// The digest URI.
    pub uri: &'a str,
    /// The nonce count, used with qop only.
    pub count: u32,
    /// The client's nonce, used with qop only.
    pub cnonce: &'a str,
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = tail.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2617 §3.5 and RFC 7616 §3.9.1: the examples of the standards themselves.
    #[test]
    fn the_examples_of_the_standards_come_out() {
        let login = Login { user: "Mufasa", password: "Circle Of Life" };
        let request = Request { method: "GET", uri: "/dir/index.html", count: 1, cnonce: "0a4f113b" };
        let rfc2617 = Challenge::parse(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        )
        .unwrap();
        assert_eq!(
            rfc2617.answer(&login, &request),
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", \
             response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", qop=auth, nc=00000001, \
             opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
        );

        let login = Login { user: "Mufasa", password: "Circle of Life" };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let rfc7616 = Challenge::parse(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",
        )
        .unwrap();
        let answer = rfc7616.answer(&login, &Request { cnonce, ..request });
        assert!(
            answer.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            "{answer}"
        );
    }

    #[test]
    fn an_unknown_algorithm_is_no_challenge() {
        assert_eq!(Challenge::parse("Digest realm=\"r\", nonce=\"n\", algorithm=SM3"), None);
        assert!(Challenge::parse("Digest realm=\"r\", nonce=\"n\", stale=TRUE").unwrap().stale);
    }
}

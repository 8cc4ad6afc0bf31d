//! Secrets: plugins have things computed with them and never see them.

use std::{fmt, sync::Arc};

use hmac::{Hmac, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::bindings::sluice::policy::host::{Algorithm, DigestInput, Piece};

/// The password of one device.
#[derive(Clone)]
pub struct Credential(Arc<str>);

impl Credential {
    /// Wraps a password as it was issued.
    pub fn new(password: impl Into<Arc<str>>) -> Self {
        Self(password.into())
    }

    /// Whether `response` is the Digest response for `input` (RFC 7616 §3.4.1), in constant time and
    /// without regard to the case of its digits.
    pub(super) fn verify(&self, input: &DigestInput, response: &str) -> Result<bool, String> {
        let expected = self.response(input)?;
        Ok(expected.as_str().as_bytes().ct_eq(response.to_ascii_lowercase().as_bytes()).into())
    }

    /// The Digest response of a device that has this password (RFC 7616 §3.4.1), to try a policy with.
    ///
    /// Errors: an unknown `qop`.
    pub fn answer(&self, input: &DigestInput) -> Result<String, String> {
        self.response(input).map(|response| response.as_str().to_owned())
    }

    fn response(&self, input: &DigestInput) -> Result<Hex, String> {
        let hash = |parts: &[&str]| hash(input.algorithm, parts.iter().map(|part| part.as_bytes()));
        let a1 = hash(&[&input.username, ":", &input.realm, ":", &self.0]);
        let a2 = hash(&[&input.method, ":", &input.uri]);
        let (a1, a2) = (a1.as_str(), a2.as_str());
        match &input.qop {
            None => Ok(hash(&[a1, ":", &input.nonce, ":", a2])),
            Some(q) if q.qop.eq_ignore_ascii_case("auth") => {
                Ok(hash(&[a1, ":", &input.nonce, ":", &q.nc, ":", &q.cnonce, ":", &q.qop, ":", a2]))
            }
            Some(q) => Err(format!("qop `{}` is not supported, only `auth`", q.qop)),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(***)")
    }
}

/// A key of the operator's, such as `http.secret`; empty where none is configured.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a key as it is configured.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// Lower-case hexadecimal hash of `prefix`, the key and `suffix`.
    pub(super) fn digest(
        &self,
        algorithm: Algorithm,
        prefix: &[u8],
        suffix: &[u8],
    ) -> Result<String, String> {
        Ok(hash(algorithm, [prefix, self.configured()?, suffix]).as_str().to_owned())
    }

    /// Lower-case hexadecimal HMAC of `data` (RFC 2104).
    pub(super) fn hmac(&self, algorithm: Algorithm, data: &[u8]) -> Result<String, String> {
        Ok(code(algorithm, self.configured()?, data))
    }

    /// Lower-case hexadecimal HMAC of `data` under `secret`, both put together from their pieces.
    pub(super) fn hmac_of(
        &self,
        algorithm: Algorithm,
        secret: &[Piece],
        data: &[Piece],
    ) -> Result<String, String> {
        let key = self.configured()?;
        let joined = |pieces: &[Piece]| -> Vec<u8> {
            let bytes = pieces.iter().flat_map(|piece| match piece {
                Piece::Bytes(bytes) => bytes,
                Piece::Key => key,
            });
            bytes.copied().collect()
        };
        Ok(code(algorithm, &joined(secret), &joined(data)))
    }

    fn configured(&self) -> Result<&[u8], String> {
        if self.0.is_empty() { Err("the operator configured no key".into()) } else { Ok(self.0.as_bytes()) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Lower-case hexadecimal digits of a hash. On the stack: a registration makes three.
struct Hex {
    digits: [u8; 64],
    length: usize,
}

impl Hex {
    fn of(hash: &[u8]) -> Self {
        let (mut digits, length) = ([b'0'; 64], 2 * hash.len());
        // The largest hash here is SHA-256, which fits exactly.
        hex::encode_to_slice(hash, &mut digits[..length]).expect("two digits for each byte");
        Self { digits, length }
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.digits[..self.length]).expect("digits are ASCII")
    }
}

fn hash<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = &'a [u8]>) -> Hex {
    match algorithm {
        Algorithm::Md5 => fold::<Md5>(parts),
        Algorithm::Sha256 => fold::<Sha256>(parts),
    }
}

fn fold<'a, D: Digest>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hex {
    let hasher = parts.into_iter().fold(D::new(), |hasher, part| hasher.chain_update(part));
    Hex::of(&hasher.finalize())
}

/// Lower-case hexadecimal HMAC.
fn code(algorithm: Algorithm, key: &[u8], data: &[u8]) -> String {
    let code = match algorithm {
        Algorithm::Md5 => mac::<Hmac<Md5>>(key, data),
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(key, data),
    };
    hex::encode(code)
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length (RFC 2104 §3).
    let code = <M as Mac>::new_from_slice(key).expect("any length");
    code.chain_update(data).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::bindings::sluice::policy::host::QopInput;

    /// RFC 7616 §3.9.1, both algorithms.
    fn mufasa(algorithm: Algorithm) -> DigestInput {
        DigestInput {
            algorithm,
            username: "Mufasa".into(),
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            method: "GET".into(),
            uri: "/dir/index.html".into(),
            qop: Some(QopInput {
                qop: "auth".into(),
                nc: "00000001".into(),
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into(),
            }),
        }
    }

    #[test]
    fn responses_are_those_of_rfc_7616() {
        let password = Credential::new("Circle of Life");
        let md5 = mufasa(Algorithm::Md5);
        assert_eq!(password.verify(&md5, "8ca523f5e9506fed4657c9700eebdbec"), Ok(true));
        assert_eq!(password.verify(&md5, "8CA523F5E9506FED4657C9700EEBDBEC"), Ok(true));
        assert_eq!(password.verify(&md5, "8ca523f5e9506fed4657c9700eebdbed"), Ok(false));
        assert_eq!(password.verify(&md5, ""), Ok(false));
        let sha = mufasa(Algorithm::Sha256);
        let response = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert_eq!(password.verify(&sha, response), Ok(true));
    }

    /// RFC 2617 §3.5's numbers without qop, as RFC 2069 computes them (its erratum 749).
    #[test]
    fn without_qop_the_form_is_rfc_2069s() {
        let input = DigestInput {
            algorithm: Algorithm::Md5,
            username: "Mufasa".into(),
            realm: "testrealm@host.com".into(),
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".into(),
            method: "GET".into(),
            uri: "/dir/index.html".into(),
            qop: None,
        };
        let password = Credential::new("CircleOfLife");
        assert_eq!(password.verify(&input, "1949323746fe6a43ef61f9606e7febea"), Ok(true));
    }

    #[test]
    fn an_unknown_qop_cannot_be_computed_with() {
        let mut input = mufasa(Algorithm::Md5);
        input.qop.as_mut().unwrap().qop = "auth-int".into();
        let error = Credential::new("x").verify(&input, "").unwrap_err();
        assert_eq!(error, "qop `auth-int` is not supported, only `auth`");
    }

    /// RFC 2202 §2 and RFC 4231 §4.3, test case 2 of each.
    #[test]
    fn hmacs_are_those_of_the_rfcs() {
        let key = Secret::new("Jefe");
        let data = b"what do ya want for nothing?";
        assert_eq!(key.hmac(Algorithm::Md5, data).unwrap(), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(
            key.hmac(Algorithm::Sha256, data).unwrap(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// The same numbers, with the key in pieces and the data with a key in it.
    #[test]
    fn an_hmac_takes_pieces_on_both_sides() {
        let bytes = |text: &str| Piece::Bytes(text.into());
        let code = |secret: &[Piece], data: &[Piece]| {
            Secret::new("fe").hmac_of(Algorithm::Md5, secret, data).unwrap()
        };
        let expected = "750c783e6ab0b503eaa86e310a5db738";
        assert_eq!(code(&[bytes("Je"), Piece::Key], &[bytes("what do ya want for nothing?")]), expected);
        let plain = Secret::new("Jefe").hmac(Algorithm::Md5, b"1\nfe").unwrap();
        assert_eq!(code(&[bytes("Jefe")], &[bytes("1\n"), Piece::Key]), plain);
    }

    #[test]
    fn a_digest_puts_the_key_between_prefix_and_suffix() {
        // MD5("abc"), RFC 1321 §A.5.
        let digest = Secret::new("b").digest(Algorithm::Md5, b"a", b"c");
        assert_eq!(digest.unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            Secret::new("").digest(Algorithm::Md5, b"", b"").unwrap_err(),
            "the operator configured no key"
        );
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(
            format!("{:?} {:?}", Credential::new("pw"), Secret::new("k")),
            "Credential(***) Secret(***)"
        );
    }
}

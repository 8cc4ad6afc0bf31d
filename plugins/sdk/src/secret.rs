//! Secrets that a policy has things computed with and never sees. In tests, stand-ins for them.

use subtle::ConstantTimeEq;

use crate::bindings::base::sluice::policy::host;
pub use crate::bindings::base::sluice::policy::host::{Algorithm, DigestInput, Piece, QopInput};

/// The password of one device.
#[derive(Clone, Copy)]
pub struct Credential<'a>(Proof<'a>);

#[derive(Clone, Copy)]
enum Proof<'a> {
    Host(&'a host::Credential),
    StandIn(&'a Judge<'a>),
}

/// Says whether a response is the right one.
type Judge<'a> = dyn Fn(DigestInput<'_>, &str) -> Result<bool, String> + 'a;

impl<'a> Credential<'a> {
    pub(crate) fn of_host(credential: &'a host::Credential) -> Self {
        Self(Proof::Host(credential))
    }

    /// One that answers as `judge` does, for tests and self-tests.
    pub fn stand_in(judge: &'a Judge<'a>) -> Self {
        Self(Proof::StandIn(judge))
    }

    /// Whether `response` is the Digest response for `input` (RFC 7616 §3.4.1).
    ///
    /// Errors: `input` cannot be computed with, for example an unknown `qop`.
    pub fn verify(self, input: DigestInput<'_>, response: &str) -> Result<bool, String> {
        match self.0 {
            Proof::Host(credential) => credential.verify(input, response),
            Proof::StandIn(judge) => judge(input, response),
        }
    }
}

/// Whether two texts are the same, in a time that tells of their lengths only: for signs and tokens, which a stranger
/// could otherwise guess digit by digit.
pub fn same(given: &str, right: &str) -> bool {
    given.as_bytes().ct_eq(right.as_bytes()).into()
}

/// A key of the operator's, such as `http.secret`.
#[derive(Clone, Copy)]
pub struct Key<'a>(Hash<'a>);

#[derive(Clone, Copy)]
enum Hash<'a> {
    Host(&'a host::Key),
    StandIn(&'a Mixer<'a>),
}

/// Stands for a hash over a key: gets what would be hashed, the key left out.
type Mixer<'a> = dyn Fn(Algorithm, &[u8]) -> Result<String, String> + 'a;

impl<'a> Key<'a> {
    pub(crate) fn of_host(key: &'a host::Key) -> Self {
        Self(Hash::Host(key))
    }

    /// One whose hashes are what `mixer` answers, for tests and self-tests.
    pub fn stand_in(mixer: &'a Mixer<'a>) -> Self {
        Self(Hash::StandIn(mixer))
    }

    /// Lower-case hexadecimal hash of `prefix`, the key and `suffix`, one after the other.
    ///
    /// Errors: the operator configured no key.
    pub fn digest(self, algorithm: Algorithm, prefix: &[u8], suffix: &[u8]) -> Result<String, String> {
        match self.0 {
            Hash::Host(key) => key.digest(algorithm, prefix, suffix),
            Hash::StandIn(mixer) => mixer(algorithm, &[prefix, suffix].concat()),
        }
    }

    /// Lower-case hexadecimal HMAC of `data` under `secret`, each put together from its pieces, for services that
    /// sign a text with the key in it, or under more than the key. A stand-in gets both, the key left out.
    ///
    /// Errors: the operator configured no key.
    pub fn hmac_of(
        self,
        algorithm: Algorithm,
        secret: &[Piece<'_>],
        data: &[Piece<'_>],
    ) -> Result<String, String> {
        match self.0 {
            Hash::Host(key) => key.hmac_of(algorithm, secret, data),
            Hash::StandIn(mixer) => {
                let bytes = |piece: &Piece<'_>| match piece {
                    Piece::Bytes(bytes) => bytes.to_vec(),
                    Piece::Key => Vec::new(),
                };
                mixer(algorithm, &secret.iter().chain(data).flat_map(bytes).collect::<Vec<u8>>())
            }
        }
    }

    /// Lower-case hexadecimal HMAC of `data` under the key (RFC 2104).
    ///
    /// Errors: the operator configured no key.
    pub fn hmac(self, algorithm: Algorithm, data: &[u8]) -> Result<String, String> {
        match self.0 {
            Hash::Host(key) => key.hmac(algorithm, data),
            Hash::StandIn(mixer) => mixer(algorithm, data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_the_same() {
        for (given, right, expected) in [
            ("", "", true),
            ("a1", "a1", true),
            ("a1", "a2", false),
            ("b1", "a1", false),
            ("a", "a1", false),
            ("", "a", false),
        ] {
            assert_eq!(same(given, right), expected, "{given:?} {right:?}");
        }
    }
}

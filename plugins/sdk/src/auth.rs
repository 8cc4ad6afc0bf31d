//! Who may register: the records, and what most policies do with them.

pub use crate::bindings::auth::exports::sluice::policy::auth::{
    Challenge, Digest, NonceState, Registration, Verdict,
};
pub use crate::types::Refusal;

use crate::{Algorithm, Credential, DigestInput, QopInput};

/// Why nothing can be computed from the credentials of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// A hash function that the host does not have.
    Algorithm,
    /// There are no credentials.
    Missing,
    /// A `qop` other than `auth`, or one without `nc` and `cnonce` (RFC 7616 §3.4).
    Qop,
}

impl Registration {
    /// What the response of the credentials must have been computed from.
    ///
    /// Errors: there is no such thing.
    pub fn digest_input(&self) -> Result<DigestInput<'_>, Unusable> {
        let digest = self.digest.as_ref().ok_or(Unusable::Missing)?;
        Ok(DigestInput {
            algorithm: digest.algorithm()?,
            username: &digest.username,
            realm: &digest.realm,
            nonce: &digest.nonce,
            method: &self.method,
            uri: &digest.uri,
            qop: digest.qop()?,
        })
    }

    /// Whether the credentials were made with this password, for our realm and under a nonce that is fresh.
    ///
    /// Errors: the host cannot say.
    pub fn is_proved_by(&self, credential: Credential<'_>) -> Result<bool, String> {
        match (&self.digest, self.digest_input()) {
            (Some(digest), Ok(input)) if digest.is_fresh() && digest.realm == self.realm => {
                credential.verify(input, &digest.response)
            }
            _ => Ok(false),
        }
    }

    /// A challenge for MD5 with `qop=auth`, which every device understands.
    pub fn challenge(&self) -> Verdict {
        let stale = self.digest.as_ref().is_some_and(|digest| !digest.is_fresh());
        let (realm, algorithm, qop) = (self.realm.clone(), "MD5".to_owned(), Some("auth".to_owned()));
        Verdict::Challenge(vec![Challenge { realm, algorithm, qop, stale }])
    }
}

impl Digest {
    /// The hash function; MD5 where it is left out (RFC 7616 §3.4).
    ///
    /// Errors: one that the host does not have.
    pub fn algorithm(&self) -> Result<Algorithm, Unusable> {
        match self.algorithm.as_deref() {
            None => Ok(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Ok(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Ok(Algorithm::Sha256),
            Some(_) => Err(Unusable::Algorithm),
        }
    }

    /// Whether the host made its nonce for this source, and nobody used it before.
    pub fn is_fresh(&self) -> bool {
        self.nonce_state == NonceState::Fresh
    }

    /// An empty `qop` is none, as some devices mean it.
    fn qop(&self) -> Result<Option<QopInput<'_>>, Unusable> {
        let Some(qop) = self.qop.as_deref().filter(|qop| !qop.is_empty()) else {
            return Ok(None);
        };
        match (&self.nc, &self.cnonce) {
            (Some(nc), Some(cnonce)) if qop.eq_ignore_ascii_case("auth") => {
                Ok(Some(QopInput { qop, nc, cnonce }))
            }
            _ => Err(Unusable::Qop),
        }
    }
}

impl Verdict {
    /// A refusal with a status of 400 to 699 and a reason phrase.
    pub fn refuse(status: u16, reason: &str) -> Self {
        Self::Refuse(Refusal { status, reason: reason.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{answered, registration};

    const STATES: [NonceState; 4] =
        [NonceState::Fresh, NonceState::Replayed, NonceState::Stale, NonceState::Unknown];

    fn proved(request: &Registration) -> bool {
        let right = |_: DigestInput<'_>, response: &str| Ok(response == "r");
        request.is_proved_by(Credential::stand_in(&right)).unwrap()
    }

    #[test]
    fn only_a_fresh_nonce_for_our_realm_proves() {
        assert_eq!(STATES.map(|state| proved(&answered(state))), [true, false, false, false]);
        assert!(!proved(&registration()));
        assert!(!proved(&Registration { realm: "other".into(), ..answered(NonceState::Fresh) }));
    }

    #[test]
    fn a_device_whose_nonce_was_not_fresh_is_told_so() {
        let stale = |request: &Registration| match request.challenge() {
            Verdict::Challenge(challenges) => challenges[0].stale,
            Verdict::Admit | Verdict::Refuse(_) => unreachable!("it is a challenge"),
        };
        assert_eq!(STATES.map(|state| stale(&answered(state))), [false, true, true, true]);
        assert!(!stale(&registration()));
    }

    #[test]
    fn what_cannot_be_computed_says_why() {
        let unusable = |change: fn(&mut Digest)| {
            let mut request = answered(NonceState::Fresh);
            if let Some(digest) = &mut request.digest {
                change(digest);
            }
            request.digest_input().err()
        };
        assert_eq!(registration().digest_input(), Err(Unusable::Missing));
        assert_eq!(unusable(|digest| digest.algorithm = Some("MD4".into())), Some(Unusable::Algorithm));
        assert_eq!(unusable(|digest| digest.qop = Some("auth".into())), Some(Unusable::Qop));
        assert_eq!(unusable(|digest| digest.qop = Some(String::new())), None);
        assert_eq!(unusable(|digest| digest.algorithm = None), None);
    }
}

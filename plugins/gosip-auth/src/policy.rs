//! The decisions.
//!
//! | the request carries | issued, right password | anything else |
//! | --- | --- | --- |
//! | no credentials | challenge | challenge |
//! | credentials, fresh nonce | admit | refuse: 403, or 400 where parts are missing |
//! | credentials, any other nonce | challenge, stale | challenge |
//!
//! - The right column is the same for a device that was never issued as for a wrong password, so that ids
//!   cannot be found out by asking.
//! - A wrong password under a fresh nonce is 403 and not one more 401. A 401 would carry the next nonce, that is a
//!   guess for each message, and some cameras answer it at once and for ever. After a 403 a guess
//!   costs two messages, and a device waits for its own interval, at least 60 s (GB/T 28181 §9.1.2.1), and begins
//!   anew; a password corrected meanwhile is then taken.
//! - Only a fresh nonce admits. A right answer under any other is told `stale` (RFC 7616 §3.3): the device tries
//!   again by itself with the new nonce. That helps a device whose nonce expired, which sent a request twice, or which
//!   remembers a nonce from before the gateway's restart; it helps nobody who replays what he heard.
//! - `username` is taken as it comes: some devices send `admin` or another id. What counts is that the
//!   answer was made with the password of the device that From names.

use serde::Deserialize;
use sluice_sdk::{
    Algorithm, Auth, Credential, DigestInput, Policy,
    auth::{Challenge, Digest, NonceState, Registration, Unusable, Verdict},
    samples::{answered, registration},
    types::Refusal,
};

/// `[plugins.config.gosip-auth]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GosipAuth {
    /// What is offered, in this order, and accepted. MD5 alone: old cameras break on two challenges.
    algorithms: Vec<Hash>,
    /// `"auth"`, or `""` to leave it out of challenges. Answers may lack it either way.
    qop: Qop,
    /// Offers SHA-256 before the others to devices that say `X-GB-Ver: 3.0` (GB/T 28181-2022) or later.
    sha256_for_2022: bool,
}

impl Default for GosipAuth {
    fn default() -> Self {
        Self { algorithms: vec![Hash::Md5], qop: Qop::Auth, sha256_for_2022: false }
    }
}

/// A hash function, by its name in challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Hash {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "SHA-256")]
    Sha256,
}

/// Whether challenges carry `qop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Qop {
    #[serde(rename = "auth")]
    Auth,
    #[serde(rename = "")]
    None,
}

impl Policy for GosipAuth {
    fn prepare(&mut self) -> Result<(), String> {
        if self.algorithms.is_empty() {
            return Err("`algorithms` names none; give \"MD5\", \"SHA-256\" or both".into());
        }
        Ok(())
    }

    /// The table above, its rows run with a host that finds every answer right, or wrong.
    fn self_test(&self) -> Result<(), String> {
        let policy = Self::default();
        for (state, right, expected) in [
            (NonceState::Fresh, true, Verdict::Admit),
            (NonceState::Fresh, false, Verdict::Refuse(forbidden())),
            (NonceState::Replayed, true, policy.challenge(&registration(), true)),
            (NonceState::Stale, false, policy.challenge(&registration(), false)),
        ] {
            let judge = |_: DigestInput<'_>, _: &str| Ok(right);
            let verdict = policy.register(&answered(state), Some(Credential::stand_in(&judge)))?;
            if verdict != expected {
                return Err(format!("nonce {state:?}, answer right: {right}: {verdict:?}"));
            }
        }
        Ok(())
    }
}

impl Auth for GosipAuth {
    fn register(
        &self,
        request: &Registration,
        credential: Option<Credential<'_>>,
    ) -> Result<Verdict, String> {
        let Some(digest) = &request.digest else {
            return Ok(self.challenge(request, false));
        };
        let right = match (self.input(request, digest), credential) {
            (Err(refusal), _) => Err(refusal),
            (Ok(_), None) => Ok(false),
            (Ok(input), Some(credential)) => Ok(credential.verify(input, &digest.response)?),
        };
        Ok(match (digest.nonce_state, right) {
            (NonceState::Fresh, Ok(true)) => Verdict::Admit,
            (NonceState::Fresh, Ok(false)) => Verdict::Refuse(forbidden()),
            (NonceState::Fresh, Err(refusal)) => Verdict::Refuse(refusal),
            (NonceState::Replayed | NonceState::Stale | NonceState::Unknown, right) => {
                self.challenge(request, matches!(right, Ok(true)))
            }
        })
    }
}

impl GosipAuth {
    /// What the answer must have been computed from, or why there is no such thing.
    fn input<'a>(&self, request: &'a Registration, digest: &Digest) -> Result<DigestInput<'a>, Refusal> {
        let input = request.digest_input().map_err(|unusable| match unusable {
            Unusable::Algorithm | Unusable::Missing => forbidden(),
            Unusable::Qop => Refusal { status: 400, reason: "Bad Request".into() },
        })?;
        let offered = self.offered(request).into_iter().any(|hash| hash.algorithm() == input.algorithm);
        if offered && digest.realm == request.realm { Ok(input) } else { Err(forbidden()) }
    }

    fn challenge(&self, request: &Registration, stale: bool) -> Verdict {
        let challenge = |hash: Hash| Challenge {
            realm: request.realm.clone(),
            algorithm: hash.name().into(),
            qop: (self.qop == Qop::Auth).then(|| "auth".into()),
            stale,
        };
        Verdict::Challenge(self.offered(request).into_iter().map(challenge).collect())
    }

    /// What a device is offered, and what is taken from it.
    fn offered(&self, request: &Registration) -> Vec<Hash> {
        let mut offered = self.algorithms.clone();
        if self.sha256_for_2022 && speaks_2022(request) {
            offered.retain(|hash| *hash != Hash::Sha256);
            offered.insert(0, Hash::Sha256);
        }
        offered
    }
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Md5 => Algorithm::Md5,
            Self::Sha256 => Algorithm::Sha256,
        }
    }
}

/// The same words for whatever is wrong.
fn forbidden() -> Refusal {
    Refusal { status: 403, reason: "Forbidden".into() }
}

fn speaks_2022(request: &Registration) -> bool {
    let version = request.attributes.iter().find(|attribute| attribute.name == "x-gb-ver");
    version.and_then(|version| version.value.trim().parse::<f32>().ok()).is_some_and(|version| version >= 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_sdk::{QopInput, configured, types::Attribute};

    type Verify = fn(DigestInput<'_>, &str) -> Result<bool, String>;
    const RIGHT: Option<Verify> = Some(|_, _| Ok(true));
    const WRONG: Option<Verify> = Some(|_, _| Ok(false));
    const NOT_ISSUED: Option<Verify> = None;

    fn ask(policy: &GosipAuth, request: &Registration, verify: Option<Verify>) -> Result<Verdict, String> {
        policy.register(request, verify.as_ref().map(|verify| Credential::stand_in(verify)))
    }

    fn decide(request: &Registration, verify: Option<Verify>) -> Verdict {
        ask(&GosipAuth::default(), request, verify).unwrap()
    }

    fn challenged(stale: bool) -> Verdict {
        Verdict::Challenge(vec![Challenge {
            realm: "3707000008".into(),
            algorithm: "MD5".into(),
            qop: Some("auth".into()),
            stale,
        }])
    }

    fn refused(status: u16, reason: &str) -> Verdict {
        Verdict::Refuse(Refusal { status, reason: reason.into() })
    }

    fn with(change: impl FnOnce(&mut Digest)) -> Registration {
        let mut request = answered(NonceState::Fresh);
        change(request.digest.as_mut().unwrap());
        request
    }

    #[test]
    fn without_credentials_everybody_is_challenged() {
        for verify in [RIGHT, WRONG, NOT_ISSUED] {
            assert_eq!(decide(&registration(), verify), challenged(false));
        }
    }

    #[test]
    fn the_right_answer_under_a_fresh_nonce_admits() {
        assert_eq!(decide(&answered(NonceState::Fresh), RIGHT), Verdict::Admit);
    }

    #[test]
    fn an_unknown_device_looks_like_a_wrong_password() {
        for state in [NonceState::Fresh, NonceState::Replayed, NonceState::Stale, NonceState::Unknown] {
            let request = answered(state);
            assert_eq!(decide(&request, WRONG), decide(&request, NOT_ISSUED));
        }
        assert_eq!(decide(&answered(NonceState::Fresh), WRONG), refused(403, "Forbidden"));
    }

    #[test]
    fn no_other_nonce_admits_but_the_right_answer_is_told_to_try_again() {
        for state in [NonceState::Replayed, NonceState::Stale, NonceState::Unknown] {
            assert_eq!(decide(&answered(state), RIGHT), challenged(true), "{state:?}");
            assert_eq!(decide(&answered(state), WRONG), challenged(false), "{state:?}");
        }
    }

    #[test]
    fn the_answer_is_checked_for_what_the_device_sent() {
        let request = with(|digest| {
            digest.username = "admin".into();
            digest.uri = "sip:34020000002000000001@3402000000".into();
            digest.algorithm = None;
            digest.qop = Some("auth".into());
            digest.nc = Some("0000000A".into());
            digest.cnonce = Some("c".into());
        });
        let verify: Verify = |input, response| {
            let expected = DigestInput {
                algorithm: Algorithm::Md5,
                username: "admin",
                realm: "3707000008",
                nonce: "n",
                method: "REGISTER",
                uri: "sip:34020000002000000001@3402000000",
                qop: Some(QopInput { qop: "auth", nc: "0000000A", cnonce: "c" }),
            };
            Ok(input == expected && response == "r")
        };
        assert_eq!(decide(&request, Some(verify)), Verdict::Admit);
    }

    #[test]
    fn another_realm_or_algorithm_never_admits() {
        let realm = with(|digest| digest.realm = "34020000002".into());
        let not_allowed = with(|digest| digest.algorithm = Some("SHA-256".into()));
        let unheard_of = with(|digest| digest.algorithm = Some("MD5-sess".into()));
        for request in [realm, not_allowed, unheard_of] {
            assert_eq!(decide(&request, RIGHT), refused(403, "Forbidden"));
        }
    }

    #[test]
    fn a_device_that_remembers_another_realm_is_challenged_with_ours() {
        let mut request = with(|digest| digest.realm = "old".into());
        request.digest.as_mut().unwrap().nonce_state = NonceState::Unknown;
        assert_eq!(decide(&request, RIGHT), challenged(false));
    }

    #[test]
    fn qop_needs_its_parameters_and_an_empty_one_is_none() {
        let bare = with(|digest| digest.qop = Some("auth".into()));
        assert_eq!(decide(&bare, RIGHT), refused(400, "Bad Request"));
        let integrity = with(|digest| {
            digest.qop = Some("auth-int".into());
            digest.nc = Some("00000001".into());
            digest.cnonce = Some("c".into());
        });
        assert_eq!(decide(&integrity, RIGHT), refused(400, "Bad Request"));
        assert_eq!(decide(&with(|digest| digest.qop = Some(String::new())), RIGHT), Verdict::Admit);
    }

    #[test]
    fn the_configuration_says_what_is_offered_and_taken() {
        let policy = configured::<GosipAuth>(r#"{"algorithms":["SHA-256","MD5"],"qop":""}"#).unwrap();
        let challenges = |algorithms: &[&str], qop: Option<&str>| {
            let challenge = |algorithm: &&str| Challenge {
                realm: "3707000008".into(),
                algorithm: (*algorithm).into(),
                qop: qop.map(Into::into),
                stale: false,
            };
            Verdict::Challenge(algorithms.iter().map(challenge).collect())
        };
        let verdict = ask(&policy, &registration(), RIGHT);
        assert_eq!(verdict, Ok(challenges(&["SHA-256", "MD5"], None)));
        let sha = with(|digest| digest.algorithm = Some("sha-256".into()));
        assert_eq!(ask(&policy, &sha, RIGHT), Ok(Verdict::Admit));

        let policy = configured::<GosipAuth>(r#"{"sha256_for_2022":true}"#).unwrap();
        let mut modern = registration();
        modern.attributes.push(Attribute { name: "x-gb-ver".into(), value: "3.0".into() });
        assert_eq!(ask(&policy, &modern, RIGHT), Ok(challenges(&["SHA-256", "MD5"], Some("auth"))));
        assert_eq!(ask(&policy, &registration(), RIGHT), Ok(challenged(false)));
    }

    #[test]
    fn a_wrong_configuration_says_what_is_wrong() {
        assert!(
            configured::<GosipAuth>(r#"{"algoritms":[]}"#).unwrap_err().contains("unknown field `algoritms`")
        );
        assert!(configured::<GosipAuth>(r#"{"algorithms":[]}"#).unwrap_err().contains("names none"));
        assert!(configured::<GosipAuth>(r#"{"algorithms":["MD4"]}"#).unwrap_err().contains("MD4"));
    }

    #[test]
    fn the_host_failing_is_no_decision() {
        let broken: Verify = |_, _| Err("no".into());
        assert_eq!(ask(&GosipAuth::default(), &answered(NonceState::Fresh), Some(broken)), Err("no".into()));
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(GosipAuth::default().self_test(), Ok(()));
    }
}

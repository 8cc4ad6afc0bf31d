//! `auth.register`: a registration and the password that was issued, to a verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::plugin::{
    Algorithm, Credential, DigestInput, Error, Plugin, QopInput, Role,
    auth::{Challenge, Digest, Registration, Verdict},
    types::Refusal,
};

use super::{
    row::{Question, attributes},
    words::NonceState,
};

/// A REGISTER.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Register {
    /// The password that the device was issued with; left out for one that nobody issued.
    issued: Option<String>,
    device: String,
    realm: String,
    method: String,
    source: String,
    transport: String,
    user_agent: Option<String>,
    digest: Option<Answered>,
    expires: u32,
    attributes: BTreeMap<String, String>,
}

/// Credentials. What the device answers is computed from `password`, unless `response` says it.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Answered {
    password: Option<String>,
    response: Option<String>,
    /// The device's id unless given.
    username: Option<String>,
    /// The registration's unless given.
    realm: Option<String>,
    nonce: String,
    nonce_state: NonceState,
    uri: String,
    /// Left out of the credentials where empty.
    algorithm: String,
    qop: Option<String>,
    nc: Option<String>,
    cnonce: Option<String>,
    opaque: Option<String>,
}

impl Default for Register {
    fn default() -> Self {
        Self {
            issued: None,
            device: "37070000081118000001".into(),
            realm: "3707000008".into(),
            method: "REGISTER".into(),
            source: "192.0.2.7:5060".into(),
            transport: "UDP".into(),
            user_agent: None,
            digest: None,
            expires: 3600,
            attributes: BTreeMap::new(),
        }
    }
}

impl Default for Answered {
    fn default() -> Self {
        Self {
            password: None,
            response: None,
            username: None,
            realm: None,
            nonce: "9f2c".into(),
            nonce_state: NonceState::Fresh,
            uri: "sip:37070000082008000001@3707000008".into(),
            algorithm: "MD5".into(),
            qop: None,
            nc: None,
            cnonce: None,
            opaque: None,
        }
    }
}

impl Question for Register {
    const ROLE: Role = Role::Auth;
    const FUNCTION: &'static str = "register";
    type Asked = (Registration, Option<Credential>);
    type Answer = Expected;

    fn asked(&self) -> Result<Self::Asked, String> {
        let digest = self.digest.as_ref().map(|digest| digest.record(self)).transpose()?;
        let registration = Registration {
            device: self.device.clone(),
            realm: self.realm.clone(),
            method: self.method.clone(),
            source: self.source.clone(),
            transport: self.transport.clone(),
            user_agent: self.user_agent.clone(),
            digest,
            expires: self.expires,
            attributes: attributes(&self.attributes),
        };
        Ok((registration, self.issued.as_deref().map(Credential::new)))
    }

    fn ask((request, credential): &Self::Asked, plugin: &Plugin) -> Result<Expected, Error> {
        plugin.register(request, credential.clone()).map(Expected::from)
    }
}

impl Answered {
    fn record(&self, request: &Register) -> Result<Digest, String> {
        let mut digest = Digest {
            username: self.username.clone().unwrap_or_else(|| request.device.clone()),
            realm: self.realm.clone().unwrap_or_else(|| request.realm.clone()),
            nonce: self.nonce.clone(),
            nonce_state: self.nonce_state.into(),
            uri: self.uri.clone(),
            response: String::new(),
            algorithm: Some(self.algorithm.clone()).filter(|algorithm| !algorithm.is_empty()),
            qop: self.qop.clone(),
            nc: self.nc.clone(),
            cnonce: self.cnonce.clone(),
            opaque: self.opaque.clone(),
        };
        digest.response = match (&self.password, &self.response) {
            (None, Some(response)) => response.clone(),
            (Some(password), None) => respond(&digest, &request.method, password)?,
            _ => return Err("given.digest: give either `password` or `response`".into()),
        };
        Ok(digest)
    }
}

/// What a device answers that has this password.
fn respond(digest: &Digest, method: &str, password: &str) -> Result<String, String> {
    let algorithm = match digest.algorithm.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("MD5") => Algorithm::Md5,
        Some("SHA-256") => Algorithm::Sha256,
        Some(other) => return Err(format!("given.digest: {other} cannot be computed; give `response`")),
    };
    let qop = digest.qop.as_ref().map(|qop| QopInput {
        qop: qop.clone(),
        nc: digest.nc.clone().unwrap_or_default(),
        cnonce: digest.cnonce.clone().unwrap_or_default(),
    });
    let input = DigestInput {
        algorithm,
        username: digest.username.clone(),
        realm: digest.realm.clone(),
        nonce: digest.nonce.clone(),
        method: method.to_owned(),
        uri: digest.uri.clone(),
        qop,
    };
    Credential::new(password).answer(&input).map_err(|error| format!("given.digest: {error}"))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Admit,
    Challenge(Vec<ExpectedChallenge>),
    Refuse(ExpectedRefusal),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedChallenge {
    realm: Option<String>,
    algorithm: Option<String>,
    /// Empty where there is none.
    qop: Option<String>,
    stale: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedRefusal {
    status: Option<u16>,
    reason: Option<String>,
}

impl From<Verdict> for Expected {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Admit => Self::Admit,
            Verdict::Challenge(challenges) => {
                Self::Challenge(challenges.into_iter().map(ExpectedChallenge::from).collect())
            }
            Verdict::Refuse(Refusal { status, reason }) => {
                Self::Refuse(ExpectedRefusal { status: Some(status), reason: Some(reason) })
            }
        }
    }
}

impl From<Challenge> for ExpectedChallenge {
    fn from(Challenge { realm, algorithm, qop, stale }: Challenge) -> Self {
        Self {
            realm: Some(realm),
            algorithm: Some(algorithm),
            qop: Some(qop.unwrap_or_default()),
            stale: Some(stale),
        }
    }
}

//! REGISTER (GB/T 28181 §9.1, RFC 3261 §10.3): the policy decides who is let in; what is new is in the
//! store before the 200 leaves.

use std::sync::{MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::gb28181::DeviceId;
use crate::plugin::auth;
use crate::sip::core::Peer;
use crate::sip::core::digest::{self, Algorithm, Challenge, Credentials};
use crate::sip::core::message::{Request, Response};
use crate::sip::core::nonce::{NonceKeeper, NonceState, Presented, Shown};
use crate::store::{Registration, Touch};

use super::registry::{self, Admission};
use super::{Error, Gateway, clock};

/// What a device gets that asks for nothing: an hour, as most devices would ask for themselves.
const DEFAULT_EXPIRES: u32 = 3600;

/// A device's REGISTER and what was read from it.
struct Attempt<'a> {
    request: &'a Request,
    peer: Peer,
    device: DeviceId,
    /// The nonce that its credentials show.
    nonce: Option<Shown>,
    expires: u32,
}

impl Gateway {
    /// The answer to a REGISTER; none where the device is banned.
    pub(super) async fn register(&self, request: &Request, peer: Peer) -> Result<Option<Response>, Error> {
        let Some(device) = request.headers.from_user().and_then(|user| DeviceId::parse(user).ok()) else {
            return Ok(Some(request.respond(400).with_reason("From names no device")));
        };
        if self.is_banned(&device, peer) {
            return Ok(None);
        }
        let limits = &self.0.config.sip;
        let expires = request.headers.expires().unwrap_or(DEFAULT_EXPIRES).min(limits.expires_max_secs);
        if (1..limits.expires_min_secs).contains(&expires) {
            let shortest = limits.expires_min_secs.to_string();
            return Ok(Some(request.respond(423).with("Min-Expires", shortest)));
        }
        let credentials = request.headers.authorization();
        let nonce = credentials.as_ref().and_then(|credentials| self.nonce_shown(request, peer, credentials));
        let attempt = Attempt { request, peer, device, nonce, expires };
        match self.judged(&attempt, credentials)? {
            None => self.admitted(&attempt).await.map(Some),
            refused => Ok(refused),
        }
    }

    /// What the policy has answered; none where it lets the device in.
    fn judged(
        &self,
        attempt: &Attempt<'_>,
        credentials: Option<Credentials>,
    ) -> Result<Option<Response>, Error> {
        let Attempt { request, peer, .. } = *attempt;
        let credential = self.0.registry.credential(&attempt.device);
        if let (None, Some(credentials)) = (&credential, &credentials) {
            feign(credentials, request);
        }
        let state = attempt.nonce.as_ref().map(|nonce| self.nonces().judge(Instant::now().into_std(), nonce));
        let asked = attempt.for_policy(&self.0.config.platform.region, credentials.zip(state));
        match self.0.plugins.register(&asked, credential)? {
            auth::Verdict::Admit => Ok(None),
            auth::Verdict::Challenge(challenges) => self.challenged(attempt, &challenges).map(Some),
            auth::Verdict::Refuse(refusal) => {
                tracing::info!(device.id = %attempt.device, %peer, status = refusal.status, "registration refused");
                if asked.digest.is_some_and(|digest| digest.nonce_state == auth::NonceState::Fresh) {
                    self.note_failure(&attempt.device, peer);
                }
                Ok(Some(request.respond(refusal.status).with_reason(refusal.reason)))
            }
        }
    }

    /// The nonce in credentials; none where nothing tells the request from its repetitions.
    fn nonce_shown(&self, request: &Request, peer: Peer, credentials: &Credentials) -> Option<Shown> {
        let (cseq, call_id) = (&request.headers.cseq()?, request.headers.call_id()?);
        Some(self.nonces().read(&Presented { source: peer.remote, credentials, call_id, cseq }))
    }

    fn challenged(&self, attempt: &Attempt<'_>, challenges: &[auth::Challenge]) -> Result<Response, Error> {
        let mut response = attempt.request.respond(401);
        for challenge in challenges {
            let nonce = self.nonce(attempt.peer)?;
            let challenge = Challenge {
                realm: &challenge.realm,
                nonce: &nonce,
                algorithm: challenge.algorithm.parse().map_err(|_| {
                    Error::Internal(format!("the policy challenges with {}", challenge.algorithm))
                })?,
                auth: challenge.qop.is_some(),
                stale: challenge.stale,
            };
            response = response.with("WWW-Authenticate", challenge.to_string());
        }
        Ok(response)
    }

    fn nonce(&self, peer: Peer) -> Result<String, Error> {
        let random = self.0.randoms.take()?;
        Ok(self.nonces().mint(Instant::now().into_std(), peer.remote.ip(), random))
    }

    /// The policy said yes. Where the device showed a nonce, it is used up now; should another request have used
    /// it a moment ago, this one is turned away like any replay.
    async fn admitted(&self, attempt: &Attempt<'_>) -> Result<Response, Error> {
        let nonce = attempt.nonce.as_ref();
        let consumed = nonce.map(|nonce| self.nonces().consume(Instant::now().into_std(), nonce));
        if consumed.is_some_and(|state| state != NonceState::Fresh) {
            return Ok(attempt.request.respond(403).with_reason("Nonce already used"));
        }
        if attempt.expires == 0 { Box::pin(self.left(attempt)).await } else { self.let_in(attempt).await }
    }

    async fn let_in(&self, attempt: &Attempt<'_>) -> Result<Response, Error> {
        let Attempt { request, peer, device, expires, .. } = attempt;
        let called = attempt.called();
        let admission = self.0.registry.judge(device, *peer, called);
        self.note_registration(attempt, admission).await?;
        if !self.0.registry.admit(device, *peer, called, Instant::now()) {
            return Ok(request.respond(403).with_reason("Deleted"));
        }
        self.0.bans.succeed(device, peer.remote.ip());
        if admission == Admission::New {
            tracing::info!(device.id = %device, %peer, "device registered");
            self.0.streams.hasten(device, Instant::now());
            self.describe_soon(device);
        }
        let mut response = self.dated(request.respond(200), device).await;
        if let Some(contact) = request.headers.get("Contact") {
            response = response.with("Contact", contact);
        }
        Ok(response.with("Expires", expires.to_string()))
    }

    /// A 200 with the time, unless the device is better left alone with it.
    async fn dated(&self, response: Response, device: &DeviceId) -> Response {
        if self.dialect(device).await.sets_clock() {
            response.with("Date", self.0.dates.now(&self.0.zone))
        } else {
            response
        }
    }

    /// What is new is stored before the 200; a refresh that changes nothing is written behind.
    async fn note_registration(&self, attempt: &Attempt<'_>, admission: Admission) -> Result<(), Error> {
        let device = attempt.device.as_str();
        match admission {
            Admission::Refresh => {
                let now = clock::seconds();
                let (seen_at, expires_at) = (Some(now), Some(now + i64::from(attempt.expires)));
                self.0.store.touch(device, Touch { expires_at, seen_at, ..Touch::default() });
            }
            // Kept apart, so that it takes no room in a refresh.
            Admission::New => Box::pin(self.store_registration(attempt)).await?,
        }
        Ok(())
    }

    async fn store_registration(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        let event = self.registration_event().await?;
        let row = self.0.store.register(attempt.device.as_str(), attempt.row(), event).await?;
        self.recognise(&attempt.device, &row);
        self.0.events.wake();
        Ok(())
    }

    /// De-registration: `Expires: 0`, authenticated like any other.
    async fn left(&self, attempt: &Attempt<'_>) -> Result<Response, Error> {
        let Attempt { request, device, .. } = attempt;
        let events = self.user_activity(device, "OFF");
        self.0.store.deregister(device.as_str(), events).await?;
        self.0.events.wake();
        self.0.registry.leave(device);
        tracing::info!(device.id = %device, "device de-registered");
        Ok(self.dated(request.respond(200), device).await.with("Expires", "0"))
    }

    fn nonces(&self) -> MutexGuard<'_, NonceKeeper> {
        self.0.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    fn called(&self) -> u64 {
        let headers = &self.request.headers;
        let version = headers.get("X-GB-Ver");
        registry::called(headers.user_agent().unwrap_or_default(), version.unwrap_or_default())
    }

    fn for_policy(&self, realm: &str, shown: Option<(Credentials, NonceState)>) -> auth::Registration {
        let headers = &self.request.headers;
        let version = headers.get("X-GB-Ver").map(|version| attribute("x-gb-ver", version));
        auth::Registration {
            device: self.device.to_string(),
            realm: realm.to_owned(),
            method: self.request.method.as_str().to_owned(),
            source: self.peer.remote.to_string(),
            transport: self.peer.transport.to_string(),
            user_agent: headers.user_agent().map(ToOwned::to_owned),
            digest: shown.map(|(credentials, state)| digest(credentials, state)),
            expires: self.expires,
            attributes: version.into_iter().collect(),
        }
    }

    fn row(&self) -> Registration {
        let headers = &self.request.headers;
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let uri = headers.contact_uri();
        let contact = uri.and_then(crate::sip::core::uri::Uri::parse);
        let now = clock::seconds();
        Registration {
            host: text(contact.map(|uri| uri.host)),
            port: contact.and_then(|uri| uri.port).map(|port| port.to_string()).unwrap_or_default(),
            transport: self.peer.transport.to_string(),
            proto: "SIP".to_owned(),
            report: self.peer.remote.port().to_string(),
            raddr: self.peer.remote.ip().to_string(),
            uri: text(uri),
            seen_at: now,
            expires_at: now + i64::from(self.expires),
            source: self.peer.remote.to_string(),
            local: self.peer.local.to_string(),
            user_agent: text(headers.user_agent()),
            gb_version: text(headers.get("X-GB-Ver")),
        }
    }
}

/// Hashes as if there were a password to compare with, so that a clock does not tell which devices there are.
fn feign(credentials: &Credentials, request: &Request) {
    let algorithm = credentials.algorithm.as_deref().map_or(Ok(Algorithm::Md5), str::parse);
    if let (Ok(algorithm), Some(input)) = (algorithm, credentials.input(request.method.as_str())) {
        let response = digest::compute(algorithm, &input, "");
        std::hint::black_box(digest::matches(&response, &credentials.response));
    }
}

fn digest(credentials: Credentials, state: NonceState) -> auth::Digest {
    auth::Digest {
        username: credentials.username,
        realm: credentials.realm,
        nonce: credentials.nonce,
        nonce_state: match state {
            NonceState::Fresh => auth::NonceState::Fresh,
            NonceState::Replayed => auth::NonceState::Replayed,
            NonceState::Stale => auth::NonceState::Stale,
            NonceState::Unknown => auth::NonceState::Unknown,
        },
        uri: credentials.uri,
        response: credentials.response,
        algorithm: credentials.algorithm,
        qop: credentials.qop,
        nc: credentials.nc,
        cnonce: credentials.cnonce,
        opaque: credentials.opaque,
    }
}

fn attribute(name: &str, value: &str) -> crate::plugin::types::Attribute {
    crate::plugin::types::Attribute { name: name.to_owned(), value: value.to_owned() }
}

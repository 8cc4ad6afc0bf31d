//! REGISTER (GB/T 28181 §9.1, RFC 3261 §10.3): the policy decides who is let in; what is new is in the
//! store before the 200 leaves.

use std::sync::PoisonError;

use crate::gb28181::DeviceId;
use crate::plugin::auth;
use crate::sip::core::Peer;
use crate::sip::core::digest::{Challenge, Credentials};
use crate::sip::core::message::{Request, Response};
use crate::sip::core::nonce::NonceState;
use crate::store::Registration;
use crate::{clock, plugin};

use super::registry::Admission;
use super::{Error, Gateway};

/// What a device gets that asks for nothing: an hour, as most devices would ask for themselves.
const DEFAULT_EXPIRES: u32 = 3600;

/// The longest registration that is granted, a day: a longer one would hide a lost device's data for longer.
const MAX_EXPIRES: u32 = 86_400;

impl Gateway {
    pub(super) async fn register(&self, request: &Request, peer: Peer) -> Result<Response, Error> {
        let Some(device) = request.headers.from_user().and_then(|user| DeviceId::parse(user).ok()) else {
            return Ok(request.respond(400).with_reason("From names no device"));
        };
        let credentials = request.headers.authorizations().into_iter().next();
        let state = credentials.as_ref().map(|credentials| self.nonce_state(request, peer, credentials));
        let asked = registration(self, request, peer, &device, credentials.as_ref().zip(state));
        match self.0.plugins.register(&asked, self.0.registry.credential(&device))? {
            auth::Verdict::Admit => {
                if let Some(credentials) = &credentials {
                    self.consume_nonce(request, peer, credentials);
                }
                self.admit(request, peer, &device).await
            }
            auth::Verdict::Challenge(challenges) => self.challenge(request, peer, &challenges),
            auth::Verdict::Refuse(refusal) => {
                tracing::info!(device.id = %device, %peer, status = refusal.status, "registration refused");
                let status = if (400..700).contains(&refusal.status) { refusal.status } else { 403 };
                Ok(request.respond(status).with_reason(refusal.reason))
            }
        }
    }

    fn nonce_state(&self, request: &Request, peer: Peer, credentials: &Credentials) -> NonceState {
        let nonces = self.0.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.judge(clock::now(), peer.remote.ip(), credentials, &exchange(request))
    }

    fn consume_nonce(&self, request: &Request, peer: Peer, credentials: &Credentials) {
        let mut nonces = self.0.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.consume(clock::now(), peer.remote.ip(), credentials, &exchange(request));
    }

    fn challenge(&self, request: &Request, peer: Peer, challenges: &[auth::Challenge]) -> Result<Response, Error> {
        if challenges.is_empty() {
            return Ok(request.respond(403));
        }
        let mut response = request.respond(401);
        for challenge in challenges {
            let nonces = self.0.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            let nonce = nonces.mint(clock::now(), peer.remote.ip())?;
            response = response.with("WWW-Authenticate", challenge_header(challenge, nonce));
        }
        Ok(response)
    }

    async fn admit(&self, request: &Request, peer: Peer, device: &DeviceId) -> Result<Response, Error> {
        let expires = request.headers.expires().unwrap_or(DEFAULT_EXPIRES).min(MAX_EXPIRES);
        if expires == 0 {
            self.deregister(device).await?;
            return Ok(request.respond(200).with("Expires", "0").with("Date", self.date()));
        }
        let admission = self.0.registry.judge(device, peer);
        if admission != Admission::Refresh {
            let registration = self.registration_row(request, peer, expires);
            self.record_registration(device, registration, admission).await?;
        }
        if !self.0.registry.admit(device, peer, tokio::time::Instant::now()) {
            return Ok(request.respond(403));
        }
        if admission == Admission::New {
            tracing::info!(device.id = %device, %peer, "device registered");
            self.describe_soon(device);
        }
        let contact = request.headers.get("Contact").map(ToOwned::to_owned);
        let mut response = request.respond(200);
        if let Some(contact) = contact {
            response = response.with("Contact", contact);
        }
        Ok(response.with("Expires", expires.to_string()).with("Date", self.date()))
    }
}

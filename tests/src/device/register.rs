//! Registration, and the ways to get it wrong.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::DeviceError;
use super::client;
use super::core::Core;
use super::event::DeviceEvent;
use crate::digest::{Challenge, Login, Request};
use crate::random;
use crate::sip::{Message, param};

/// Which credentials a REGISTER carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None: the first answer is the last.
    None,
    /// Answers the last challenge once more, without being challenged again; nc rises where there is qop.
    OldNonce,
    /// The very same Authorization as last time, in a new transaction.
    Replayed,
    /// Waits for the challenge and answers it with the device's password.
    Right,
    /// Waits for the challenge and answers it with another password.
    Wrong(String),
}

/// What came of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The last status: 200 is in.
    pub status: u16,
    /// Every final status on the way, 401 first as a rule.
    pub statuses: Vec<u16>,
    /// The Date header of the last answer.
    pub date: Option<String>,
    /// The expiry that was granted, seconds, from Expires or Contact.
    pub expires: Option<u32>,
    /// The last challenge.
    pub challenge: Option<Challenge>,
}

/// What a device remembers between its REGISTERs.
#[derive(Debug)]
pub(super) struct Registration {
    call_id: String,
    tag: String,
    sequence: u32,
    challenge: Option<Challenge>,
    count: u32,
    authorization: Option<String>,
    /// The keepalive loop runs.
    kept: bool,
    /// The last REGISTER that got 200 was no de-registration.
    pub(super) registered: bool,
    /// When that was.
    at: Option<Instant>,
}

impl Registration {
    pub(super) fn new() -> Self {
        Self {
            call_id: random::id(),
            tag: random::id(),
            sequence: 0,
            challenge: None,
            count: 0,
            authorization: None,
            kept: false,
            registered: false,
            at: None,
        }
    }

    /// Whether the device has registered, no longer ago than that.
    pub(super) fn is_younger_than(&self, age: Duration) -> bool {
        self.registered && self.at.is_some_and(|at| at.elapsed() < age)
    }
}

/// Registers for `expires` seconds; 0 de-registers.
pub(super) async fn register(
    core: &Arc<Core>,
    credentials: Credentials,
    expires: u32,
) -> Result<Registered, DeviceError> {
    let registered = attempt(core, &credentials, expires).await?;
    if registered.status == 200 && expires > 0 {
        keep(core);
    }
    Ok(registered)
}

/// Registers again as long as before.
pub(super) async fn refresh(core: &Core) -> Result<Registered, DeviceError> {
    attempt(core, &Credentials::Right, core.config.expires).await
}

/// Starts the keepalive loop, once.
fn keep(core: &Arc<Core>) {
    let first = core.with(|state| !std::mem::replace(&mut state.registration.kept, true));
    if let (true, Some(interval)) = (first, core.config.keepalive) {
        core.spawn(client::keep_registered(Arc::clone(core), interval));
    }
}

async fn attempt(core: &Core, credentials: &Credentials, expires: u32) -> Result<Registered, DeviceError> {
    let mut statuses = Vec::new();
    let mut authorization = first_authorization(core, credentials)?;
    loop {
        let answer = client::request(core, message(core, expires, authorization.take())).await?;
        let status = answer.status().unwrap_or_default();
        statuses.push(status);
        if status == 200 {
            core.with(|state| {
                state.registration.registered = expires > 0;
                state.registration.at = Some(Instant::now());
            });
        }
        core.events.push(DeviceEvent::Registered { status });
        let challenges = answer.all("WWW-Authenticate").any(|_| true);
        if status != 401 || !challenges {
            return Ok(outcome(core, &answer, statuses));
        }
        let needs_algorithm = core.config.habits.needs_algorithm;
        let is_usable = |challenge: &Challenge| !needs_algorithm || challenge.algorithm_text.is_some();
        let mut challenges = answer.all("WWW-Authenticate").filter_map(Challenge::parse);
        let challenge = challenges.find(is_usable).ok_or(DeviceError::Challenge)?;
        // A second challenge is worth an answer only when the password was right and the nonce old.
        let again = statuses.len() == 1 || (statuses.len() == 2 && challenge.stale);
        core.with(|state| {
            state.registration.challenge = Some(challenge);
            state.registration.count = 0;
        });
        let password = match credentials {
            Credentials::Right => core.config.password.clone(),
            Credentials::Wrong(password) => password.clone(),
            Credentials::None | Credentials::OldNonce | Credentials::Replayed => {
                return Ok(outcome(core, &answer, statuses));
            }
        };
        if !again {
            return Ok(outcome(core, &answer, statuses));
        }
        authorization = authorize(core, &password);
    }
}

fn first_authorization(core: &Core, credentials: &Credentials) -> Result<Option<String>, DeviceError> {
    match credentials {
        Credentials::None | Credentials::Right | Credentials::Wrong(_) => Ok(None),
        Credentials::OldNonce => {
            authorize(core, &core.config.password).map(Some).ok_or(DeviceError::NothingToReuse)
        }
        Credentials::Replayed => {
            let last = core.with(|state| state.registration.authorization.clone());
            last.map(Some).ok_or(DeviceError::NothingToReuse)
        }
    }
}

/// Answers the last challenge; `None` when there was none.
fn authorize(core: &Core, password: &str) -> Option<String> {
    let user = core.config.user.as_ref().unwrap_or(&core.config.id);
    let uri = platform(core);
    core.with(|state| {
        let registration = &mut state.registration;
        registration.count += 1;
        let request =
            Request { method: "REGISTER", uri: &uri, count: registration.count, cnonce: &random::id() };
        let value = registration.challenge.as_ref()?.answer(&Login { user, password }, &request);
        registration.authorization = Some(value.clone());
        Some(value)
    })
}

fn platform(core: &Core) -> String {
    format!("sip:{}@{}", core.config.platform_id, core.config.domain)
}

fn message(core: &Core, expires: u32, authorization: Option<String>) -> Message {
    let config = &core.config;
    let local = core.link().local();
    let own = format!("<sip:{}@{}>", config.id, config.domain);
    let (call_id, tag, sequence) = core.with(|state| {
        state.registration.sequence += 1;
        let registration = &state.registration;
        (registration.call_id.clone(), registration.tag.clone(), registration.sequence)
    });
    let mut message = Message::request("REGISTER", &platform(core))
        .with("From", format!("{own};tag={tag}"))
        .with("To", own)
        .with("Call-ID", call_id)
        .with("CSeq", format!("{sequence} REGISTER"))
        .with("Contact", format!("<sip:{}@{local}>", config.id));
    if let Some(authorization) = authorization {
        message.push("Authorization", authorization);
    }
    message.push("Max-Forwards", "70");
    message.push("User-Agent", config.user_agent.as_str());
    message.push("Expires", expires.to_string());
    if let Some(version) = config.habits.version {
        message.push("X-GB-Ver", version);
    }
    message
}

fn outcome(core: &Core, answer: &Message, statuses: Vec<u16>) -> Registered {
    let expires = answer
        .header("Expires")
        .or_else(|| answer.header("Contact").and_then(|contact| param(contact, "expires")))
        .and_then(|text| text.trim().parse().ok());
    Registered {
        status: answer.status().unwrap_or_default(),
        statuses,
        date: answer.header("Date").map(str::to_owned),
        expires,
        challenge: core.with(|state| state.registration.challenge.clone()),
    }
}

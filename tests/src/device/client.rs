//! A device's own requests: a non-INVITE client transaction (RFC 3261 §17.1.2).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::core::Core;
use super::event::DeviceEvent;
use super::{DeviceError, manscdp};
use crate::random;
use crate::sip::Message;

/// T2: the longest pause between retransmissions (RFC 3261 §17.1.2.1).
const T2: Duration = Duration::from_secs(4);

/// Where nobody reaches a device from outside.
const PRIVATE: &str = "192.168.1.64:5060";

/// Sends a request with a Via of its own and waits for its final answer.
pub(super) async fn request(core: &Core, mut message: Message) -> Result<Message, DeviceError> {
    let link = core.link();
    let branch = format!("z9hG4bK{}", random::id());
    let habits = &core.config.habits;
    let by = if habits.private_via { PRIVATE.to_owned() } else { link.local().to_string() };
    let via = format!("SIP/2.0/{} {by};rport;branch={branch}", link.name());
    message.headers.insert(0, ("Via".to_owned(), via));
    if habits.sorted_headers {
        message.headers.sort();
    }
    let (sender, mut answers) = mpsc::channel(8);
    core.with(|state| state.pending.insert(branch.clone(), sender));
    let answer = exchange(core, &message.to_bytes(), link.is_reliable(), &mut answers).await;
    core.with(|state| state.pending.remove(&branch));
    answer?.ok_or_else(|| DeviceError::NoAnswer { method: message.method().to_owned() })
}

async fn exchange(
    core: &Core,
    bytes: &[u8],
    reliable: bool,
    answers: &mut mpsc::Receiver<Message>,
) -> Result<Option<Message>, DeviceError> {
    let end = Instant::now() + core.config.t1 * 64;
    let mut pause = if reliable { core.config.t1 * 64 } else { core.config.t1 };
    loop {
        core.send(bytes).await?;
        let next = end.min(Instant::now() + pause);
        while let Ok(answer) = timeout_at(next, answers.recv()).await {
            match answer {
                // The device was switched off.
                None => return Ok(None),
                Some(answer) if answer.status().is_some_and(|status| status >= 200) => {
                    return Ok(Some(answer));
                }
                Some(_) => pause = T2,
            }
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        pause = (pause * 2).min(T2);
    }
}

/// Gives an answer to the request that waits for it.
pub(super) fn receive(core: &Core, answer: Message) {
    let waiting = core.with(|state| state.pending.get(answer.branch()).cloned());
    if let Some(waiting) = waiting {
        // Full means that many answers came and none was read: one more would change nothing.
        let _ = waiting.try_send(answer);
    }
}

/// A request outside any dialog, from the device to the platform.
pub(super) fn to_platform(core: &Core, method: &str) -> Message {
    let config = &core.config;
    let platform = format!("sip:{}@{}", config.platform_id, config.domain);
    Message::request(method, &platform)
        .with("From", format!("<sip:{}@{}>;tag={}", config.id, config.domain, random::id()))
        .with("To", format!("<{platform}>"))
        .with("Call-ID", random::id())
        .with("CSeq", format!("20 {method}"))
        .with("Max-Forwards", "70")
        .with("User-Agent", config.user_agent.as_str())
}

/// Sends a MESSAGE with that body; the status of its answer.
pub(super) async fn message(core: &Core, xml: &str) -> Result<u16, DeviceError> {
    let body = manscdp::encode(xml, core.config.charset);
    let answer = request(core, to_platform(core, "MESSAGE").with_body(manscdp::CONTENT_TYPE, body)).await?;
    Ok(answer.status().unwrap_or_default())
}

/// Sends one keepalive; the status of its answer.
pub(super) async fn keepalive(core: &Core, status: &str) -> Result<u16, DeviceError> {
    let body = manscdp::keepalive(core.next_sn(), &core.config.id, status);
    let answer = message(core, &body).await;
    core.events.push(DeviceEvent::KeptAlive { status: answer.as_ref().ok().copied() });
    answer
}

/// Keeps a registration alive until the device is switched off or registers anew.
pub(super) async fn keep_registered(core: Arc<Core>, interval: Duration) {
    let refresh = Duration::from_secs(u64::from(core.config.expires)) / 2;
    let mut refreshed = Instant::now();
    let mut tick = tokio::time::interval(interval);
    tick.tick().await;
    loop {
        tick.tick().await;
        let (behaviour, registered) =
            core.with(|state| (state.behaviour.clone(), state.registration.registered));
        if !registered {
            continue;
        }
        // What is lost on the way is the platform's to notice.
        if behaviour.jak {
            let _ = core.link().send(b"jaK\0").await;
        }
        if behaviour.garbage {
            let _ = core.link().send(b"\x00\xffrubbish\r\n\r\n").await;
        }
        let _ = keepalive(&core, "OK").await;
        if refreshed.elapsed() >= refresh && !core.config.habits.registers_once {
            refreshed = Instant::now();
            let _ = super::register::refresh(&core).await;
        }
    }
}

//! What a device answers to the platform's requests.

use std::sync::Arc;

use super::core::{Core, take_one};
use super::event::DeviceEvent;
use super::manscdp::Asked;
use super::{client, invite, query};
use crate::random;
use crate::sip::{Message, param};

/// Takes one message from the socket.
pub(super) async fn receive(core: &Arc<Core>, message: Message) {
    if message.status().is_some() {
        client::receive(core, message);
        return;
    }
    if message.method() == "ACK" {
        invite::acknowledged(core, &message);
        return;
    }
    if let Some(answer) = core.remembered(&message) {
        // A retransmission (RFC 3261 §17.2): the same answer again, or the same silence.
        if !answer.is_empty() {
            let _ = core.send(&answer).await;
        }
        return;
    }
    match message.method() {
        "BYE" => invite::bye(core, &message).await,
        "CANCEL" => invite::cancel(core, &message).await,
        "INVITE" => invite::invite(core, message).await,
        _ if is_stray(core, &message) => answer(core, &message, 481).await,
        _ if core.with(|state| state.behaviour.deaf) => core.remember(&message, Vec::new()),
        "INFO" => info(core, &message).await,
        "MESSAGE" => body(core, &message).await,
        "OPTIONS" | "NOTIFY" => answer(core, &message, 200).await,
        "SUBSCRIBE" => subscribe(core, &message).await,
        _ => answer(core, &message, 405).await,
    }
}

/// Answers with a bare status.
pub(super) async fn answer(core: &Core, request: &Message, status: u16) {
    respond(core, request, Message::response(request, status)).await;
}

/// Sends a response, with a To tag, and remembers it for retransmissions of the request.
pub(super) async fn respond(core: &Core, request: &Message, mut response: Message) {
    let to = response.header("To").unwrap_or_default().to_owned();
    if response.status() != Some(100) && param(&to, "tag").is_none() {
        response.set("To", format!("{to};tag={}", random::id()));
    }
    response.push("User-Agent", core.config.user_agent.as_str());
    if core.config.habits.sorted_headers {
        response.headers.sort();
    }
    let bytes = response.to_bytes();
    core.remember(request, bytes.clone());
    // A dead connection shows itself in the listening task.
    let _ = core.send(&bytes).await;
}

async fn body(core: &Arc<Core>, message: &Message) {
    let asked = Asked::read(&message.body);
    match asked.root.as_str() {
        "Query" => core.events.push(DeviceEvent::Queried {
            command: asked.command.clone(),
            sn: asked.sn.clone(),
            target: asked.target.clone(),
        }),
        _ => core
            .events
            .push(DeviceEvent::Commanded { command: asked.command.clone(), body: asked.body.clone() }),
    }
    if asked.root == "Query" && core.with(|state| take_one(&mut state.behaviour.refuse_queries)) {
        return answer(core, message, 403).await;
    }
    if asked.root == "Query" && is_settling(core) {
        let warning = "399 devnull \"<102>[Component]Not registered\"";
        return respond(core, message, Message::response(message, 403).with("Warning", warning)).await;
    }
    answer(core, message, 200).await;
    match asked.root.as_str() {
        "Query" => core.spawn(query::answer(Arc::clone(core), asked)),
        "Control" => core.spawn(query::command(Arc::clone(core), asked)),
        _ => {}
    }
}

/// Whether a request has a To tag, belongs to no dialog, and is refused for that.
fn is_stray(core: &Core, request: &Message) -> bool {
    let tagged = request.header("To").is_some_and(|to| param(to, "tag").is_some());
    let known = || core.with(|state| state.dialogs.contains_key(request.call_id()));
    core.config.habits.refuses_stray_tags && tagged && !known()
}

/// Whether the device has registered too short a while ago to be asked.
fn is_settling(core: &Core) -> bool {
    core.with(|state| state.registration.is_younger_than(core.config.habits.settling))
}

async fn info(core: &Core, message: &Message) {
    let call_id = message.call_id().to_owned();
    let known = core.with(|state| state.dialogs.contains_key(&call_id));
    core.events
        .push(DeviceEvent::Info { call_id, body: String::from_utf8_lossy(&message.body).into_owned() });
    answer(core, message, if known { 200 } else { 481 }).await;
}

async fn subscribe(core: &Core, message: &Message) {
    let expires = message.header("Expires").unwrap_or("3600").to_owned();
    respond(core, message, Message::response(message, 200).with("Expires", expires)).await;
}

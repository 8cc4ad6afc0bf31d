//! SIP messages as lines to read, as the device saw them.

use sluice_tests::device::DeviceEvent;
use sluice_tests::sip::{Message, Start};

/// Requests and answers among `events` that `wanted` accepts: `→` from the device, `←` to it.
pub(crate) fn lines(events: &[DeviceEvent], wanted: impl Fn(&Message) -> bool) -> String {
    let messages = events.iter().filter_map(|event| match event {
        DeviceEvent::Received { message } => Some(("←", message)),
        DeviceEvent::Sent { message } => Some(("→", message)),
        _ => None,
    });
    let wanted = messages.filter(|(_, message)| wanted(message));
    let mut lines: Vec<String> = wanted.map(|(arrow, message)| line(arrow, message)).collect();
    // A retransmission tells nothing new.
    lines.dedup();
    lines.join("\n")
}

/// A message's start line, and below it what this message is about.
fn line(arrow: &str, message: &Message) -> String {
    let start = match &message.start {
        Start::Request { method, uri } => format!("{method} {uri}"),
        Start::Response { status, reason } => format!("{status} {reason} ({})", message.method()),
    };
    let notes = [headers(message), manscdp(message), sdp(message)].into_iter().flatten();
    notes.fold(format!("{arrow} {start}"), |text, note| format!("{text}\n       {note}"))
}

/// The headers that matter: the challenge, that it was answered, expiry and subject. Never the digest.
fn headers(message: &Message) -> Option<String> {
    let shown = |name: &str| message.header(name).map(|value| format!("{name}: {value}"));
    let answered = message.header("Authorization").map(|value| {
        let kind = value.split_whitespace().next().unwrap_or_default();
        format!("Authorization: {kind} …")
    });
    let expires = shown("Expires").filter(|_| message.status() == Some(200));
    let notes = [shown("WWW-Authenticate"), answered, shown("Subject"), expires, shown("Date")];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("\n       "))
}

/// `Query Catalog`, `Response DeviceInfo`: the kind and CmdType of a MANSCDP body.
fn manscdp(message: &Message) -> Option<String> {
    let body = String::from_utf8_lossy(&message.body);
    let kind = ["Query", "Response", "Notify", "Control"]
        .into_iter()
        .find(|kind| body.contains(&format!("<{kind}>")))?;
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(text, _)| text.trim().to_owned())
    };
    let command = element("CmdType")?;
    let sum = element("SumNum").map(|sum| format!(", {sum} items in all")).unwrap_or_default();
    Some(format!("{kind} {command}{sum}"))
}

/// The lines of an SDP that say what is sent, where to, and under which SSRC.
fn sdp(message: &Message) -> Option<String> {
    let kind = message.header("Content-Type")?;
    if !kind.eq_ignore_ascii_case("application/sdp") {
        return None;
    }
    let body = String::from_utf8_lossy(&message.body);
    let shown = |line: &&str| ["s=", "c=", "t=", "m=", "y="].iter().any(|start| line.starts_with(start));
    Some(body.lines().filter(shown).collect::<Vec<_>>().join("  "))
}

//! The guests of `tests/guests`, put where they misbehave for some only.

use crate::component::{text, with_body};

/// Everything in `tests/guests` that misbehaves wherever it is put, and what its calls are counted as.
pub(crate) const GUESTS: [(&str, &str); 11] = [
    ("loops", "cpu"),
    ("hoards", "memory"),
    ("recurses", "trap"),
    ("traps", "trap"),
    ("gushes", "trap"),
    ("cuts", "trap"),
    ("overreaches", "trap"),
    ("garbles", "trap"),
    ("pesters", "host-calls"),
    ("rants", "ok"),
    ("stuffs", "guest"),
];

/// The User-Agent of the device for which [`auth`] misbehaves.
pub(crate) const HOSTILE: &str = "hostile";

/// The User-Agent of the device for which [`vendor`] misbehaves.
pub(crate) const QUAINT: &str = "quaint";

/// Admits everybody; but the User-Agent [`HOSTILE`] gets the guest.
pub(crate) fn auth(name: &str) -> Vec<u8> {
    // Five strings come before it in the record.
    only("register", name, &is_agent("$request", 40, HOSTILE))
}

/// Every registration gets the guest.
pub(crate) fn candidate(name: &str) -> Vec<u8> {
    only("register", name, "(i32.const 1)")
}

/// Knows no device; but the User-Agent [`QUAINT`] gets the guest.
pub(crate) fn vendor(name: &str) -> Vec<u8> {
    // One string comes before it in the record.
    only("claim", name, &is_agent("$device", 8, QUAINT))
}

/// Whether the optional text at that place of a record begins as `agent` does: whether it is there, where its bytes
/// are, and the first of them.
fn is_agent(record: &str, place: usize, agent: &str) -> String {
    let there = format!("(i32.load8_u offset={place} (local.get {record}))");
    let first = format!("(i32.load8_u (i32.load offset={} (local.get {record})))", place + 4);
    let letter = agent.as_bytes()[0];
    format!("(i32.and {there} (i32.eq {first} (i32.const {letter})))")
}

/// Allows every call; but one with three pairs in its query, `sign` among them, gets the guest.
pub(crate) fn sign(name: &str) -> Vec<u8> {
    only("check", name, "(i32.ge_u (local.get $pairs) (i32.const 3))")
}

/// Words no request for any event: every event gets the guest.
pub(crate) fn notify(name: &str) -> Vec<u8> {
    only("format", name, "(i32.const 1)")
}

/// A component whose function `hook` is the guest's where `condition` holds. Elsewhere it answers from 3072 on, where no
/// guest ever writes.
fn only(hook: &str, name: &str, condition: &str) -> Vec<u8> {
    let body = if name == GOOD { "(i32.const 3072)".to_owned() } else { text(&format!("{name}.wat")) };
    with_body(
        hook,
        &format!("(if {condition} (then (return (block (result i32)\n{body}\n)))) (i32.const 3072)"),
    )
}

/// Stands for a guest that does nothing wrong.
pub(crate) const GOOD: &str = "good";

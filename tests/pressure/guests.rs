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

/// The User-Agent of the devices for which [`auth`] misbehaves. Its first letter is enough.
pub(crate) const HOSTILE: &str = "hostile";

/// Admits everybody; but a User-Agent that begins as [`HOSTILE`] gets the guest.
pub(crate) fn auth(name: &str) -> Vec<u8> {
    // The place of `user-agent` in the record: five strings come before it.
    let agent = "(i32.load offset=44 (local.get $request))";
    let said = "(i32.load8_u offset=40 (local.get $request))";
    let letter = HOSTILE.as_bytes()[0];
    only("register", name, &format!("(i32.and {said} (i32.eq (i32.load8_u {agent}) (i32.const {letter})))"))
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

//! What notifications look like, as gosip has it: a POST with a JSON body, answered `ok`.
//!
//! `policy` holds the decisions and is plain Rust. `guest` makes a component of it.

#[cfg(target_family = "wasm")]
mod guest;
#[cfg_attr(
    not(any(test, target_family = "wasm")),
    expect(dead_code, reason = "called by the component and by tests")
)]
mod policy;

/// The contract in Rust.
mod wit {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "notify-plugin",
        additional_derives: [PartialEq],
    });
}

//! Which API calls and playbacks go on, as gosip has it: those that carry the right `sign`.
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
        world: "sign-plugin",
        additional_derives: [PartialEq],
    });
}

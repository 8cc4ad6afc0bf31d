//! Which recorded files go: those that are older than so many days.
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
        world: "cleanup-plugin",
        additional_derives: [PartialEq],
    });
}

//! Who may register, as gosip has it: a device that was issued, and that proves by Digest that it knows the
//! password it was issued with.
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
        world: "auth-plugin",
        // Records for the host are made of slices: nothing is copied to be asked about.
        ownership: Borrowing { duplicate_if_necessary: false },
        additional_derives: [PartialEq],
    });
}

//! The contract in Rust, generated from `wit/`.
//!
//! One world names every interface. No component has to export them all: [`super::instance`] binds each
//! exported interface by itself.
#![expect(missing_docs, reason = "generated; wit/ holds the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "policies",
    imports: { default: trappable },
    additional_derives: [PartialEq, Eq],
    with: {
        "sluice:policy/host.credential": crate::plugin::Credential,
        "sluice:policy/host.key": crate::plugin::Secret,
    },
});

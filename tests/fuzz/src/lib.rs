//! What reads the bytes of strangers, from the gateway's own sources, without what stands above it; and the bodies
//! of the fuzz targets.
//!
//! The lower floors need none of the upper ones, so they can be built alone: that takes a minute with
//! instrumentation, and the whole gateway with wasmtime and SQLite half an hour. `host/tests/fuzz.rs` runs the same
//! bodies against the gateway's library, within `cargo test`.

extern crate self as sluice;

pub mod bodies;

#[path = "../../../host/src/config/mod.rs"]
pub mod config;
#[path = "../../../host/src/gb28181/mod.rs"]
pub mod gb28181;

/// The half of the door that reads; the other half calls.
#[path = "../../../host/src/media"]
pub mod media {
    #[expect(dead_code, reason = "what only the calling half reads")]
    mod answer;
    mod hook;

    pub use self::{answer::*, hook::*};
}

#[path = "../../../host/src/source.rs"]
mod source;

/// The door's floor 0, without its sockets.
#[path = "../../../host/src/sip"]
pub mod sip {
    pub mod core;
}

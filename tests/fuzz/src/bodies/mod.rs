//! What must hold for any bytes at all: a function for each fuzz target, which panics where it does not hold.
//!
//! Two crates are made of this folder: the fuzz targets, and `host/tests/fuzz.rs`. It says `sluice` for the
//! gateway's library in both.

pub mod config;
pub mod core;
pub mod digest;
pub mod framing;
pub mod hook;
pub mod manscdp;
pub mod mansrtsp;
pub mod pieces;
pub mod sdp;
pub mod seeds;
pub mod sip;
mod tape;
mod xml;

/// Takes whatever the fuzzer made.
pub type Body = fn(&[u8]);

/// Every body, by its target's name.
pub const ALL: [(&str, Body); 10] = [
    ("fuzz_config", config::run),
    ("fuzz_core", core::run),
    ("fuzz_digest", digest::run),
    ("fuzz_framing", framing::run),
    ("fuzz_hook", hook::run),
    ("fuzz_manscdp", manscdp::run),
    ("fuzz_mansrtsp", mansrtsp::run),
    ("fuzz_pieces", pieces::run),
    ("fuzz_sdp", sdp::run),
    ("fuzz_sip", sip::run),
];

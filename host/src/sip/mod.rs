//! The door to SIP: sockets, and the loop that owns the core.

pub mod core;

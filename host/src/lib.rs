//! A GB28181 SIP gateway whose policy runs in WebAssembly components.
//!
//! Imports point downward only:
//!
//! ```text
//! main, lib
//!   http                                 faces
//!     gateway                            the domain: the only place where doors meet
//!       sip    store    media    plugin  doors: one outside thing each, strangers to one another
//!         sip::core    gb28181           codecs and machines: no tokio, no clock, no I/O
//! ```

pub mod config;
pub mod gateway;
pub mod gb28181;
pub mod http;
pub mod media;
pub mod plugin;
mod run;
pub mod sip;
mod source;
pub mod store;
mod threads;

pub use run::{Error, Server, plugin_settings};
pub use threads::runtime;

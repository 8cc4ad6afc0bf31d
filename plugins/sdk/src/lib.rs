//! Policy plugins for sluice: implement a trait, get a component.
//!
//! ```ignore
//! use sluice_sdk::{Key, Policy, Sign, sign::{Request, Verdict}};
//!
//! /// `[plugins.config.intranet]`.
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct Intranet {
//!     networks: Vec<String>,
//! }
//!
//! impl Policy for Intranet {}
//!
//! impl Sign for Intranet {
//!     fn check(&self, request: &Request, _: Key<'_>) -> Result<Verdict, String> {
//!         let inside = self.networks.iter().any(|net| request.source.starts_with(net));
//!         Ok(if inside { Verdict::Allow } else { Verdict::Refuse("from inside only".into()) })
//!     }
//! }
//!
//! sluice_sdk::export!(Intranet: Sign);
//! ```
//!
//! A policy *is* its configuration, read by serde. Its traits take and return the records of `wit/`, which are the
//! same types natively: `cargo test` runs a policy as plain Rust.
//!
//! | module | what |
//! | --- | --- |
//! | [`auth`], [`sign`], [`notify`], [`cleanup`], [`vendor`], [`types`] | the records of each interface |
//! | [`log`], [`kv`], [`now`] | what a policy may ask of the host |
//! | [`Credential`], [`Key`], [`same`] | secrets, and comparing what is made with them |
//! | [`samples`] | what a policy is asked, for tests and self-tests |
//! | `testing` | for `cargo test`: the clock, and the real component against its cases |

pub mod auth;
#[doc(hidden)]
pub mod bindings;
mod config;
#[doc(hidden)]
pub mod glue;
mod host;
pub mod kv;
pub mod log;
mod policy;
pub mod samples;
mod secret;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod vendor;

pub use bindings::{
    base::sluice::policy::types, cleanup::exports::sluice::policy::cleanup,
    notify::exports::sluice::policy::notify, sign::exports::sluice::policy::sign,
};
pub use config::configured;
pub use host::now;
pub use policy::{Auth, Cleanup, Notify, Policy, Sign, Vendor};
pub use secret::{Algorithm, Credential, DigestInput, Key, Piece, QopInput, same};

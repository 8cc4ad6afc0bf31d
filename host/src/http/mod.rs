//! The HTTP face: gosip's API, the media server's hooks, health.
//!
//! A request enters by `server` (connections), is found in `routes` (one table), decoded by
//! `request`, handed to the gateway by a handler in `api`, answered by `reply` and put in the one
//! envelope by `seal`.
//! ZLMediaKit's hooks have a language of their own: `hook`.

mod admission;
mod api;
mod errand;
mod health;
mod hook;
mod limits;
mod metrics;
mod patient;
mod reply;
mod request;
mod routes;
mod seal;
mod server;

pub use server::serve;

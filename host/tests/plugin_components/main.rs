//! Components behind the gateway's door: the bundled ones, and some that misbehave.

mod bundled;
mod cleanup;
mod guest;
mod hostile;
mod loading;
mod wasi;
mod watching;

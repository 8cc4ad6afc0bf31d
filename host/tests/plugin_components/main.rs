//! Components behind the gateway's door: the bundled ones, and some that misbehave.

mod bundled;
mod cleanup;
#[path = "../../../tests/guests/component.rs"]
mod component;
mod frozen;
mod guest;
mod hostile;
mod loading;
mod makers;
mod shadow;
mod wasi;
mod watched;
mod watching;

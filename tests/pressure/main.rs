//! Under pressure: plugins misbehave, or are swapped, while devices register; rubbish floods in while they keep alive.
//!
//! This is a test binary of its own because it measures: cargo runs one binary after the other, and here one test
//! waits for the other. `cargo pressure` runs the same in a release build, longer, and prints the tables of
//! `docs/plugins.md`.

#[path = "../guests/component.rs"]
mod component;
mod flood;
mod ground;
mod guests;
mod hostile;
mod load;
mod memory;
mod outage;
mod provocation;
mod reconnect;
mod swap;

use tokio::sync::{Mutex, MutexGuard};

/// Whether this is a release build, which has the time for the long runs.
const LONG: bool = !cfg!(debug_assertions);

/// Waits until no other test measures.
async fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    MACHINE.lock().await
}

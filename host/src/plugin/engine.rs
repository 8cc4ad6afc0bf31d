//! The one wasmtime engine, set up in one place for everything that compiles, caches or runs plugins.

use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy};

use super::limits::Stopwatch;

/// Makes the engine and starts its ticks. They end by themselves once the last clone of it is dropped.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config())?;
    let weak = engine.weak();
    thread::Builder::new().name("plugin-ticks".into()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            tick();
        }
    })?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false) // quadruples the price of a call
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(64 << 20)
        .max_wasm_stack(512 << 10);
    config
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that guests are measured by")]
fn tick() {
    thread::sleep(Stopwatch::TICK);
}

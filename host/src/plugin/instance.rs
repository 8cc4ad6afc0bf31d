//! A loaded plugin and its warm instances, one for each worker thread.
//!
//! An instance serves until it traps or is ended, has answered `CALLS` calls, has doubled its memory or is
//! `AGE` old. It belongs to its plugin, not to the thread: a plugin that is replaced takes its instances along.
//!
//! A call is made in line, on the worker that needs the answer. Only a plugin that has lately taken long is asked
//! [`beside`] the workers, so that others' registrations do not wait for it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};
use wasmtime::{
    Store, UpdateDeadline,
    component::{Instance, InstancePre},
};

use super::{
    account::Account,
    bindings::exports::sluice::policy::lifecycle::Info,
    error::{Error, Fault},
    exports::{Exports, Indices},
    host::{Lent, State},
    limits::{Limits, Stopwatch, now},
};

/// A plugin in force. Immutable but for its instances.
pub struct Plugin {
    pub(super) name: String,
    pub(super) account: Arc<Account>,
    pub(super) indices: Indices,
    pre: InstancePre<State>,
    /// Its configuration, as a JSON object.
    config: String,
    limits: Limits,
    /// Instances made so far.
    started: AtomicU64,
    /// A thread uses its own slot, or the next free one. Locked for the length of a call.
    slots: Box<[Mutex<Option<Warm>>]>,
}

/// An instance between calls.
struct Warm {
    store: Store<State>,
    exports: Exports,
    born: Instant,
    calls: u32,
    memory_at_start: usize,
}

/// How many slots a plugin has: one for each worker, and a few for threads beside them.
pub(super) fn slots() -> usize {
    thread::available_parallelism().map_or(1, Into::into) + 2
}

impl Plugin {
    pub(super) fn new(
        name: &str,
        pre: InstancePre<State>,
        indices: Indices,
        config: String,
        limits: Limits,
        account: Arc<Account>,
    ) -> Self {
        let slots = (0..slots()).map(|_| Mutex::default()).collect();
        let started = AtomicU64::new(0);
        Self { name: name.to_owned(), account, indices, pre, config, limits, started, slots }
    }

    /// Its file's name, without `.wasm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many instances were made, trial runs counted.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Bytes of linear memory that the warm instances have, those in a call not counted.
    pub fn memory(&self) -> usize {
        self.memories().into_iter().sum()
    }

    /// The warm instances' bytes of linear memory, one number for each; those in a call are left out.
    pub(super) fn memories(&self) -> Vec<usize> {
        let used = |slot: &Mutex<Option<Warm>>| {
            let slot = slot.try_lock().ok()?;
            slot.as_ref().map(|warm| warm.store.data().ceiling.used())
        };
        self.slots.iter().filter_map(used).collect()
    }

    /// Asks the plugin: `hook` calls it, `settle` holds its answer against the contract. `lent` is the secret
    /// that the plugin may have things computed with meanwhile.
    pub(super) fn call<T>(
        &self,
        lent: Lent,
        hook: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<Result<T, String>>,
        settle: fn(T) -> Result<T, String>,
    ) -> Result<T, Error> {
        let started = now();
        let (slot, outcome) = match self.account.available(started) {
            Ok(()) if self.account.is_slow(started) => beside(|| self.call_in_slot(started, lent, hook)),
            Ok(()) => self.call_in_slot(started, lent, hook),
            Err(fault) => (0, Err(fault)),
        };
        let outcome = outcome.and_then(|answer| settle(answer).map_err(Fault::Answer));
        self.account.book(slot, started, &outcome);
        outcome.map_err(|fault| Error { plugin: self.name.clone(), fault })
    }

    /// Makes an instance, asks it what it is and lets it test itself; then throws it away.
    pub(super) fn rehearse(&self) -> Result<(Info, Result<(), Fault>), Fault> {
        let (mut warm, info) = self.start()?;
        let tested = warm.call(self.limits.for_start(), now(), Lent::Nothing, |exports, store| {
            exports.lifecycle.call_self_test(store)
        });
        Ok((info, tested.and_then(|answer| answer.map_err(Fault::Guest))))
    }

    fn call_in_slot<T>(
        &self,
        started: Instant,
        lent: Lent,
        hook: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<Result<T, String>>,
    ) -> (usize, Result<T, Fault>) {
        let (index, mut slot) = self.slot();
        let (mut warm, begun) = match slot.take() {
            Some(warm) if !warm.is_worn(started) => (warm, started),
            _ => match self.start() {
                Ok((fresh, _)) => (fresh, now()),
                Err(fault) => return (index, Err(fault)),
            },
        };
        let answer = warm.call(self.limits, begun, lent, hook);
        if warm.store.data().stopwatch.is_long() {
            self.account.note_long(now());
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return (index, Err(fault)),
        };
        *slot = Some(warm);
        (index, answer.map_err(Fault::Guest))
    }

    /// The slot of this thread, or a free one when another thread is in it.
    fn slot(&self) -> (usize, MutexGuard<'_, Option<Warm>>) {
        let own = thread_number() % self.slots.len();
        let others = (0..self.slots.len()).map(|n| (own + n) % self.slots.len());
        for index in others {
            match self.slots[index].try_lock() {
                Ok(slot) => return (index, slot),
                Err(TryLockError::Poisoned(slot)) => return (index, emptied(slot)),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        (own, self.slots[own].lock().unwrap_or_else(emptied))
    }

    /// Binds an instance on trial.
    ///
    /// Errors: inside, a function has another type than the contract's, which shows nowhere else.
    pub(super) fn check_types(&self) -> Result<wasmtime::Result<()>, Fault> {
        let (mut store, instance) = self.instance()?;
        Ok(self.indices.load(&mut store, &instance).map(drop))
    }

    fn start(&self) -> Result<(Warm, Info), Fault> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let (mut store, instance) = self.instance()?;
        let exports = self.indices.load(&mut store, &instance);
        let exports = exports.map_err(|error| Fault::Start(format!("{error:#}")))?;
        let mut warm = Warm { store, exports, born: now(), calls: 0, memory_at_start: usize::MAX };
        let init = |exports: &Exports, store: &mut _| exports.lifecycle.call_init(store, &self.config);
        let info = warm.call(self.limits.for_start(), now(), Lent::Nothing, init)?.map_err(Fault::Start)?;
        warm.memory_at_start = warm.store.data().ceiling.used();
        Ok((warm, info))
    }

    fn instance(&self) -> Result<(Store<State>, Instance), Fault> {
        let mut store = store(&self.pre, State::new(self.limits.for_start(), self.account.clone()));
        let instance =
            self.pre.instantiate(&mut store).map_err(|error| match Fault::of_call(&error, store.data()) {
                Fault::Trap(_) => Fault::Start(format!("{error:#}")),
                fault => fault,
            })?;
        Ok((store, instance))
    }
}

impl Warm {
    const CALLS: u32 = 100_000;
    const AGE: Duration = Duration::from_secs(600);

    /// One call. After a fault the instance is of no further use: wasm may have been left in mid-air.
    fn call<T>(
        &mut self,
        limits: Limits,
        begun: Instant,
        lent: Lent,
        hook: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.calls += 1;
        self.store.data_mut().begin(Stopwatch::start(limits, begun), lent);
        self.store.set_epoch_deadline(1);
        let answer = hook(&self.exports, &mut self.store);
        self.store.data_mut().end();
        answer.map_err(|error| Fault::of_call(&error, self.store.data()))
    }

    fn is_worn(&self, at: Instant) -> bool {
        self.calls >= Self::CALLS
            || at.saturating_duration_since(self.born) >= Self::AGE
            || self.store.data().ceiling.used() / 2 >= self.memory_at_start
    }
}

fn store(pre: &InstancePre<State>, state: State) -> Store<State> {
    /// Bytes that a guest may hand over at once, as arguments or as its answer.
    const HANDED_OVER: usize = 1 << 20;
    const HANDLES: usize = 1_000;
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.ceiling);
    store.set_hostcall_fuel(HANDED_OVER);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| {
        context.data_mut().stopwatch.check()?;
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

/// Makes a call that may take milliseconds. A worker of tokio gives its other tasks away first, which costs more than
/// most calls: they would have to wait, and nobody can steal the one that a worker means to run next.
fn beside<T>(call: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(call),
        _ => call(),
    }
}

/// A panic in a call has left its instance in an unknown state.
fn emptied<'a>(poisoned: PoisonError<MutexGuard<'a, Option<Warm>>>) -> MutexGuard<'a, Option<Warm>> {
    let mut slot = poisoned.into_inner();
    *slot = None;
    slot
}

/// Numbers threads as they first call a plugin.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

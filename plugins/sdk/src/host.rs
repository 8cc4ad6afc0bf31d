//! The host's functions, and what stands for them in native tests: memory of the thread, which is the test's own.

/// The wall clock, in milliseconds since 1970-01-01T00:00:00Z. In native tests, what
/// `testing::set_now` said.
pub fn now() -> u64 {
    imp::now()
}

pub(crate) use imp::{kv_read, kv_write, log};

#[cfg(target_family = "wasm")]
mod imp {
    pub(crate) use crate::bindings::base::sluice::policy::host::{kv_read, kv_write, log, now};
}

#[cfg(not(target_family = "wasm"))]
pub(crate) mod imp {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
    };

    use crate::log::Level;

    thread_local! {
        pub(crate) static NOW: Cell<u64> = const { Cell::new(0) };
        static KV: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(crate) fn now() -> u64 {
        NOW.get()
    }

    pub(crate) fn log(level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }

    pub(crate) fn kv_read(name: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(KV.with_borrow(|kv| kv.get(name).cloned()))
    }

    pub(crate) fn kv_write(name: &str, value: Option<&[u8]>) -> Result<(), String> {
        KV.with_borrow_mut(|kv| match value {
            Some(value) => kv.insert(name.to_owned(), value.to_owned()),
            None => kv.remove(name),
        });
        Ok(())
    }
}

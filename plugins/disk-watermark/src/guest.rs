//! Component glue.
#![expect(unsafe_code, reason = "generated: the exports that the component model calls")]

use std::cell::OnceCell;

use crate::{
    policy::{self, Config},
    wit::{
        self,
        exports::sluice::policy::{
            cleanup::{self, Deletion, Sweep},
            lifecycle::{self, Info},
        },
    },
};

thread_local!(static CONFIG: OnceCell<Config> = const { OnceCell::new() });

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn init(config: String) -> Result<Info, String> {
        let config = Config::parse(&config)?;
        CONFIG.with(|cell| cell.set(config)).map_err(|_| "init was called twice")?;
        Ok(Info {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            description: env!("CARGO_PKG_DESCRIPTION").into(),
            attributes: Vec::new(),
        })
    }

    fn self_test() -> Result<(), String> {
        policy::self_test()
    }
}

impl cleanup::Guest for Plugin {
    fn select(sweep: Sweep) -> Result<Vec<Deletion>, String> {
        CONFIG.with(|config| policy::select(config.get().ok_or("init was not called")?, &sweep))
    }
}

wit::export!(Plugin with_types_in wit);

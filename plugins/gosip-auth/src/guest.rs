//! Component glue.
#![expect(unsafe_code, reason = "generated: the exports that the component model calls")]

use std::cell::OnceCell;

use crate::{
    policy::{self, Config},
    wit::{
        self,
        exports::sluice::policy::{
            auth::{self, Registration, Verdict},
            lifecycle::{self, Info},
        },
        sluice::policy::host::{Credential, DigestInput},
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

impl auth::Guest for Plugin {
    fn register(request: Registration, credential: Option<&Credential>) -> Result<Verdict, String> {
        CONFIG.with(|config| {
            let config = config.get().ok_or("init was not called")?;
            let verify = credential.map(|credential| {
                move |input: DigestInput<'_>, response: &str| credential.verify(input, response)
            });
            policy::register(config, &request, verify)
        })
    }
}

wit::export!(Plugin with_types_in wit);

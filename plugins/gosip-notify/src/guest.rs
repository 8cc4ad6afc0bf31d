//! Component glue.
#![expect(unsafe_code, reason = "generated: the exports that the component model calls")]

use crate::{
    policy,
    wit::{
        self,
        exports::sluice::policy::{
            lifecycle::{self, Info},
            notify::{self, Answer, Event, HttpRequest},
        },
        sluice::policy::host::Key,
    },
};

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn init(config: String) -> Result<Info, String> {
        policy::check_config(&config)?;
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

impl notify::Guest for Plugin {
    fn format(event: Event, _: &Key) -> Result<Vec<HttpRequest>, String> {
        policy::format(&event).map(|request| vec![request])
    }

    fn accepted(_: Event, answer: Answer) -> Result<bool, String> {
        Ok(policy::is_accepted(&answer))
    }
}

wit::export!(Plugin with_types_in wit);

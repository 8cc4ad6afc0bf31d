//! Component glue.
#![expect(unsafe_code, reason = "generated: the exports that the component model calls")]

use crate::{
    policy,
    wit::{
        self,
        exports::sluice::policy::{
            lifecycle::{self, Info},
            sign::{self, Request, Verdict},
        },
        sluice::policy::host::{Algorithm, Key},
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

impl sign::Guest for Plugin {
    fn check(request: Request, key: &Key) -> Result<Verdict, String> {
        policy::check(&request, |text| key.digest(Algorithm::Md5, text.as_bytes(), &[]))
    }
}

wit::export!(Plugin with_types_in wit);

//! From the component model's calls to a policy's methods. [`crate::export!`] instantiates it.

use std::{cell::OnceCell, marker::PhantomData, thread::LocalKey};

use crate::{
    Auth, Cleanup, Credential, Key, Notify, Policy, Sign, Vendor,
    bindings::{
        auth::exports::sluice::policy::auth,
        base::{exports::sluice::policy::lifecycle, sluice::policy::host},
        cleanup::exports::sluice::policy::cleanup,
        notify::exports::sluice::policy::notify,
        sign::exports::sluice::policy::sign,
        vendor::exports::sluice::policy::vendor,
    },
    configured,
};

/// A policy with a place for the one that an instance of the component has.
pub trait Held: Policy {
    /// Name, version and description of its package.
    const PACKAGE: [&'static str; 3];

    /// The place.
    fn cell() -> &'static LocalKey<OnceCell<Self>>;
}

/// What the component model calls.
pub struct Component<P>(PhantomData<P>);

fn with<P: Held, T>(ask: impl FnOnce(&P) -> Result<T, String>) -> Result<T, String> {
    P::cell().with(|policy| ask(policy.get().ok_or("init was not called")?))
}

impl<P: Held> lifecycle::Guest for Component<P> {
    fn init(config: String) -> Result<lifecycle::Info, String> {
        let policy = configured(&config)?;
        P::cell().with(|cell| cell.set(policy)).map_err(|_| "init was called twice")?;
        let [name, version, description] = P::PACKAGE.map(Into::into);
        Ok(lifecycle::Info { name, version, description, attributes: Vec::new() })
    }

    fn self_test() -> Result<(), String> {
        with(P::self_test)
    }
}

impl<P: Auth + Held> auth::Guest for Component<P> {
    fn register(
        request: auth::Registration,
        credential: Option<&host::Credential>,
    ) -> Result<auth::Verdict, String> {
        with(|policy: &P| policy.register(&request, credential.map(Credential::of_host)))
    }
}

impl<P: Cleanup + Held> cleanup::Guest for Component<P> {
    fn select(sweep: cleanup::Sweep) -> Result<Vec<cleanup::Deletion>, String> {
        with(|policy: &P| policy.select(&sweep))
    }
}

impl<P: Notify + Held> notify::Guest for Component<P> {
    fn format(event: notify::Event, key: &host::Key) -> Result<Vec<notify::HttpRequest>, String> {
        with(|policy: &P| policy.format(&event, Key::of_host(key)))
    }

    fn accepted(event: notify::Event, answer: notify::Answer) -> Result<bool, String> {
        with(|policy: &P| policy.accepted(&event, &answer))
    }
}

impl<P: Sign + Held> sign::Guest for Component<P> {
    fn check(request: sign::Request, key: &host::Key) -> Result<sign::Verdict, String> {
        with(|policy: &P| policy.check(&request, Key::of_host(key)))
    }
}

impl<P: Vendor + Held> vendor::Guest for Component<P> {
    fn claim(device: vendor::Device) -> Result<Option<vendor::Recognition>, String> {
        with(|policy: &P| policy.claim(&device))
    }

    fn repair(device: vendor::Device, cmd_type: String, body: Vec<u8>) -> Result<Vec<u8>, String> {
        with(|policy: &P| policy.repair(&device, &cmd_type, body))
    }

    fn catalog(device: vendor::Device, items: Vec<vendor::Item>) -> Result<Vec<vendor::Item>, String> {
        with(|policy: &P| policy.catalog(&device, items))
    }

    fn offer(device: vendor::Device, channel: String, sdp: String) -> Result<String, String> {
        with(|policy: &P| policy.offer(&device, &channel, sdp))
    }

    fn answer(device: vendor::Device, channel: String, sdp: String) -> Result<String, String> {
        with(|policy: &P| policy.answer(&device, &channel, sdp))
    }

    fn control(
        device: vendor::Device,
        channel: String,
        cmd_type: String,
        body: String,
    ) -> Result<String, String> {
        with(|policy: &P| policy.control(&device, &channel, &cmd_type, body))
    }
}

/// Makes a component of a policy: `export!(Intranet: Sign)`, or `export!(House: Auth, Notify)` for one that decides
/// several things. The package's name, version and description are what the plugin says of itself.
#[macro_export]
macro_rules! export {
    ($policy:ty: $($kind:ident),+ $(,)?) => {
        const _: () = {
            impl $crate::glue::Held for $policy {
                const PACKAGE: [&'static str; 3] =
                    [env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION")];

                fn cell() -> &'static ::std::thread::LocalKey<::std::cell::OnceCell<Self>> {
                    ::std::thread_local!(
                        static POLICY: ::std::cell::OnceCell<$policy> = const { ::std::cell::OnceCell::new() }
                    );
                    &POLICY
                }
            }

            type Component = $crate::glue::Component<$policy>;
            // The names of exports link for WebAssembly only.
            #[cfg(target_family = "wasm")]
            $crate::bindings::base::export_base!(Component with_types_in $crate::bindings::base);
            $($crate::export_kind!(Component, $policy, $kind);)+
        };
    };
}

/// Exports one interface; natively, checks only that the policy implements it.
#[doc(hidden)]
#[macro_export]
macro_rules! export_kind {
    ($component:ident, $policy:ty, Auth) => {
        $crate::export_kind!($component, $policy, Auth, auth, export_auth);
    };
    ($component:ident, $policy:ty, Cleanup) => {
        $crate::export_kind!($component, $policy, Cleanup, cleanup, export_cleanup);
    };
    ($component:ident, $policy:ty, Notify) => {
        $crate::export_kind!($component, $policy, Notify, notify, export_notify);
    };
    ($component:ident, $policy:ty, Sign) => {
        $crate::export_kind!($component, $policy, Sign, sign, export_sign);
    };
    ($component:ident, $policy:ty, Vendor) => {
        $crate::export_kind!($component, $policy, Vendor, vendor, export_vendor);
    };
    ($component:ident, $policy:ty, $kind:ident, $module:ident, $export:ident) => {
        const _: fn() = || {
            fn is<P: $crate::$kind>() {}
            is::<$policy>();
        };
        #[cfg(target_family = "wasm")]
        $crate::bindings::$module::$export!($component with_types_in $crate::bindings::$module);
    };
}

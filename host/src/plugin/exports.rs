//! Which interfaces a component exports, found out by their types.

use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use super::{
    bindings::exports::sluice::policy::{auth, cleanup, lifecycle, notify, sign, vendor},
    error::Role,
    host::State,
};

/// Where a component's functions are, looked up once for all its instances.
pub(super) struct Indices {
    lifecycle: lifecycle::GuestIndices,
    auth: Option<auth::GuestIndices>,
    cleanup: Option<cleanup::GuestIndices>,
    notify: Option<notify::GuestIndices>,
    sign: Option<sign::GuestIndices>,
    vendor: Option<vendor::GuestIndices>,
}

/// The functions of one instance.
pub(super) struct Exports {
    pub(super) lifecycle: lifecycle::Guest,
    auth: Option<auth::Guest>,
    cleanup: Option<cleanup::Guest>,
    notify: Option<notify::Guest>,
    sign: Option<sign::Guest>,
    vendor: Option<vendor::Guest>,
}

impl Indices {
    /// None when the component does not export `lifecycle`.
    ///
    /// Errors: an exported interface lacks a function.
    pub(super) fn find(pre: &InstancePre<State>) -> wasmtime::Result<Option<Self>> {
        let Some(lifecycle) = find(pre, "lifecycle", lifecycle::GuestIndices::new)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            lifecycle,
            auth: find(pre, "auth", auth::GuestIndices::new)?,
            cleanup: find(pre, "cleanup", cleanup::GuestIndices::new)?,
            notify: find(pre, "notify", notify::GuestIndices::new)?,
            sign: find(pre, "sign", sign::GuestIndices::new)?,
            vendor: find(pre, "vendor", vendor::GuestIndices::new)?,
        }))
    }

    /// What the component can be named for.
    pub(super) fn roles(&self) -> Vec<Role> {
        let exported = [
            (Role::Auth, self.auth.is_some()),
            (Role::Cleanup, self.cleanup.is_some()),
            (Role::Notify, self.notify.is_some()),
            (Role::Sign, self.sign.is_some()),
            (Role::Vendor, self.vendor.is_some()),
        ];
        exported.into_iter().filter_map(|(role, is)| is.then_some(role)).collect()
    }

    /// Binds an instance.
    ///
    /// Errors: a function has another type than the contract's; that shows only here.
    pub(super) fn load(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Exports> {
        Ok(Exports {
            lifecycle: self.lifecycle.load(&mut *store, instance)?,
            auth: self.auth.as_ref().map(|found| found.load(&mut *store, instance)).transpose()?,
            cleanup: self.cleanup.as_ref().map(|found| found.load(&mut *store, instance)).transpose()?,
            notify: self.notify.as_ref().map(|found| found.load(&mut *store, instance)).transpose()?,
            sign: self.sign.as_ref().map(|found| found.load(&mut *store, instance)).transpose()?,
            vendor: self.vendor.as_ref().map(|found| found.load(&mut *store, instance)).transpose()?,
        })
    }
}

impl Exports {
    pub(super) fn auth(&self) -> wasmtime::Result<&auth::Guest> {
        exported(self.auth.as_ref(), Role::Auth)
    }

    pub(super) fn cleanup(&self) -> wasmtime::Result<&cleanup::Guest> {
        exported(self.cleanup.as_ref(), Role::Cleanup)
    }

    pub(super) fn notify(&self) -> wasmtime::Result<&notify::Guest> {
        exported(self.notify.as_ref(), Role::Notify)
    }

    pub(super) fn sign(&self) -> wasmtime::Result<&sign::Guest> {
        exported(self.sign.as_ref(), Role::Sign)
    }

    pub(super) fn vendor(&self) -> wasmtime::Result<&vendor::Guest> {
        exported(self.vendor.as_ref(), Role::Vendor)
    }
}

fn find<I>(
    pre: &InstancePre<State>,
    interface: &str,
    indices: fn(&InstancePre<State>) -> wasmtime::Result<I>,
) -> wasmtime::Result<Option<I>> {
    // The look-up is by semantic version: a component of 0.1.1 is found too.
    let name = format!("sluice:policy/{interface}@0.1.0");
    let exported = pre.component().get_export_index(None, &*name).is_some();
    exported.then(|| indices(pre)).transpose()
}

/// Loading has checked that a plugin exports what it is named for.
fn exported<G>(guest: Option<&G>, role: Role) -> wasmtime::Result<&G> {
    guest.ok_or_else(|| wasmtime::format_err!("`sluice:policy/{role}` is not exported"))
}

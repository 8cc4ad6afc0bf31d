//! What a plugin is asked: a method for each function of the contract, which says what an error of it does. An
//! [`Error`] here is a decision that was not made.

use wasmtime::component::Resource;

use super::{
    answer, auth, cleanup,
    error::Error,
    host::Lent,
    instance::Plugin,
    notify,
    secret::{Credential, Secret},
    sign, vendor, vendors,
};

/// Every secret of a call has this handle: there is never more than one, see [`Lent`].
const HANDLE: u32 = 0;

impl Plugin {
    /// Decides on a REGISTER. `credential` is none for a device that nobody issued.
    pub fn register(
        &self,
        request: &auth::Registration,
        credential: Option<Credential>,
    ) -> Result<auth::Verdict, Error> {
        let handle = credential.is_some().then(|| Resource::new_borrow(HANDLE));
        let lent = credential.map_or(Lent::Nothing, Lent::Credential);
        self.call(
            lent,
            |exports, store| exports.auth()?.call_register(store, request, handle),
            answer::admission,
        )
    }

    /// Decides on an API call, a playback or a publish; `key` is what it may sign with.
    pub fn check_sign(&self, request: &sign::Request, key: &Secret) -> Result<sign::Verdict, Error> {
        self.call(
            Lent::Key(key.clone()),
            |exports, store| exports.sign()?.call_check(store, request, Resource::new_borrow(HANDLE)),
            answer::permission,
        )
    }

    /// The requests that tell an event; `key` is what it may sign with.
    pub fn format(&self, event: &notify::Event, key: &Secret) -> Result<Vec<notify::HttpRequest>, Error> {
        self.call(
            Lent::Key(key.clone()),
            |exports, store| exports.notify()?.call_format(store, event, Resource::new_borrow(HANDLE)),
            answer::requests,
        )
    }

    /// Whether the receiver took an event.
    pub fn accepted(&self, event: &notify::Event, answer: &notify::Answer) -> Result<bool, Error> {
        self.call(Lent::Nothing, |exports, store| exports.notify()?.call_accepted(store, event, answer), Ok)
    }

    /// The files that go, of one page of a sweep, each of them at most once.
    pub fn select(&self, sweep: &cleanup::Sweep) -> Result<Vec<cleanup::Deletion>, Error> {
        let chosen =
            self.call(Lent::Nothing, |exports, store| exports.cleanup()?.call_select(store, sweep), Ok)?;
        let (deletions, fault) = answer::selection(sweep, chosen);
        if let Some(fault) = fault {
            self.account.book_beside(fault);
        }
        Ok(deletions)
    }

    /// Whether it knows a device; none if it does not.
    pub fn claim(&self, device: &vendor::Device) -> Result<Option<vendor::Recognition>, Error> {
        self.call(
            Lent::Nothing,
            |exports, store| exports.vendor()?.call_claim(store, device),
            vendors::recognition,
        )
    }

    /// A MANSCDP body, mended.
    pub fn repair(&self, device: &vendor::Device, cmd_type: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.call(
            Lent::Nothing,
            |exports, store| exports.vendor()?.call_repair(store, device, cmd_type, body),
            Ok,
        )
    }

    /// The items of a Catalog, normalised.
    pub fn catalog(
        &self,
        device: &vendor::Device,
        items: &[vendor::Item],
    ) -> Result<Vec<vendor::Item>, Error> {
        self.call(Lent::Nothing, |exports, store| exports.vendor()?.call_catalog(store, device, items), Ok)
    }

    /// The SDP of an offer, about to be sent.
    pub fn offer(&self, device: &vendor::Device, channel: &str, sdp: &str) -> Result<String, Error> {
        self.call(
            Lent::Nothing,
            |exports, store| exports.vendor()?.call_offer(store, device, channel, sdp),
            vendors::text,
        )
    }

    /// The SDP of an answer, before it is parsed.
    pub fn answer(&self, device: &vendor::Device, channel: &str, sdp: &str) -> Result<String, Error> {
        self.call(
            Lent::Nothing,
            |exports, store| exports.vendor()?.call_answer(store, device, channel, sdp),
            vendors::text,
        )
    }

    /// A MANSCDP command, about to be sent.
    pub fn control(
        &self,
        device: &vendor::Device,
        channel: &str,
        cmd_type: &str,
        body: &str,
    ) -> Result<String, Error> {
        self.call(
            Lent::Nothing,
            |exports, store| exports.vendor()?.call_control(store, device, channel, cmd_type, body),
            vendors::text,
        )
    }
}

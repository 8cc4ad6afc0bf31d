//! What a policy implements.

use serde::de::DeserializeOwned;

use crate::{
    Credential, Key,
    auth::{self, Registration},
    cleanup::{Deletion, Sweep},
    notify::{Answer, Event, HttpRequest},
    sign::{self, Request},
    vendor::{Device, Item, Recognition},
};

/// A policy, which is its configuration: `[plugins.config.<name>]`, read by serde. Say `deny_unknown_fields`, so that
/// an operator's slip is an error.
///
/// Nothing else that it keeps in memory can be counted on from one call to the next; [`crate::kv`] is its memory.
pub trait Policy: DeserializeOwned + 'static {
    /// Checks the configuration, and derives from it what every call needs.
    ///
    /// Errors: a text for the operator; the plugin is not taken then.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Whether the policy works, shown by cases it carries; asked before the plugin comes into force.
    ///
    /// Errors: which case failed; the plugin is not taken then.
    fn self_test(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Who may register.
pub trait Auth: Policy {
    /// Decides on a REGISTER, first without and then with credentials. `credential` is none for a device that
    /// nobody issued.
    ///
    /// Errors: no decision is possible; the device is answered 503, so that it tries again.
    fn register(
        &self,
        request: &Registration,
        credential: Option<Credential<'_>>,
    ) -> Result<auth::Verdict, String>;
}

/// Which recorded files go.
pub trait Cleanup: Policy {
    /// Chooses from one page of a sweep, oldest file first.
    ///
    /// Errors: no decision is possible; nothing of the page is deleted.
    fn select(&self, sweep: &Sweep) -> Result<Vec<Deletion>, String>;
}

/// What notifications look like.
pub trait Notify: Policy {
    /// The requests that tell `event`, sent one after the other; none does not tell it. `key` is `http.secret`.
    ///
    /// Errors: it cannot be told now; the event is kept and tried again.
    fn format(&self, event: &Event, key: Key<'_>) -> Result<Vec<HttpRequest>, String>;

    /// Whether the receiver took the event: any success, unless the policy says otherwise.
    ///
    /// Errors: the answer makes no sense; counts as no.
    fn accepted(&self, _event: &Event, answer: &Answer) -> Result<bool, String> {
        Ok((200..300).contains(&answer.status))
    }
}

/// Which calls and playbacks go on.
pub trait Sign: Policy {
    /// Decides on an API call, a playback or a publish; `key` is `http.secret`.
    ///
    /// Errors: no decision is possible; a caller is answered 503, a viewer is refused.
    fn check(&self, request: &Request, key: Key<'_>) -> Result<sign::Verdict, String>;
}

/// What one maker's devices do differently. The hooks are called only where the profile asks for them; each passes
/// on what it was given unless the policy says otherwise, and an error is the same as that.
pub trait Vendor: Policy {
    /// Whether this module knows the device; none if it does not.
    ///
    /// Errors: no decision is possible; the module is passed over.
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String>;

    /// Mends a MANSCDP body before it is parsed.
    fn repair(&self, _device: &Device, _cmd_type: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        Ok(body)
    }

    /// Normalises the items of a Catalog.
    fn catalog(&self, _device: &Device, items: Vec<Item>) -> Result<Vec<Item>, String> {
        Ok(items)
    }

    /// Changes the SDP of an offer before it is sent.
    fn offer(&self, _device: &Device, _channel: &str, sdp: String) -> Result<String, String> {
        Ok(sdp)
    }

    /// Changes the SDP of an answer before it is parsed.
    fn answer(&self, _device: &Device, _channel: &str, sdp: String) -> Result<String, String> {
        Ok(sdp)
    }

    /// Changes a MANSCDP command before it is sent.
    fn control(
        &self,
        _device: &Device,
        _channel: &str,
        _cmd_type: &str,
        body: String,
    ) -> Result<String, String> {
        Ok(body)
    }
}

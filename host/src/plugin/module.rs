//! A vendor module in force, and what it is asked. The candidate beside it is asked the same.

use std::sync::Arc;

use super::{
    error::Error,
    instance::Plugin,
    shadow::{Case, Shadow},
    vendor::{Device, Item, Recognition},
};

/// A vendor module in force.
pub struct Module {
    pub(super) plugin: Arc<Plugin>,
    pub(super) shadow: Option<Arc<Shadow>>,
}

impl Module {
    /// The plugin's name.
    pub fn name(&self) -> &str {
        self.plugin.name()
    }

    /// Whether it knows a device; none if it does not.
    pub fn claim(&self, device: &Device) -> Result<Option<Recognition>, Error> {
        self.compared(self.plugin.claim(device), |said| Case::claim(device, said))
    }

    /// A MANSCDP body, mended.
    pub fn repair(&self, device: &Device, cmd_type: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        let said = self.plugin.repair(device, cmd_type, body);
        self.compared(said, |said| Case::repair(device, cmd_type, body, said))
    }

    /// The items of a Catalog, normalised.
    pub fn catalog(&self, device: &Device, items: &[Item]) -> Result<Vec<Item>, Error> {
        self.compared(self.plugin.catalog(device, items), |said| Case::catalog(device, items, said))
    }

    /// The SDP of an offer, about to be sent.
    pub fn offer(&self, device: &Device, channel: &str, sdp: &str) -> Result<String, Error> {
        self.compared(self.plugin.offer(device, channel, sdp), |said| Case::offer(device, channel, sdp, said))
    }

    /// The SDP of an answer, before it is parsed.
    pub fn answer(&self, device: &Device, channel: &str, sdp: &str) -> Result<String, Error> {
        self.compared(self.plugin.answer(device, channel, sdp), |said| {
            Case::answer(device, channel, sdp, said)
        })
    }

    /// A MANSCDP command, about to be sent.
    pub fn control(
        &self,
        device: &Device,
        channel: &str,
        cmd_type: &str,
        body: &str,
    ) -> Result<String, Error> {
        let said = self.plugin.control(device, channel, cmd_type, body);
        self.compared(said, |said| Case::control(device, channel, cmd_type, body, said))
    }

    fn compared<A>(
        &self,
        said: Result<A, Error>,
        case: impl FnOnce(&Result<A, Error>) -> Case,
    ) -> Result<A, Error> {
        if let Some(shadow) = &self.shadow {
            shadow.offer(|| case(&said));
        }
        said
    }
}

//! What a profile cannot say: messages changed by a device's module, on their way in and out. A module that fails
//! has been logged and counted where it failed; its message goes on as it was.

use std::borrow::Cow;

use crate::gb28181::manscdp::{self, Catalog, Fields, Item, Request as Asked};
use crate::gb28181::{DeviceId, charset};
use crate::plugin::vendor::{self, Hooks};
use crate::plugin::{self, Module};
use crate::sip::core::Peer;

use super::super::{Error, Gateway};
use super::dialect::{Dialect, Parties};
use super::known::{self, Observed};

impl Gateway {
    /// A MANSCDP body as it is to be parsed: repaired where its sender's module wants to, and settled in its
    /// encoding where it can be read in two.
    pub(in crate::gateway) async fn readable<'a>(
        &self,
        body: &'a [u8],
        from: Option<&DeviceId>,
        peer: Peer,
    ) -> Cow<'a, [u8]> {
        let Some(device) = self.speaker(body, from, peer) else { return Cow::Borrowed(body) };
        if let Some(way) = Observed::of_text(body) {
            self.observe(&device, way);
        }
        let dialect = self.dialect(&device).await;
        let repaired = if dialect.may_repair() { self.repaired(&dialect, body) } else { None };
        match repaired {
            Some(repaired) => Cow::Owned(charset::settle(&repaired, dialect.charset()).into_owned()),
            None => charset::settle(body, dialect.charset()),
        }
    }

    fn repaired(&self, dialect: &Dialect, body: &[u8]) -> Option<Vec<u8>> {
        let kind = manscdp::cmd_type(body)?;
        let hooked = dialect.repairs(&kind)?;
        self.hook(hooked, |module, device| module.repair(device, kind.as_str(), body))
    }

    /// The registered device that a body comes from, before anybody has parsed it.
    fn speaker(&self, body: &[u8], from: Option<&DeviceId>, peer: Peer) -> Option<DeviceId> {
        let speaks = |device: &DeviceId| self.0.registry.covers(device, peer);
        let named = || manscdp::device_id(body).filter(speaks);
        from.filter(|device| speaks(device)).cloned().or_else(named)
    }

    /// A part of a catalog, its items normalised.
    pub(in crate::gateway) fn normalised(&self, dialect: &Dialect, catalog: Catalog) -> Catalog {
        let items = || catalog.items.iter().map(|item| vendor::Item { fields: pairs(&item.fields) });
        let changed = dialect.hooked(Hooks::CATALOG).and_then(|hooked| {
            self.hook(hooked, |module, device| module.catalog(device, &items().collect::<Vec<_>>()))
        });
        let Some(changed) = changed else { return catalog };
        let all = changed.len();
        let items: Vec<_> =
            changed.into_iter().filter_map(|item| Item::from_fields(fields(item)).ok()).collect();
        let skipped = catalog.skipped + all - items.len();
        Catalog { items, skipped, ..catalog }
    }

    /// An offer, about to be sent.
    pub(in crate::gateway) fn offered(&self, dialect: &Dialect, channel: &DeviceId, sdp: String) -> String {
        let changed = dialect.hooked(Hooks::OFFER).and_then(|hooked| {
            self.hook(hooked, |module, device| module.offer(device, channel.as_str(), &sdp))
        });
        changed.unwrap_or(sdp)
    }

    /// The SDP of an answer, as it is to be parsed.
    pub(in crate::gateway) fn answered_sdp<'a>(
        &self,
        dialect: &Dialect,
        channel: &DeviceId,
        body: &'a [u8],
    ) -> Cow<'a, [u8]> {
        let changed = dialect.hooked(Hooks::ANSWER).and_then(|hooked| {
            self.hook(hooked, |module, device| {
                module.answer(device, channel.as_str(), &charset::decode(body))
            })
        });
        changed.map_or(Cow::Borrowed(body), |sdp| Cow::Owned(sdp.into_bytes()))
    }

    /// A query or command about `channel`, or about the device itself, as `device` reads it.
    ///
    /// # Errors
    /// The platform's own id is none.
    pub(in crate::gateway) fn worded(
        &self,
        dialect: &Dialect,
        device: &DeviceId,
        channel: &DeviceId,
        sn: u32,
        asked: &Asked,
    ) -> Result<Vec<u8>, Error> {
        let platform = &self.platform_id()?;
        let target = match asked {
            Asked::ConfigDownload(_) => dialect.config_target(Parties { channel, device, platform }),
            _ => channel.clone(),
        };
        let (charset, kind) = (dialect.charset(), asked.cmd_type());
        let text = asked.text(sn, &target, charset);
        let changed = dialect.hooked(Hooks::CONTROL).and_then(|hooked| {
            self.hook(hooked, |module, device| module.control(device, channel.as_str(), kind.as_str(), &text))
        });
        Ok(charset.encode(&changed.unwrap_or(text)))
    }

    /// Asks a device's module; none where it fails, or has gone since it was decided on.
    fn hook<T>(
        &self,
        (name, device): (&str, &vendor::Device),
        ask: impl FnOnce(&Module, &vendor::Device) -> Result<T, plugin::Error>,
    ) -> Option<T> {
        let module = self.0.plugins.vendor(name)?;
        ask(&module, device).ok()
    }
}

fn pairs(fields: &Fields) -> Vec<plugin::types::Attribute> {
    fields.0.iter().map(|(name, value)| known::attribute(name, value)).collect()
}

fn fields(item: vendor::Item) -> Fields {
    Fields(item.fields.into_iter().map(|field| (field.name, field.value)).collect())
}

//! `vendor.claim`: what is known of a device, to a profile; and the hooks: a text given, a text answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::plugin::{
    Error, Plugin, Role,
    types::Attribute,
    vendor::{self, Profile, Recognition},
};

use super::{
    row::{Question, attributes},
    words::{Charset, Owner, SsrcChange, Transport},
};

/// A device, as far as it has described itself.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Claim {
    id: String,
    user_agent: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    firmware: Option<String>,
    version: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            id: "37070000081118000001".into(),
            user_agent: Some("IP Camera".into()),
            manufacturer: None,
            model: None,
            firmware: None,
            version: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl Claim {
    fn record(&self) -> vendor::Device {
        vendor::Device {
            id: self.id.clone(),
            user_agent: self.user_agent.clone(),
            manufacturer: self.manufacturer.clone(),
            model: self.model.clone(),
            firmware: self.firmware.clone(),
            version: self.version.clone(),
            attributes: attributes(&self.attributes),
        }
    }
}

impl Question for Claim {
    const ROLE: Role = Role::Vendor;
    const FUNCTION: &'static str = "claim";
    type Asked = vendor::Device;
    type Answer = Expected;

    fn asked(&self) -> Result<vendor::Device, String> {
        Ok(self.record())
    }

    fn ask(device: &vendor::Device, plugin: &Plugin) -> Result<Expected, Error> {
        Ok(plugin.claim(device)?.map_or(Expected::Unknown, Expected::from))
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Known(Box<ExpectedRecognition>),
    Unknown,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedRecognition {
    certainty: Option<u8>,
    reason: Option<String>,
    profile: Option<ExpectedProfile>,
}

/// Texts are empty where there is none.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ExpectedProfile {
    charset: Option<Charset>,
    transport: Option<Transport>,
    sdp_owner: Option<Owner>,
    sdp_payloads: Option<Vec<u8>>,
    sdp_stream_attribute: Option<String>,
    sdp_format: Option<String>,
    invite_target: Option<Owner>,
    config_target: Option<Owner>,
    record_type: Option<String>,
    ssrc_change: Option<SsrcChange>,
    query_delay_ms: Option<u32>,
    invite_timeout_secs: Option<u32>,
    date: Option<bool>,
    repair: Option<Vec<String>>,
    hooks: Option<Vec<String>>,
    attributes: Option<BTreeMap<String, String>>,
}

impl From<Recognition> for Expected {
    fn from(Recognition { certainty, reason, profile }: Recognition) -> Self {
        let profile = Some(profile.into());
        let (certainty, reason) = (Some(certainty), Some(reason));
        Self::Known(Box::new(ExpectedRecognition { certainty, reason, profile }))
    }
}

impl From<Profile> for ExpectedProfile {
    fn from(profile: Profile) -> Self {
        Self {
            charset: Some(profile.charset.into()),
            transport: Some(profile.transport.into()),
            sdp_owner: Some(profile.sdp_owner.into()),
            sdp_payloads: Some(profile.sdp_payloads),
            sdp_stream_attribute: Some(profile.sdp_stream_attribute.unwrap_or_default()),
            sdp_format: Some(profile.sdp_format.unwrap_or_default()),
            invite_target: Some(profile.invite_target.into()),
            config_target: Some(profile.config_target.into()),
            record_type: Some(profile.record_type),
            ssrc_change: Some(profile.ssrc_change.into()),
            query_delay_ms: Some(profile.query_delay_ms),
            invite_timeout_secs: Some(profile.invite_timeout_secs),
            date: Some(profile.date),
            repair: Some(profile.repair),
            hooks: Some(names(profile.hooks)),
            attributes: Some(profile.attributes.into_iter().map(|a| (a.name, a.value)).collect()),
        }
    }
}

fn names(hooks: vendor::Hooks) -> Vec<String> {
    use vendor::Hooks;
    let all = [
        ("answer", Hooks::ANSWER),
        ("catalog", Hooks::CATALOG),
        ("control", Hooks::CONTROL),
        ("offer", Hooks::OFFER),
    ];
    all.into_iter().filter(|(_, hook)| hooks.contains(*hook)).map(|(name, _)| name.to_owned()).collect()
}

/// Items of a Catalog: element names and texts in their order.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Catalog {
    device: Claim,
    items: Vec<Vec<(String, String)>>,
}

impl Question for Catalog {
    const ROLE: Role = Role::Vendor;
    const FUNCTION: &'static str = "catalog";
    type Asked = (vendor::Device, Vec<vendor::Item>);
    type Answer = Vec<Vec<(String, String)>>;

    fn asked(&self) -> Result<Self::Asked, String> {
        let field = |(name, value): &(String, String)| Attribute { name: name.clone(), value: value.clone() };
        let item = |fields: &Vec<_>| vendor::Item { fields: fields.iter().map(field).collect() };
        Ok((self.device.record(), self.items.iter().map(item).collect()))
    }

    fn ask((device, items): &Self::Asked, plugin: &Plugin) -> Result<Self::Answer, Error> {
        let item =
            |item: vendor::Item| item.fields.into_iter().map(|field| (field.name, field.value)).collect();
        Ok(plugin.catalog(device, items)?.into_iter().map(item).collect())
    }
}

/// A hook that is given a text of a device and answers it changed.
macro_rules! hook {
    ($name:ident, $function:literal, { $($field:ident),+ }, $ask:expr) => {
        #[derive(Clone, Default, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $name {
            device: Claim,
            $($field: String),+
        }

        impl Question for $name {
            const ROLE: Role = Role::Vendor;
            const FUNCTION: &'static str = $function;
            type Asked = (vendor::Device, Self);
            type Answer = String;

            fn asked(&self) -> Result<Self::Asked, String> {
                Ok((self.device.record(), self.clone()))
            }

            fn ask((device, given): &Self::Asked, plugin: &Plugin) -> Result<String, Error> {
                let ask: fn(&Plugin, &vendor::Device, &Self) -> Result<String, Error> = $ask;
                ask(plugin, device, given)
            }
        }
    };
}

hook!(Repair, "repair", { cmd_type, body }, |plugin, device, given| {
    let mended = plugin.repair(device, &given.cmd_type, given.body.as_bytes())?;
    Ok(String::from_utf8_lossy(&mended).into_owned())
});
hook!(Offer, "offer", { channel, sdp }, |plugin, device, given| {
    plugin.offer(device, &given.channel, &given.sdp)
});
hook!(Answer, "answer", { channel, sdp }, |plugin, device, given| {
    plugin.answer(device, &given.channel, &given.sdp)
});
hook!(Control, "control", { channel, cmd_type, body }, |plugin, device, given| {
    plugin.control(device, &given.channel, &given.cmd_type, &given.body)
});

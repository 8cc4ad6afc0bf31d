//! What operators see of a device's vendor, and how they override it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::gb28181::DeviceId;
use crate::plugin::vendor::{self, Hooks, Owner, Profile, SsrcChange, Transport};
use crate::store::User;

use super::super::{Error, Gateway};
use super::claims::{Decision, Said};
use super::dialect::standard;
use super::known::{self, Observed};
use super::order::{By, STANDARD};

/// Which module a device belongs to, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VendorShown {
    /// The user device.
    pub deviceid: String,
    /// The module; none where the device is spoken to as the standard says.
    pub module: Option<String>,
    /// 0 to 100: how sure the module is.
    pub certainty: Option<u8>,
    /// By what it recognised the device.
    pub reason: Option<String>,
    /// The operator's override, if there is one.
    pub r#override: Option<OrderShown>,
    /// What every module says, by name.
    pub claims: Vec<ClaimShown>,
    pub known: KnownShown,
    /// How the device is spoken to.
    pub profile: ProfileShown,
}

/// An operator's override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderShown {
    /// A module, or `standard`.
    pub module: String,
    pub by: By,
    /// False while there is no such module: then the modules' claims decide.
    pub in_force: bool,
}

/// A module's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClaimShown {
    pub module: String,
    /// None where it does not know the device.
    pub certainty: Option<u8>,
    pub reason: Option<String>,
    /// Why it could not say.
    pub error: Option<String>,
}

/// What the modules are told of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KnownShown {
    pub user_agent: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub firmware: Option<String>,
    /// The edition of GB/T 28181, by `X-GB-Ver`.
    pub version: Option<String>,
    /// How it behaves, and what else is known: `ssrc-changed=true`.
    pub attributes: Vec<String>,
}

/// A profile; `wit/vendor.wit` says what each part means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProfileShown {
    pub charset: &'static str,
    pub transport: &'static str,
    pub sdp_owner: &'static str,
    pub sdp_payloads: Vec<u32>,
    pub sdp_stream_attribute: Option<String>,
    pub sdp_format: Option<String>,
    pub invite_target: &'static str,
    pub config_target: &'static str,
    pub record_type: String,
    pub ssrc_change: &'static str,
    pub query_delay_ms: u32,
    pub invite_timeout_secs: u32,
    pub date: bool,
    pub repair: Vec<String>,
    pub hooks: Vec<&'static str>,
}

impl Gateway {
    /// Which module a device belongs to, and why; `id` is a user device's, or that of one of its channels.
    ///
    /// # Errors
    /// There is no such device.
    pub async fn vendor(&self, id: &str) -> Result<VendorShown, Error> {
        let row = self.device_of(id).await?;
        Ok(self.shown_vendor(&row))
    }

    /// Gives a device to a module, whatever the modules claim, or to none (`standard`).
    ///
    /// # Errors
    /// There is no such device, or no such module.
    pub async fn choose_vendor(&self, id: &str, module: &str) -> Result<VendorShown, Error> {
        if module != STANDARD && self.0.plugins.vendor(module).is_none() {
            return Err(Error::BadParameter(format!("there is no vendor module {module}")));
        }
        self.order(id, module).await
    }

    /// Takes back what [`choose_vendor`](Self::choose_vendor) did.
    ///
    /// # Errors
    /// There is no such device.
    pub async fn release_vendor(&self, id: &str) -> Result<VendorShown, Error> {
        self.order(id, "").await
    }

    async fn order(&self, id: &str, module: &str) -> Result<VendorShown, Error> {
        let device = self.device_of(id).await?.deviceid;
        let row = self.0.store.set_vendor(device, module).await?;
        tracing::info!(
            device.id = row.deviceid,
            plugin = module,
            "an operator chose the device's vendor module"
        );
        Ok(self.shown_vendor(&row))
    }

    async fn device_of(&self, id: &str) -> Result<User, Error> {
        let unknown = || Error::UnknownDevice(id.to_owned());
        if let Some(row) = self.0.store.user(id).await? {
            return Ok(row);
        }
        let channel = self.0.store.channel(id).await?.ok_or_else(unknown)?;
        self.0.store.user(channel.pdid).await?.ok_or_else(unknown)
    }

    /// Asks all modules; what they say goes for the device from now on.
    fn shown_vendor(&self, row: &User) -> VendorShown {
        let id = DeviceId::parse(&row.deviceid).ok();
        let observed = id.as_ref().map_or_else(Observed::default, |id| self.0.registry.observed(id));
        if let Some(id) = &id {
            self.recognise(id, row);
        }
        VendorShown::new(row, observed, &self.decide(row, observed))
    }
}

impl VendorShown {
    fn new(row: &User, observed: Observed, decision: &Decision) -> Self {
        let found = decision.winner().and_then(|said| said.claim.as_ref().ok()?.as_ref());
        let profile = decision.taken().map(|(_, profile)| profile.clone());
        Self {
            deviceid: row.deviceid.clone(),
            module: decision.winner().map(|said| said.module.clone()),
            certainty: found.map(|found| found.certainty),
            reason: found.map(|found| found.reason.clone()),
            r#override: decision.order.as_ref().map(|order| OrderShown {
                module: order.module.clone(),
                by: order.by,
                in_force: decision.is_ordered(),
            }),
            claims: decision.said.iter().map(ClaimShown::new).collect(),
            known: KnownShown::new(known::device(row, observed)),
            profile: ProfileShown::new(profile.unwrap_or_else(standard)),
        }
    }
}

impl ClaimShown {
    fn new(Said { module, claim }: &Said) -> Self {
        let found = claim.as_ref().ok().and_then(Option::as_ref);
        Self {
            module: module.clone(),
            certainty: found.map(|found| found.certainty),
            reason: found.map(|found| found.reason.clone()),
            error: claim.as_ref().err().map(ToString::to_string),
        }
    }
}

impl KnownShown {
    fn new(device: vendor::Device) -> Self {
        Self {
            user_agent: device.user_agent,
            manufacturer: device.manufacturer,
            model: device.model,
            firmware: device.firmware,
            version: device.version,
            attributes: device.attributes.iter().map(|it| format!("{}={}", it.name, it.value)).collect(),
        }
    }
}

impl ProfileShown {
    fn new(profile: Profile) -> Self {
        Self {
            charset: match profile.charset {
                vendor::Charset::Gb18030 => "gb18030",
                vendor::Charset::Gb2312 => "gb2312",
                vendor::Charset::Utf8 => "utf8",
            },
            transport: match profile.transport {
                Transport::Configured => "configured",
                Transport::TcpActive => "tcp-active",
                Transport::TcpPassive => "tcp-passive",
                Transport::Udp => "udp",
            },
            sdp_owner: owner(profile.sdp_owner),
            sdp_payloads: profile.sdp_payloads.into_iter().map(u32::from).collect(),
            sdp_stream_attribute: profile.sdp_stream_attribute,
            sdp_format: profile.sdp_format,
            invite_target: owner(profile.invite_target),
            config_target: owner(profile.config_target),
            record_type: profile.record_type,
            ssrc_change: match profile.ssrc_change {
                SsrcChange::Follow => "follow",
                SsrcChange::Ignore => "ignore",
                SsrcChange::Refuse => "refuse",
            },
            query_delay_ms: profile.query_delay_ms,
            invite_timeout_secs: profile.invite_timeout_secs,
            date: profile.date,
            repair: profile.repair,
            hooks: hooks(profile.hooks),
        }
    }
}

fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Channel => "channel",
        Owner::Device => "device",
        Owner::Platform => "platform",
    }
}

fn hooks(hooks: Hooks) -> Vec<&'static str> {
    let all = [
        (Hooks::ANSWER, "answer"),
        (Hooks::CATALOG, "catalog"),
        (Hooks::CONTROL, "control"),
        (Hooks::OFFER, "offer"),
    ];
    all.into_iter().filter(|(hook, _)| hooks.contains(*hook)).map(|(_, name)| name).collect()
}

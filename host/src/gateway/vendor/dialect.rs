//! How to speak to one device: its module's profile, or the standard's way, in the gateway's own terms.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::RtpTransport;
use crate::gb28181::manscdp::CmdType;
use crate::gb28181::sdp::SubStream;
use crate::gb28181::{Charset, DeviceId, Ssrc};
use crate::plugin::vendor::{self, Hooks, Owner, Profile, SsrcChange, Transport};

use super::super::Error;

/// How to speak to one device. A cheap handle.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Dialect {
    manner: Arc<Manner>,
    /// For hooks; none where there are none.
    device: Option<Arc<vendor::Device>>,
}

/// A module and a profile of its, shared by all devices that are spoken to alike.
#[derive(Debug, PartialEq)]
struct Manner {
    /// None for the standard's way.
    module: Option<String>,
    profile: Profile,
}

/// All manners in use, each of them once.
#[derive(Debug)]
pub(in crate::gateway) struct Manners {
    standard: Arc<Manner>,
    /// Nothing under the lock waits or calls out.
    others: Mutex<Vec<Arc<Manner>>>,
}

/// Those whose id may stand where devices disagree.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Parties<'a> {
    pub(in crate::gateway) channel: &'a DeviceId,
    pub(in crate::gateway) device: &'a DeviceId,
    pub(in crate::gateway) platform: &'a DeviceId,
}

impl Default for Manners {
    fn default() -> Self {
        let standard = Arc::new(Manner { module: None, profile: standard() });
        Self { standard, others: Mutex::default() }
    }
}

impl Manners {
    /// The way of devices that no module knows.
    pub(super) fn standard(&self) -> Dialect {
        Dialect { manner: self.standard.clone(), device: None }
    }

    /// The way of a device that `module` knows.
    pub(super) fn dialect(&self, module: &str, profile: &Profile, device: vendor::Device) -> Dialect {
        let hooked = profile.hooks != Hooks::empty() || !profile.repair.is_empty();
        let manner = Manner { module: Some(module.to_owned()), profile: profile.clone() };
        Dialect { manner: self.shared(manner), device: hooked.then(|| Arc::new(device)) }
    }

    fn shared(&self, manner: Manner) -> Arc<Manner> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.iter().find(|known| ***known == manner) {
            return known.clone();
        }
        others.retain(|known| Arc::strong_count(known) > 1);
        others.push(Arc::new(manner));
        others[others.len() - 1].clone()
    }
}

impl Dialect {
    /// Of the bodies that the device is sent, and of those it sends that can be read either way.
    pub(in crate::gateway) fn charset(&self) -> Charset {
        match self.profile().charset {
            vendor::Charset::Gb18030 => Charset::Gb18030,
            vendor::Charset::Gb2312 => Charset::Gb2312,
            vendor::Charset::Utf8 => Charset::Utf8,
        }
    }

    pub(in crate::gateway) fn transport(&self, configured: RtpTransport) -> RtpTransport {
        match self.profile().transport {
            Transport::Configured => configured,
            Transport::TcpActive => RtpTransport::TcpActive,
            Transport::TcpPassive => RtpTransport::TcpPassive,
            Transport::Udp => RtpTransport::Udp,
        }
    }

    /// The user part of `o=` in offers.
    pub(in crate::gateway) fn sdp_owner(&self, parties: Parties<'_>) -> DeviceId {
        parties.named(self.profile().sdp_owner)
    }

    /// The Request-URI of INVITE.
    pub(in crate::gateway) fn invite_target(&self, parties: Parties<'_>) -> DeviceId {
        parties.named(self.profile().invite_target)
    }

    /// The DeviceID of a query or command about settings.
    pub(super) fn config_target(&self, parties: Parties<'_>) -> DeviceId {
        parties.named(self.profile().config_target)
    }

    pub(in crate::gateway) fn payloads(&self) -> Vec<u8> {
        self.profile().sdp_payloads.clone()
    }

    pub(in crate::gateway) fn sub_stream(&self) -> Option<SubStream> {
        let attribute = self.profile().sdp_stream_attribute.as_deref()?;
        let (attribute, value) = attribute.split_once(':').unwrap_or((attribute, "0"));
        Some(SubStream { attribute: attribute.to_owned(), value: value.to_owned() })
    }

    /// `f=` of offers.
    pub(in crate::gateway) fn format(&self) -> Option<String> {
        self.profile().sdp_format.clone()
    }

    /// `Type` of queries for recordings.
    pub(in crate::gateway) fn record_type(&self) -> String {
        self.profile().record_type.clone()
    }

    /// The SSRC to expect beside `ours` when the device's answer names `answered`.
    ///
    /// # Errors
    /// It names another, and may not.
    pub(in crate::gateway) fn other_ssrc(
        &self,
        ours: Ssrc,
        answered: Option<Ssrc>,
    ) -> Result<Option<Ssrc>, Error> {
        let Some(other) = answered.filter(|ssrc| *ssrc != ours) else { return Ok(None) };
        match self.profile().ssrc_change {
            SsrcChange::Follow => Ok(Some(other)),
            SsrcChange::Ignore => Ok(None),
            SsrcChange::Refuse => Err(Error::BadAnswer("names another SSRC than it was given")),
        }
    }

    /// Between a registration and the first query.
    pub(in crate::gateway) fn query_delay(&self, configured: Duration) -> Duration {
        configured.max(Duration::from_millis(self.profile().query_delay_ms.into()))
    }

    /// For the final answer to INVITE.
    pub(in crate::gateway) fn invite_timeout(&self, configured: Duration) -> Duration {
        match self.profile().invite_timeout_secs {
            0 => configured,
            seconds => Duration::from_secs(seconds.into()),
        }
    }

    /// Whether the 200 to REGISTER carries `Date`.
    pub(in crate::gateway) fn sets_clock(&self) -> bool {
        self.profile().date
    }

    /// The module and what it is told of the device, if its profile asks for `hook`.
    pub(super) fn hooked(&self, hook: Hooks) -> Option<(&str, &vendor::Device)> {
        self.module().filter(|_| self.profile().hooks.contains(hook))
    }

    /// Whether there is any kind of body that its profile has repaired.
    pub(super) fn may_repair(&self) -> bool {
        !self.profile().repair.is_empty()
    }

    /// The same as [`hooked`](Self::hooked), if its profile has bodies of this kind repaired.
    pub(super) fn repairs(&self, cmd_type: &CmdType) -> Option<(&str, &vendor::Device)> {
        let listed = |name: &String| name.eq_ignore_ascii_case(cmd_type.as_str());
        self.module().filter(|_| self.profile().repair.iter().any(listed))
    }

    fn module(&self) -> Option<(&str, &vendor::Device)> {
        self.manner.module.as_deref().zip(self.device.as_deref())
    }

    fn profile(&self) -> &Profile {
        &self.manner.profile
    }
}

impl Parties<'_> {
    fn named(self, owner: Owner) -> DeviceId {
        match owner {
            Owner::Channel => self.channel.clone(),
            Owner::Device => self.device.clone(),
            Owner::Platform => self.platform.clone(),
        }
    }
}

/// The standard's way where it is clear, else what most devices take. PS comes first: Dahua wants it so. Devices
/// that send something else are rare. A Dahua NVR answers no query for recordings without a type.
pub(super) fn standard() -> Profile {
    Profile {
        charset: vendor::Charset::Gb2312,
        transport: Transport::Configured,
        sdp_owner: Owner::Channel,
        sdp_payloads: vec![96, 97, 98, 99],
        sdp_stream_attribute: None,
        sdp_format: None,
        invite_target: Owner::Channel,
        config_target: Owner::Device,
        record_type: "all".to_owned(),
        ssrc_change: SsrcChange::Follow,
        query_delay_ms: 0,
        invite_timeout_secs: 0,
        date: true,
        repair: Vec::new(),
        hooks: Hooks::empty(),
        attributes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> vendor::Device {
        vendor::Device {
            id: "1".to_owned(),
            user_agent: None,
            manufacturer: None,
            model: None,
            firmware: None,
            version: None,
            attributes: Vec::new(),
        }
    }

    fn dialect(change: impl FnOnce(&mut Profile)) -> Dialect {
        let mut profile = standard();
        change(&mut profile);
        Manners::default().dialect("m", &profile, device())
    }

    #[test]
    fn devices_that_are_spoken_to_alike_share_a_manner() {
        let manners = Manners::default();
        let (one, two) =
            (manners.dialect("m", &standard(), device()), manners.dialect("m", &standard(), device()));
        assert!(Arc::ptr_eq(&one.manner, &two.manner) && one.device.is_none());
        let other = manners.dialect("n", &standard(), device());
        assert!(!Arc::ptr_eq(&one.manner, &other.manner));
        drop((one, two, other));
        drop(manners.dialect("o", &standard(), device()));
        assert_eq!(manners.others.lock().unwrap().len(), 1, "what nobody uses goes");
    }

    #[test]
    fn waits_and_transports_are_the_operators_unless_the_profile_says() {
        let second = Duration::from_secs(1);
        let plain = dialect(|_| {});
        assert_eq!((plain.query_delay(second), plain.invite_timeout(second)), (second, second));
        assert_eq!(plain.transport(RtpTransport::TcpActive), RtpTransport::TcpActive);
        let slow = dialect(|profile| {
            (profile.query_delay_ms, profile.invite_timeout_secs) = (3000, 60);
            profile.transport = Transport::Udp;
        });
        assert_eq!((slow.query_delay(second), slow.invite_timeout(second)), (3 * second, 60 * second));
        assert_eq!(slow.query_delay(4 * second), 4 * second, "the operator's is longer");
        assert_eq!(slow.transport(RtpTransport::TcpActive), RtpTransport::Udp);
    }

    #[test]
    fn a_stream_without_a_value_is_the_main_one() {
        let stream = |attribute: &str| {
            let stream =
                dialect(|profile| profile.sdp_stream_attribute = Some(attribute.to_owned())).sub_stream();
            stream.map(|stream| (stream.attribute, stream.value))
        };
        assert_eq!(stream("streamnumber"), Some(("streamnumber".to_owned(), "0".to_owned())));
        assert_eq!(stream("streamMode:SUB"), Some(("streamMode".to_owned(), "SUB".to_owned())));
    }

    #[test]
    fn another_ssrc_is_followed_ignored_or_refused() {
        let other = |change, answered: Option<u32>| {
            dialect(|profile| profile.ssrc_change = change).other_ssrc(Ssrc(1), answered.map(Ssrc)).ok()
        };
        assert_eq!(other(SsrcChange::Follow, Some(2)), Some(Some(Ssrc(2))));
        assert_eq!(other(SsrcChange::Ignore, Some(2)), Some(None));
        assert_eq!(other(SsrcChange::Refuse, Some(2)), None);
        assert_eq!(other(SsrcChange::Refuse, Some(1)), Some(None));
        assert_eq!(other(SsrcChange::Refuse, None), Some(None));
    }

    #[test]
    fn hooks_are_asked_for_by_the_profile() {
        let hooked = dialect(|profile| {
            profile.hooks = Hooks::OFFER;
            profile.repair = vec!["recordinfo".to_owned()];
        });
        assert!(hooked.hooked(Hooks::OFFER).is_some() && hooked.hooked(Hooks::ANSWER).is_none());
        assert!(
            hooked.repairs(&CmdType::RecordInfo).is_some() && hooked.repairs(&CmdType::Catalog).is_none()
        );
        assert!(dialect(|_| {}).hooked(Hooks::OFFER).is_none());
    }
}

//! The facts; the numbers are those of wvp-GB28181-pro's issues where no other project is named.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Charset, Device, Hooks, Item, Owner, Profile, Recognition, SsrcChange},
};

const SIGNS: Signs = Signs {
    makers: &["hikvision", "海康"],
    models: &["DS-", "iDS-"],
    agents: &["hikvision", "iVMS"],
    // EZVIZ has the recorders' too, and many cameras without a name the other.
    hints: &["Embedded Net DVR/NVR/DVS", "IP Camera"],
};

/// What some devices want in `m=`, PS last (wvp calls it `senior-sdp`, f00d6863c).
const SENIOR: [u8; 7] = [126, 125, 99, 34, 98, 97, 96];

/// `[plugins.config.hikvision]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hikvision {
    /// Whether the sub-stream is asked for.
    sub_stream: bool,
    /// The ids, or the beginnings of the models, that want their own payload types first.
    senior: Vec<String>,
    /// Whether what is notified of a channel's status is ignored (782300452).
    ignore_status: bool,
}

impl Hikvision {
    fn profile(&self, device: &Device) -> Profile {
        let model = device.model.as_deref().unwrap_or_default();
        let senior = self.senior.iter().any(|one| *one == device.id || model.starts_with(one.as_str()));
        let edition = maker::speaks_2022(device);
        let number = u8::from(self.sub_stream);
        let profile = Profile::default();
        Profile {
            // Text is GB18030 whatever its prolog says (#1344); firmware of 2022 says so (#2164).
            charset: if edition { Charset::Gb18030 } else { Charset::Gb2312 },
            // An AE-DI2032-G40 takes nothing else (#2011).
            sdp_owner: Owner::Channel,
            sdp_payloads: if senior { SENIOR.to_vec() } else { profile.sdp_payloads },
            // Before 2022 it is ignored, in whatever words (#1704, #1149).
            sdp_stream_attribute: edition.then(|| format!("streamnumber:{number}")),
            // y=0703001718 where y=0200009319 was asked for, and media under it (#127, srs #4561).
            ssrc_change: SsrcChange::Follow,
            hooks: Hooks::CATALOG,
            ..profile
        }
    }
}

impl Policy for Hikvision {}

impl Vendor for Hikvision {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        Ok(SIGNS.claim(device, self.profile(device)))
    }

    /// CivilCode is a division's, of eight digits at most: not the word `CivilCode`, not a whole domain.
    fn catalog(&self, _: &Device, mut items: Vec<Item>) -> Result<Vec<Item>, String> {
        if self.ignore_status {
            items.retain(|item| !maker::text(item, "Event").is_some_and(is_status));
        }
        for item in &mut items {
            let code = maker::text(item, "CivilCode").unwrap_or_default();
            if code.len() > 8 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                maker::drop_field(item, "CivilCode");
            }
        }
        Ok(items)
    }
}

fn is_status(event: &str) -> bool {
    ["ON", "OFF", "VLOST", "DEFECT"].iter().any(|status| event.eq_ignore_ascii_case(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, made_by, model};
    use sluice_sdk::types::Attribute;

    fn claim(policy: &Hikvision, device: &Device) -> Recognition {
        policy.claim(device).unwrap().unwrap()
    }

    fn item(fields: &[(&str, &str)]) -> Item {
        let field = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
        Item { fields: fields.iter().map(field).collect() }
    }

    #[test]
    fn devices_are_known_by_what_they_say() {
        let sure = |device: &Device| claim(&Hikvision::default(), device).certainty;
        assert_eq!(sure(&made_by("Hikvision", "DS-2CD5024EFWD")), maker::MAKER);
        assert_eq!(sure(&model("iDS-7908NX")), maker::MODEL);
        assert_eq!(sure(&agent("iVMS 1.0")), maker::AGENT);
        assert_eq!(sure(&agent("Embedded Net DVR/NVR/DVS")), maker::HINT);
        assert_eq!(Hikvision::default().claim(&agent("DH SIP UAS V1.0")), Ok(None));
    }

    #[test]
    fn only_the_edition_of_2022_lets_the_stream_be_chosen() {
        let camera = made_by("Hikvision", "DS-2CD5024EFWD");
        let policy = Hikvision { sub_stream: true, ..Hikvision::default() };
        let old = claim(&policy, &camera).profile;
        assert_eq!((old.charset, old.sdp_stream_attribute), (Charset::Gb2312, None));
        let new = claim(&policy, &Device { version: Some("3.0".into()), ..camera }).profile;
        assert_eq!(
            (new.charset, new.sdp_stream_attribute),
            (Charset::Gb18030, Some("streamnumber:1".into()))
        );
    }

    #[test]
    fn payload_types_come_in_their_own_order_where_configured() {
        let policy = Hikvision { senior: vec!["DS-2CD3T".into()], ..Hikvision::default() };
        let payloads = |model| claim(&policy, &made_by("Hikvision", model)).profile.sdp_payloads;
        assert_eq!(payloads("DS-2CD3T45"), SENIOR);
        assert_eq!(payloads("DS-2CD5024"), [96, 97, 98, 99]);
    }

    #[test]
    fn what_is_no_division_goes_from_catalogs() {
        let device = agent("IP Camera");
        let items = ["34020000", "3402000000", "CivilCode"].map(|code| item(&[("CivilCode", code)]));
        let expected = vec![items[0].clone(), item(&[]), item(&[])];
        assert_eq!(Hikvision::default().catalog(&device, items.to_vec()), Ok(expected));
    }

    #[test]
    fn a_platform_s_wrong_statuses_are_ignored_where_configured() {
        let device = agent("IP Camera");
        let items = vec![item(&[("Event", "VLOST")]), item(&[("Event", "UPDATE")]), item(&[])];
        let policy = Hikvision { ignore_status: true, ..Hikvision::default() };
        assert_eq!(policy.catalog(&device, items.clone()), Ok(items[1..].to_vec()));
        assert_eq!(Hikvision::default().catalog(&device, items.clone()), Ok(items));
    }
}

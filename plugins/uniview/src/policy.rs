//! The facts; the numbers are those of wvp-GB28181-pro's issues.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Charset, Device, Profile, Recognition},
};

const SIGNS: Signs = Signs {
    makers: &["uniview", "宇视"],
    // HIC6622-IR@X33-VF in a catalog.
    models: &["HIC"],
    // `IMOS/V3`, their platform.
    agents: &["IMOS/"],
    hints: &[],
};

/// `[plugins.config.uniview]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Uniview {
    /// How long the final answer to INVITE may take (#1518: a fire camera stays at 100), in seconds.
    invite_timeout_secs: u32,
}

impl Policy for Uniview {}

impl Vendor for Uniview {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        // A device's own name was rubbish and its channels' were not (#1461): some write UTF-8 under whatever prolog.
        // One that has sent nothing else is taken at that where a text can be read either way.
        let utf8 = maker::is(device, "sends-utf8") && !maker::is(device, "sends-gb18030");
        let profile = Profile {
            charset: if utf8 { Charset::Utf8 } else { Charset::Gb2312 },
            invite_timeout_secs: self.invite_timeout_secs,
            ..Profile::default()
        };
        Ok(SIGNS.claim(device, profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, being, certainty, made_by, model, profile};

    #[test]
    fn devices_are_known_by_what_they_say() {
        let sure = |device: &Device| certainty(&Uniview::default(), device);
        assert_eq!(sure(&made_by("UNIVIEW", "HIC6622-IR@X33-VF")), Some(maker::MAKER));
        assert_eq!(sure(&model("HIC6622-IR@X33-VF")), Some(maker::MODEL));
        assert_eq!(sure(&agent("IMOS/V3")), Some(maker::AGENT));
        assert_eq!(sure(&agent("IP Camera")), None);
    }

    #[test]
    fn one_that_sends_nothing_but_utf8_is_taken_at_that() {
        let camera = agent("IMOS/V3");
        let charset = |device: &Device| profile(&Uniview::default(), device).charset;
        assert_eq!(charset(&camera), Charset::Gb2312);
        let utf8 = being(camera, "sends-utf8");
        assert_eq!(charset(&utf8), Charset::Utf8);
        assert_eq!(charset(&being(utf8, "sends-gb18030")), Charset::Gb2312);
    }

    #[test]
    fn a_slow_camera_has_the_time_that_the_operator_gives() {
        let policy = Uniview { invite_timeout_secs: 60 };
        assert_eq!(profile(&policy, &agent("IMOS/V3")).invite_timeout_secs, 60);
        assert_eq!(profile(&Uniview::default(), &agent("IMOS/V3")).invite_timeout_secs, 0);
    }
}

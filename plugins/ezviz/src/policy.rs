//! The facts.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Profile, Recognition},
};

/// `EZVIZ` is their platform's User-Agent (wvp-GB28181-pro #940).
const SIGNS: Signs = Signs { makers: &["ezviz", "萤石"], models: &[], agents: &[], hints: &[] };

/// `[plugins.config.ezviz]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ezviz {}

impl Policy for Ezviz {}

impl Vendor for Ezviz {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        Ok(SIGNS.claim(device, Profile::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, certainty, made_by};

    #[test]
    fn devices_are_known_by_the_name_of_their_maker_and_not_by_a_user_agent_that_is_hikvision_s() {
        let sure = |device: &Device| certainty(&Ezviz::default(), device);
        assert_eq!(sure(&made_by("EZVIZ", "X5S")), Some(maker::MAKER));
        assert_eq!(sure(&agent("EZVIZ")), Some(maker::AGENT));
        assert_eq!(sure(&agent("Embedded Net DVR/NVR/DVS")), None);
    }
}

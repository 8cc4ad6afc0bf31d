//! The facts.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Profile, Recognition},
};

const SIGNS: Signs = Signs { makers: &["kedacom", "科达"], models: &[], agents: &[], hints: &[] };

/// `[plugins.config.kedacom]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kedacom {}

impl Policy for Kedacom {}

impl Vendor for Kedacom {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        Ok(SIGNS.claim(device, Profile::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, certainty, made_by};

    #[test]
    fn devices_are_known_by_the_name_of_their_maker() {
        let sure = |device: &Device| certainty(&Kedacom::default(), device);
        assert_eq!(sure(&made_by("Kedacom", "")), Some(maker::MAKER));
        assert_eq!(sure(&made_by("科达", "")), Some(maker::MAKER));
        assert_eq!(sure(&agent("KEDACOM")), Some(maker::AGENT));
        assert_eq!(sure(&agent("SIP UAS V3.0.0.675168")), None);
    }
}

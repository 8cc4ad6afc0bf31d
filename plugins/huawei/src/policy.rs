//! The facts.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Profile, Recognition},
};

const SIGNS: Signs = Signs { makers: &["huawei", "华为"], models: &[], agents: &[], hints: &[] };

/// `[plugins.config.huawei]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Huawei {}

impl Policy for Huawei {}

impl Vendor for Huawei {
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
        let sure = |device: &Device| certainty(&Huawei::default(), device);
        assert_eq!(sure(&made_by("HUAWEI", "")), Some(maker::MAKER));
        assert_eq!(sure(&made_by("华为", "")), Some(maker::MAKER));
        assert_eq!(sure(&agent("Huawei IPC")), Some(maker::AGENT));
        assert_eq!(sure(&agent("IP Camera")), None);
    }
}

//! The facts.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Profile, Recognition},
};

/// `Tiandy Tech SIP Agent` is their User-Agent (wvp-GB28181-pro #1425).
const SIGNS: Signs = Signs { makers: &["tiandy", "天地伟业"], models: &[], agents: &[], hints: &[] };

/// The Model of the standard's own example of a DeviceInfo (2011), which many stacks were built from. The example names
/// Tiandy too, so that this Manufacturer proves little beside it.
const EXAMPLE: &str = "TC-2808AN-HD";

/// `[plugins.config.tiandy]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tiandy {}

impl Policy for Tiandy {}

impl Vendor for Tiandy {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        let mut found = SIGNS.claim(device, Profile::default());
        if let Some(found) = &mut found
            && found.certainty == maker::MAKER
            && is_example(device)
        {
            found.certainty = maker::HINT;
            found.reason += ", as in the standard's example";
        }
        Ok(found)
    }
}

/// Whether a device says of itself what the standard's example says. Its User-Agent then tells the maker.
fn is_example(device: &Device) -> bool {
    let ours = |agent: &String| agent.to_ascii_lowercase().contains("tiandy");
    device.model.as_deref().is_some_and(|model| model.trim().eq_ignore_ascii_case(EXAMPLE))
        && !device.user_agent.as_ref().is_some_and(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, certainty, made_by, model};

    #[test]
    fn devices_are_known_by_what_they_say() {
        let sure = |device: &Device| certainty(&Tiandy::default(), device);
        assert_eq!(sure(&made_by("Tiandy", "X")), Some(maker::MAKER));
        assert_eq!(sure(&agent("Tiandy Tech SIP Agent")), Some(maker::AGENT));
        assert_eq!(sure(&agent("IP Camera")), None);
    }

    #[test]
    fn the_standard_s_example_proves_little() {
        let example = made_by("Tiandy", EXAMPLE);
        assert_eq!(certainty(&Tiandy::default(), &example), Some(maker::HINT));
        let theirs = Device { user_agent: Some("Tiandy Tech SIP Agent".into()), ..example };
        assert_eq!(certainty(&Tiandy::default(), &theirs), Some(maker::MAKER));
        assert_eq!(certainty(&Tiandy::default(), &model(EXAMPLE)), None);
    }
}

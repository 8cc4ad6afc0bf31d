//! What the edition of 2022 says differently from those before.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Charset, Device, Owner, Profile, Recognition},
};

/// `[plugins.config.generic-2022]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Generic2022 {
    /// Whether the sub-stream is asked for.
    sub_stream: bool,
}

impl Generic2022 {
    fn profile(&self) -> Profile {
        let number = u8::from(self.sub_stream);
        Profile {
            charset: Charset::Gb18030,
            // `o=` names who sends the SDP.
            sdp_owner: Owner::Platform,
            sdp_stream_attribute: Some(format!("streamnumber:{number}")),
            ..Profile::default()
        }
    }
}

impl Policy for Generic2022 {}

impl Vendor for Generic2022 {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        let version = device.version.as_deref().unwrap_or_default().trim();
        let by_version = maker::speaks_2022(device).then(|| Recognition {
            certainty: maker::EDITION,
            reason: format!("its X-GB-Ver is {version}"),
            profile: self.profile(),
        });
        // No sign of a maker, but an operator's choice.
        Ok(Signs::default().claim(device, self.profile()).or(by_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, being, certainty, profile};

    fn version(version: &str) -> Device {
        Device { version: Some(version.into()), ..agent("Happytime GB28181 Device V7.0") }
    }

    #[test]
    fn only_the_version_counts_and_less_than_any_maker_s_sign() {
        let sure = |device: &Device| certainty(&Generic2022::default(), device);
        assert_eq!(sure(&version("3.0")), Some(maker::EDITION));
        assert_eq!((sure(&version("2.0")), sure(&agent("IP Camera"))), (None, None));
        assert_eq!(sure(&being(agent("X"), "chosen")), Some(maker::CHOSEN));
        let least = [maker::HINT, maker::AGENT, maker::MODEL, maker::MAKER].into_iter().min();
        assert!(least > Some(maker::EDITION));
    }

    #[test]
    fn the_edition_s_words_are_used() {
        let stream = |sub_stream| profile(&Generic2022 { sub_stream }, &version("3.0"));
        let main = stream(false);
        assert_eq!((main.charset, main.sdp_owner), (Charset::Gb18030, Owner::Platform));
        assert_eq!(main.sdp_stream_attribute.as_deref(), Some("streamnumber:0"));
        assert_eq!(stream(true).sdp_stream_attribute.as_deref(), Some("streamnumber:1"));
    }
}

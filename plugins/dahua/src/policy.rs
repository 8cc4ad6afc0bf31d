//! The facts; the numbers are those of wvp-GB28181-pro's issues where no other project is named.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Owner, Profile, Recognition},
};

const SIGNS: Signs = Signs {
    makers: &["dahua", "大华"],
    models: &["DH-", "DHI-", "IPC-HDBW", "IPC-HDW", "IPC-HFW"],
    agents: &["DH SIP UAS"],
    // Their stack's name, which others built on too.
    hints: &["SIP UAS V"],
};

/// A query that comes sooner after the registration is answered 403 `Not registered` (#28).
const SETTLING_MS: u32 = 3000;

/// `[plugins.config.dahua]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dahua {
    /// Whether the sub-stream is asked for.
    sub_stream: bool,
}

impl Policy for Dahua {}

impl Vendor for Dahua {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        let number = u8::from(self.sub_stream);
        let profile = Profile {
            // PS leads, or nothing comes (#28, d5026897c).
            sdp_payloads: vec![96, 97, 98],
            sdp_stream_attribute: Some(format!("stream:{number}")),
            // Only the device knows its settings, a channel does not.
            config_target: Owner::Device,
            // A recorder answers no query without it.
            record_type: "all".into(),
            query_delay_ms: SETTLING_MS,
            ..Profile::default()
        };
        Ok(SIGNS.claim(device, profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, made_by, model};

    #[test]
    fn devices_are_known_by_what_they_say() {
        let sure = |device: &Device| Dahua::default().claim(device).unwrap().map(|found| found.certainty);
        assert_eq!(sure(&made_by("DAHUA", "IPC-HFW4150D-V2")), Some(maker::MAKER));
        assert_eq!(sure(&made_by("General", "DH-IVSS708-S1")), Some(maker::MODEL));
        assert_eq!(sure(&model("IPC-HFW2433M-LED-V2")), Some(maker::MODEL));
        assert_eq!(sure(&agent("DH SIP UAS V1.0")), Some(maker::AGENT));
        assert_eq!(sure(&agent("SIP UAS V3.0.0.675168")), Some(maker::HINT));
        assert_eq!(sure(&agent("IP Camera")), None);
    }

    #[test]
    fn the_stream_is_chosen_in_their_own_words() {
        let stream = |policy: Dahua| policy.claim(&agent("DH SIP UAS V1.0")).unwrap().unwrap().profile;
        assert_eq!(stream(Dahua::default()).sdp_stream_attribute.as_deref(), Some("stream:0"));
        assert_eq!(stream(Dahua { sub_stream: true }).sdp_stream_attribute.as_deref(), Some("stream:1"));
    }
}

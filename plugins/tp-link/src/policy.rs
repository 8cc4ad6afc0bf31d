//! The facts.

use maker::Signs;
use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Profile, Recognition},
};

const SIGNS: Signs = Signs {
    makers: &["tp-link", "mercury", "水星"],
    // The camera with the spaces.
    models: &["IPC43AW"],
    agents: &[],
    hints: &[],
};

/// `[plugins.config.tp-link]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TpLink {
    /// The attribute and value that select a camera's stream. An attribute that is not known is passed over
    /// (RFC 4566 §5.13).
    stream: String,
}

impl Default for TpLink {
    /// TP-Link's own word for it (chengxiaosheng/libgb28181, src/request/sdp.cpp).
    fn default() -> Self {
        Self { stream: "streamMode:main".into() }
    }
}

impl Policy for TpLink {}

impl Vendor for TpLink {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        let stream = (!self.stream.is_empty()).then(|| self.stream.clone());
        Ok(SIGNS.claim(device, Profile { sdp_stream_attribute: stream, ..Profile::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maker::samples::{agent, certainty, made_by, model, profile};

    #[test]
    fn devices_are_known_by_what_they_say() {
        let sure = |device: &Device| certainty(&TpLink::default(), device);
        assert_eq!(sure(&made_by("TP-LINK", "IPC43AW")), Some(maker::MAKER));
        assert_eq!(sure(&made_by("MERCURY", "")), Some(maker::MAKER));
        assert_eq!(sure(&model("IPC43AW")), Some(maker::MODEL));
        assert_eq!(sure(&agent("IP Camera")), None);
    }

    #[test]
    fn the_stream_is_chosen_as_configured() {
        let stream =
            |stream: &str| profile(&TpLink { stream: stream.into() }, &model("IPC43AW")).sdp_stream_attribute;
        assert_eq!(stream("stream:1").as_deref(), Some("stream:1"));
        assert_eq!(stream(""), None);
        let usual = profile(&TpLink::default(), &model("IPC43AW")).sdp_stream_attribute;
        assert_eq!(usual.as_deref(), Some("streamMode:main"));
    }
}

//! What is known of a device, as modules are told it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::gb28181::charset;
use crate::plugin::types::Attribute;
use crate::plugin::vendor;
use crate::store::User;

/// Ways of a device that its module may want to know, as they showed since the gateway was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(in crate::gateway) struct Observed(u8);

impl Observed {
    /// A body came that is not UTF-8.
    pub(in crate::gateway) const SENDS_GB18030: Self = Self(1);
    /// A body came in UTF-8 that is more than ASCII.
    pub(in crate::gateway) const SENDS_UTF8: Self = Self(2);
    /// An answer to INVITE named another SSRC than ours.
    pub(in crate::gateway) const SSRC_CHANGED: Self = Self(4);
    /// An answer to INVITE named none.
    pub(in crate::gateway) const SSRC_MISSING: Self = Self(8);

    const NAMED: [(Self, &str); 4] = [
        (Self::SENDS_GB18030, "sends-gb18030"),
        (Self::SENDS_UTF8, "sends-utf8"),
        (Self::SSRC_CHANGED, "ssrc-changed"),
        (Self::SSRC_MISSING, "ssrc-missing"),
    ];

    /// The encoding that shows in a body; none in one of ASCII alone, or that reads in both.
    pub(super) fn of_text(body: &[u8]) -> Option<Self> {
        if body.is_ascii() || charset::gbk_in_doubt(body).is_some() {
            return None;
        }
        Some(if std::str::from_utf8(body).is_ok() { Self::SENDS_UTF8 } else { Self::SENDS_GB18030 })
    }

    /// These ways and that one.
    #[must_use]
    pub(in crate::gateway) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// By the names of the contract.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(one, _)| self.0 & one.0 != 0).map(|(_, name)| name)
    }
}

/// A device's row and ways as modules are told them.
pub(super) fn device(row: &User, observed: Observed) -> vendor::Device {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let kind = text(&row.devicetype).map(|kind| attribute("device-type", &kind));
    vendor::Device {
        id: row.deviceid.clone(),
        user_agent: text(&row.user_agent),
        manufacturer: text(&row.manufacturer),
        model: text(&row.model),
        firmware: text(&row.firmware),
        version: text(&row.gb_version),
        attributes: kind.into_iter().chain(observed.names().map(|name| attribute(name, "true"))).collect(),
    }
}

/// The same number while nothing changes on which a decision rests.
pub(super) fn fingerprint(row: &User, observed: Observed) -> u64 {
    let mut hasher = DefaultHasher::new();
    let said = [&row.user_agent, &row.manufacturer, &row.model, &row.firmware, &row.devicetype];
    (said, &row.gb_version, &row.vendor, observed).hash(&mut hasher);
    hasher.finish()
}

pub(super) fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_add_up_and_have_names() {
        let ways = Observed::default().and(Observed::SSRC_MISSING).and(Observed::SENDS_UTF8);
        assert_eq!(ways.names().collect::<Vec<_>>(), ["sends-utf8", "ssrc-missing"]);
        assert_eq!(ways.and(Observed::SENDS_UTF8), ways);
    }

    #[test]
    fn an_encoding_shows_only_in_what_is_not_ascii() {
        assert_eq!(Observed::of_text(b"<Name>gate</Name>"), None);
        // The ground floor in GBK, and something else in UTF-8.
        assert_eq!(Observed::of_text(b"\xD2\xBB\xC2\xA5"), None);
        assert_eq!(Observed::of_text("<Name>东门</Name>".as_bytes()), Some(Observed::SENDS_UTF8));
        assert_eq!(Observed::of_text(b"\xB6\xAB\xC3\xC5"), Some(Observed::SENDS_GB18030));
    }
}

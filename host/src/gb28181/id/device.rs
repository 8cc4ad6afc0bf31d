//! The id of a device, a channel or a platform.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Error;

/// The id of a device, channel or platform (GB/T 28181-2016 annex D): 20 digits by the standard, any short word
/// in the field. A clone shares the text.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    /// The longest id taken. The standard's have 20; some makers send names of their own.
    pub const MAX_BYTES: usize = 64;

    /// Reads an id, with blanks around it dropped.
    ///
    /// Ids of 18 digits (old Hikvision platforms), of 2 to 8 digits (divisions in a TD-Tech catalog) and
    /// with letters are taken. An empty or too long text, and blanks or control characters inside, are not.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(Error::Length(text.len()));
        }
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.into()));
        }
        match text.chars().find(|c| c.is_control() || c.is_whitespace()) {
            Some(character) => Err(Error::Character(character)),
            None => Ok(Self(text.into())),
        }
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id has the standard's form of 20 digits.
    pub fn is_standard(&self) -> bool {
        self.0.len() == 20 && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The type code, digits 11 to 13: 118 an NVR, 132 a camera, 200 a platform. None for ids of another form.
    pub fn kind(&self) -> Option<u16> {
        if !self.is_standard() {
            return None;
        }
        self.0[10..13].parse().ok()
    }
}

impl AsRef<str> for DeviceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({})", self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for DeviceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DeviceId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl Serialize for DeviceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DeviceId {
        DeviceId::parse(text).unwrap()
    }

    #[test]
    fn reads_ids_of_every_length_seen() {
        for text in ["34020000001320000001", "130909113319427420", "51", "510103", "cam-7@yard"] {
            assert_eq!(id(text).as_str(), text);
        }
        assert_eq!(id(" 34020000001320000001 \r\n").as_str(), "34020000001320000001");
        assert_eq!(id(&"9".repeat(64)).as_str().len(), 64);
    }

    #[test]
    fn refuses_what_is_no_id() {
        assert_eq!(DeviceId::parse(" \t"), Err(Error::Empty));
        assert_eq!(DeviceId::parse("3402 0000"), Err(Error::Character(' ')));
        assert_eq!(DeviceId::parse("3402\u{0}0000"), Err(Error::Character('\u{0}')));
        assert_eq!(DeviceId::parse(&"9".repeat(65)), Err(Error::Length(65)));
    }

    #[test]
    fn names_the_type_of_standard_ids_only() {
        assert_eq!(id("34020000001320000001").kind(), Some(132));
        assert_eq!(id("34020000002000000001").kind(), Some(200));
        assert_eq!(id("130909113319427420").kind(), None);
        assert_eq!(id("3402000000132000000x").kind(), None);
        assert!(!id("３４０２００").is_standard());
    }

    #[test]
    fn is_a_string_to_serde() {
        let json = serde_json::to_string(&id("34020000001320000001")).unwrap();
        assert_eq!(json, "\"34020000001320000001\"");
        assert_eq!(serde_json::from_str::<DeviceId>(&json).unwrap(), id("34020000001320000001"));
        assert!(serde_json::from_str::<DeviceId>("\"\"").is_err());
    }
}

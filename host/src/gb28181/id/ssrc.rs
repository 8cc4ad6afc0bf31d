//! The SSRC of a stream, and the name that the media server gives it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Error;

/// What a stream shows; the first digit of its SSRC.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StreamKind {
    /// What the camera sees now: digit 0.
    Live,
    /// A recording, played back or downloaded: digit 1.
    History,
}

/// The SSRC of an RTP stream, which GB/T 28181 writes as ten decimal digits in `y=`.
///
/// The inviting side allots it. Its digits are: 0 live or 1 history, digits 4 to 8 of the region, four of
/// sequence. Devices that allot their own use any number of 32 bits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ssrc(pub u32);

impl Ssrc {
    /// How many sequence numbers there are for a region and kind.
    pub const SEQUENCES: u16 = 10_000;

    /// The SSRC of `sequence` in `region`, the first ten digits of the platform's id, or all twenty.
    ///
    /// Digits that the region lacks count as 0, and so does what is no digit. Sequences repeat after
    /// [`Self::SEQUENCES`].
    pub fn new(kind: StreamKind, region: &str, sequence: u16) -> Self {
        let digits = region.bytes().skip(3).chain(std::iter::repeat(b'0')).take(5);
        let domain = digits.fold(0, |sum, byte| {
            let digit = if byte.is_ascii_digit() { u32::from(byte - b'0') } else { 0 };
            sum * 10 + digit
        });
        let first = match kind {
            StreamKind::Live => 0,
            StreamKind::History => 1_000_000_000,
        };
        Self(first + domain * 10_000 + u32::from(sequence % Self::SEQUENCES))
    }

    /// Reads the value of `y=`: blanks around it (a device behind wvp-GB28181-pro 617c40731), fewer than ten
    /// digits (SRS) and numbers above `i32::MAX` are taken, more than 32 bits are not.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Ssrc(text.into()));
        }
        text.parse().map(Self).map_err(|_| Error::Ssrc(text.into()))
    }

    /// The name of the stream at the media server's single RTP port.
    pub fn stream_id(self) -> StreamId {
        StreamId(self.0)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

impl FromStr for Ssrc {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The name of a stream: its SSRC in eight upper-case hexadecimal digits, as ZLMediaKit names it. Callers of
/// the API know it as `ssrc`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(u32);

impl StreamId {
    /// Reads eight hexadecimal digits of either case.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::StreamId(text.into()));
        }
        u32::from_str_radix(text, 16).map(Self).map_err(|_| Error::StreamId(text.into()))
    }

    /// The SSRC that the name is made of.
    pub fn ssrc(self) -> Ssrc {
        Ssrc(self.0)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

impl FromStr for StreamId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_of_kind_region_and_sequence() {
        let live = Ssrc::new(StreamKind::Live, "3402000000", 1);
        assert_eq!(live.to_string(), "0200000001");
        let history = Ssrc::new(StreamKind::History, "13010000002000000001", 9999);
        assert_eq!(history.to_string(), "1100009999");
        assert_eq!(Ssrc::new(StreamKind::Live, "34029999", 10_007).to_string(), "0299990007");
        assert_eq!(Ssrc::new(StreamKind::Live, "34", 7).to_string(), "0000000007");
        assert_eq!(Ssrc::new(StreamKind::History, "999999999999", 9999).0, 1_999_999_999);
    }

    #[test]
    fn reads_what_devices_put_into_y() {
        for (text, number) in [
            ("0200000001", 200_000_001),
            ("0113002450 ", 113_002_450),
            ("630886", 630_886),
            ("4294967295", u32::MAX),
            ("00000000000000000001", 1),
            ("0200000001\0", 200_000_001),
        ] {
            assert_eq!(Ssrc::parse(text), Ok(Ssrc(number)), "{text:?}");
        }
        assert_eq!(Ssrc::parse(" "), Err(Error::Empty));
        for text in ["4294967296", "0BEBC201", "-1", "+1", "02 00"] {
            assert_eq!(Ssrc::parse(text), Err(Error::Ssrc(text.into())));
        }
    }

    /// The table of `fixtures/zlm`: what a real ZLMediaKit called these streams.
    #[test]
    fn names_streams_as_zlmediakit_does() {
        for (ssrc, stream) in [
            ("0200000001", "0BEBC201"),
            ("0100000001", "05F5E101"),
            ("1234567890", "499602D2"),
            ("4294967295", "FFFFFFFF"),
            ("0000043981", "0000ABCD"),
            ("0000000001", "00000001"),
            ("0000000000", "00000000"),
        ] {
            let ssrc = Ssrc::parse(ssrc).unwrap();
            assert_eq!(ssrc.stream_id().to_string(), stream);
            assert_eq!(StreamId::parse(&stream.to_lowercase()).unwrap().ssrc(), ssrc);
        }
    }

    #[test]
    fn refuses_what_is_no_stream_id() {
        for text in ["", "BEBC201", "0BEBC2010", "0BEBC20G", "+BEBC201", "ＡＢ", "0BEBC20１"] {
            assert_eq!(StreamId::parse(text), Err(Error::StreamId(text.into())));
        }
    }
}

//! PTZCmd: eight octets that move a camera (GB/T 28181-2016 annex A.3).

use std::{fmt, str::FromStr};

/// Why a PTZCmd cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The sum of its octets is wrong.
    #[error("PTZCmd ends with {found:02X}, its sum is {sum:02X}")]
    Checksum {
        /// What the last octet should be.
        sum: u8,
        /// What it is.
        found: u8,
    },
    /// It is not sixteen hexadecimal digits.
    #[error("PTZCmd is not sixteen hexadecimal digits")]
    Digits,
    /// It does not begin with A5, a version and their check.
    #[error("PTZCmd begins with {0:02X}{1:02X}")]
    Head(u8, u8),
}

/// A command, as its octets say it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame {
    /// The device's address on an old-style bus, 12 bits; 0 or 1 in practice.
    pub address: u16,
    /// What to do; octet 4.
    pub command: u8,
    /// Pan or focus speed, or the number of a cruise, scan or switch; octet 5.
    pub data1: u8,
    /// Tilt or iris speed, or the number of a preset; octet 6.
    pub data2: u8,
    /// Zoom speed, or the high part of a number; 4 bits, octet 7.
    pub data3: u8,
}

impl Frame {
    /// Moves the camera, or stops it where all directions are 0.
    pub fn motion(motion: Motion) -> Self {
        let bits = [
            (motion.zoom < 0, 0x20),
            (motion.zoom > 0, 0x10),
            (motion.tilt > 0, 0x08),
            (motion.tilt < 0, 0x04),
            (motion.pan < 0, 0x02),
            (motion.pan > 0, 0x01),
        ];
        Self {
            address: 1,
            command: bits.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum(),
            data1: speed(motion.pan),
            data2: speed(motion.tilt),
            data3: u8::try_from(motion.zoom.unsigned_abs()).unwrap_or(u8::MAX).min(0x0F),
        }
    }

    /// Stops the camera, a cruise and a scan.
    pub fn stop() -> Self {
        Self::motion(Motion::default())
    }

    /// Sets, calls or deletes the preset of this number, 1 to 255.
    pub fn preset(action: PresetAction, number: u8) -> Self {
        let command = match action {
            PresetAction::Set => 0x81,
            PresetAction::Call => 0x82,
            PresetAction::Delete => 0x83,
        };
        Self { address: 1, command, data1: 0, data2: number, data3: 0 }
    }

    /// The eight octets.
    pub fn to_bytes(self) -> [u8; 8] {
        let [address_high, address_low] = self.address.to_be_bytes();
        let seventh = (self.data3 & 0x0F) << 4 | (address_high & 0x0F);
        let mut bytes =
            [START, VERSION_AND_CHECK, address_low, self.command, self.data1, self.data2, seventh, 0];
        bytes[7] = sum(&bytes);
        bytes
    }

    /// Reads sixteen hexadecimal digits of either case.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Digits);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| Error::Digits)?;
        let bytes = number.to_be_bytes();
        let [start, version, address_low, command, data1, data2, seventh, found] = bytes;
        if start != START || version & 0x0F != check(version) {
            return Err(Error::Head(start, version));
        }
        let sum = sum(&bytes);
        if sum != found {
            return Err(Error::Checksum { sum, found });
        }
        let address = u16::from_be_bytes([seventh & 0x0F, address_low]);
        Ok(Self { address, command, data1, data2, data3: seventh >> 4 })
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl FromStr for Frame {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Where a camera goes, and how fast: 0 is not at all. Speeds past the greatest count as it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Motion {
    /// Right, or left if negative; to ±255.
    pub pan: i16,
    /// Up, or down if negative; to ±255.
    pub tilt: i16,
    /// In, or out if negative; to ±15.
    pub zoom: i16,
}

/// What to do with a preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PresetAction {
    /// Remembers where the camera looks.
    Set,
    /// Looks there again.
    Call,
    /// Forgets it.
    Delete,
}

const START: u8 = 0xA5;
/// Version 0, and its check with `START`.
const VERSION_AND_CHECK: u8 = 0x0F;

/// The low nibble of octet 2: the sum of the three nibbles before it.
fn check(version: u8) -> u8 {
    ((START >> 4) + (START & 0x0F) + (version >> 4)) & 0x0F
}

fn sum(bytes: &[u8; 8]) -> u8 {
    bytes[..7].iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn speed(speed: i16) -> u8 {
    u8::try_from(speed.unsigned_abs()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_platforms_send() {
        let motion = |pan, tilt, zoom| Frame::motion(Motion { pan, tilt, zoom }).to_string();
        assert_eq!(motion(-31, 0, 0), "A50F01021F0000D6");
        assert_eq!(motion(255, 300, -2), "A50F0129FFFF20FC");
        assert_eq!(motion(0, -100, 20), "A50F01140064F01D");
        assert_eq!(Frame::stop().to_string(), "A50F0100000000B5");
        assert_eq!(Frame::preset(PresetAction::Set, 2).to_string(), "A50F018100020038");
        assert_eq!(Frame::preset(PresetAction::Call, 2).to_string(), "A50F018200020039");
        assert_eq!(Frame::preset(PresetAction::Delete, 2).to_string(), "A50F01830002003A");
    }

    #[test]
    fn reads_what_it_writes() {
        let frame = Frame { address: 0xABC, command: 0x89, data1: 1, data2: 2, data3: 0x0D };
        assert_eq!(frame.to_string(), "A50FBC890102DAD6");
        assert_eq!(Frame::parse(" a50fbc890102dad6 "), Ok(frame));
        // data/gb28181/095-exosip-server-DeviceControl-PTZ-up.sip: address 0.
        let up = Frame { address: 0, command: 8, data1: 0, data2: 0x64, data3: 0 };
        assert_eq!(Frame::parse("A50F000800640020"), Ok(up));
    }

    #[test]
    fn refuses_damage() {
        assert_eq!(Frame::parse("A50F01021F0000D7"), Err(Error::Checksum { sum: 0xD6, found: 0xD7 }));
        assert_eq!(Frame::parse("A50E01021F0000D5"), Err(Error::Head(0xA5, 0x0E)));
        assert_eq!(Frame::parse("A60F01021F0000D7"), Err(Error::Head(0xA6, 0x0F)));
        for text in ["", "A50F01021F0000", "A50F01021F0000D6D6", "+50F01021F0000D6", "A50F01021F0000é"] {
            assert_eq!(Frame::parse(text), Err(Error::Digits));
        }
    }
}

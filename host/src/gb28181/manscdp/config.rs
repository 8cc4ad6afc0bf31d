//! ConfigDownload: how a device is set (GB/T 28181-2016 annex A.2.6, BasicParam and others).

use super::{Fields, Outcome, tree::Element};

/// A device's settings, as far as they were asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Whether the device could answer.
    pub result: Outcome,
    /// How it registers and keeps alive.
    pub basic: Option<BasicParam>,
    /// All of it, `BasicParam/Name` and so on; no password.
    pub fields: Fields,
}

impl Config {
    /// BasicParam is known by what is in it: Uniview calls the element by another name than the one asked for
    /// (wvp-GB28181-pro 2b4b127e4).
    pub(super) fn of(element: &Element<'_>) -> Self {
        let is_basic =
            |part: &&Element<'_>| part.is("BasicParam") || part.child("HeartBeatInterval").is_some();
        let basic = element.children.iter().find(is_basic).map(BasicParam::of);
        Self { result: Outcome::of(element), basic, fields: Fields::of(element) }
    }
}

/// How a device registers and keeps alive. A time or number of 0, which some devices send before they are set
/// up (wvp-GB28181-pro #2220), is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BasicParam {
    /// The device's name.
    pub name: Option<String>,
    /// Seconds that a registration lasts.
    pub expiration: Option<u32>,
    /// Seconds between keepalives.
    pub heartbeat_interval: Option<u32>,
    /// How many keepalives may be missed.
    pub heartbeat_count: Option<u32>,
}

impl BasicParam {
    fn of(element: &Element<'_>) -> Self {
        let positive = |name| element.number(name).filter(|&number: &u32| number > 0);
        Self {
            name: element.string("Name"),
            expiration: positive("Expiration"),
            heartbeat_interval: positive("HeartBeatInterval"),
            heartbeat_count: positive("HeartBeatCount"),
        }
    }
}

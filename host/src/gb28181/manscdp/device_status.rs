//! DeviceStatus: how a device is (GB/T 28181-2016 §9.5).

use jiff::civil::DateTime;

use super::{Outcome, catalog::Status, tree::Element};
use crate::gb28181::DeviceId;

/// How a device is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceStatus {
    /// Whether the device could answer.
    pub result: Outcome,
    /// Online, of the device or channel asked about.
    pub online: Option<Status>,
    /// Status: `OK`, or a word for what is wrong.
    pub status: Option<String>,
    /// Why it is not well.
    pub reason: Option<String>,
    /// Whether it encodes.
    pub encode: Option<Status>,
    /// Whether it records.
    pub record: Option<Status>,
    /// Its clock.
    pub device_time: Option<DateTime>,
    /// The alarm inputs that it lists; not always as many as it says.
    pub alarms: Vec<AlarmInput>,
}

impl DeviceStatus {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let state = |name| element.text(name).and_then(Status::parse);
        Self {
            result: Outcome::of(element),
            online: state("Online"),
            status: element.string("Status"),
            reason: element.string("Reason"),
            encode: state("Encode"),
            record: state("Record"),
            device_time: element.time("DeviceTime"),
            alarms: element.descendants("Item").into_iter().filter_map(AlarmInput::of).collect(),
        }
    }
}

/// An alarm input of a device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AlarmInput {
    /// The input's id.
    pub device_id: DeviceId,
    /// What it is doing.
    pub duty: Option<Duty>,
}

impl AlarmInput {
    fn of(item: &Element<'_>) -> Option<Self> {
        let duty = item.text("DutyStatus").and_then(Duty::parse);
        Some(Self { device_id: item.id("DeviceID")?, duty })
    }
}

/// What an alarm input is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// It watches.
    On,
    /// It does not.
    Off,
    /// It has gone off.
    Alarm,
}

impl Duty {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "ONDUTY" => Self::On,
            "OFFDUTY" => Self::Off,
            "ALARM" => Self::Alarm,
            _ => return None,
        })
    }
}

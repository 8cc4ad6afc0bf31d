//! Alarm: something happened (GB/T 28181-2016 §9.4).

use jiff::civil::DateTime;

use super::{Fields, tree::Element};

/// An alarm. The document's DeviceID is the device or the channel, as the maker likes
/// (wvp-GB28181-pro #173).
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// 1, the most urgent, to 4.
    pub priority: Option<u8>,
    /// 1 phone, 2 device, 3 SMS, 4 GPS, 5 video, 6 device fault, 7 other.
    pub method: Option<u8>,
    /// When it happened, in the device's local time.
    pub time: Option<DateTime>,
    /// What the device says of it.
    pub description: Option<String>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// AlarmType, whose meaning goes by the method; in `Info` (wvp-GB28181-pro: `info`), or in the root.
    pub kind: Option<u32>,
    /// EventType: of an intrusion, 1 entering, 2 leaving.
    pub event: Option<u32>,
    /// Everything the device sent, for what only its maker understands.
    pub fields: Fields,
}

impl Alarm {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let fields = Fields::of(element);
        Self {
            priority: fields.number("AlarmPriority"),
            method: fields.number("AlarmMethod"),
            time: fields.time("AlarmTime"),
            description: fields.string("AlarmDescription"),
            longitude: fields.degrees("Longitude", 180.0),
            latitude: fields.degrees("Latitude", 90.0),
            kind: fields.number("Info/AlarmType").or_else(|| fields.number("AlarmType")),
            event: fields
                .number("Info/AlarmTypeParam/EventType")
                .or_else(|| fields.number("AlarmTypeParam/EventType")),
            fields,
        }
    }
}

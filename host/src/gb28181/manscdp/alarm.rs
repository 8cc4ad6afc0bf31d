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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb28181::manscdp::{Body, parse};

    #[test]
    fn an_alarm_is_understood_wherever_its_type_stands() {
        let alarm = |inside: &str| {
            let body = format!(
                "<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>34</DeviceID><AlarmPriority> 1 </AlarmPriority>\
                 <AlarmMethod>5</AlarmMethod><AlarmTime>2023-8-9T7:38:35+08:00</AlarmTime>{inside}</Notify>"
            );
            match parse(body.as_bytes()).unwrap().body {
                Body::Alarm(Alarm { priority, method, time, kind, event, .. }) => {
                    assert_eq!((priority, method), (Some(1), Some(5)));
                    assert_eq!(time, Some(jiff::civil::datetime(2023, 8, 9, 7, 38, 35, 0)));
                    (kind, event)
                }
                other => panic!("{other:?}"),
            }
        };
        let event = "<AlarmTypeParam><EventType>1</EventType></AlarmTypeParam>";
        assert_eq!(alarm(&format!("<Info><AlarmType>6</AlarmType>{event}</Info>")), (Some(6), Some(1)));
        assert_eq!(alarm(&format!("<info><AlarmType>6</AlarmType>{event}</info>")), (Some(6), Some(1)));
        assert_eq!(alarm(&format!("<AlarmType>6</AlarmType>{event}")), (Some(6), Some(1)));
        assert_eq!(alarm(""), (None, None));
    }
}

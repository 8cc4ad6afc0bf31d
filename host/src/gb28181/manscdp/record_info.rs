//! RecordInfo: what a device has recorded (GB/T 28181-2016 §9.7).

use jiff::civil::DateTime;

use super::tree::Element;
use crate::gb28181::DeviceId;

/// A part of a list of recordings. Parts may come in any order; the last is not marked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordInfo {
    /// The name of the channel.
    pub name: Option<String>,
    /// How many recordings all parts together have, as the device says.
    pub sum_num: Option<u32>,
    /// Num: how many this part has, as the device says.
    pub num: Option<u32>,
    /// The recordings; none too where the list is missing (Dahua NVR with nothing recorded, wvp a556d8520).
    pub items: Vec<Record>,
    /// How many were damaged, or had no times.
    pub skipped: usize,
}

impl RecordInfo {
    /// An item without DeviceID speaks of the document's own.
    pub(super) fn of(element: &Element<'_>, device: &DeviceId) -> Self {
        let elements = element.descendants("Item");
        let whole = elements.iter().filter(|item| !item.cut);
        let items: Vec<_> = whole.filter_map(|item| Record::of(item, device)).collect();
        let list = element.child("RecordList");
        Self {
            name: element.string("Name"),
            sum_num: element.number("SumNum"),
            num: list.and_then(|list| list.attribute("Num")?.parse().ok()),
            skipped: elements.len() - items.len(),
            items,
        }
    }
}

/// A recording.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The channel it shows.
    pub device_id: DeviceId,
    /// Its name.
    pub name: Option<String>,
    /// Its file, as the device calls it.
    pub file_path: Option<String>,
    /// Where it was recorded.
    pub address: Option<String>,
    /// Its beginning, in the device's local time.
    pub start: DateTime,
    /// Its end, in the device's local time. Not before the beginning only if the device is right.
    pub end: DateTime,
    /// 0 open, 1 secret.
    pub secrecy: Option<u32>,
    /// `time`, `alarm`, `manual`, `all`.
    pub kind: Option<String>,
    /// What made it record.
    pub recorder_id: Option<String>,
    /// Its size in bytes.
    pub file_size: Option<u64>,
}

impl Record {
    fn of(item: &Element<'_>, device: &DeviceId) -> Option<Self> {
        Some(Self {
            device_id: item.id("DeviceID").unwrap_or_else(|| device.clone()),
            name: item.string("Name"),
            file_path: item.string("FilePath"),
            address: item.string("Address"),
            start: item.time("StartTime")?,
            end: item.time("EndTime")?,
            secrecy: item.number("Secrecy"),
            kind: item.string("Type"),
            recorder_id: item.string("RecorderID"),
            file_size: item.number("FileSize"),
        })
    }
}

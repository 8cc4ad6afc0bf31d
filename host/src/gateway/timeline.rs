//! Recorded periods as callers see them: joined, clipped to what was asked, split at local midnight.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::Error;

/// A period that is asked for, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Period {
    /// # Errors
    /// [`Error::BadParameter`] unless both are times and `start < end`.
    pub(super) fn new(start: i64, end: i64) -> Result<Self, Error> {
        let text = |text: &str| Err(Error::BadParameter(text.to_owned()));
        if start < 0 || Timestamp::from_second(end).is_err() {
            return text("start and end are no Unix seconds");
        }
        if start >= end { text("start is not before end") } else { Ok(Self { start, end }) }
    }

    /// As SDP has it. A start is never negative, and an end comes after it.
    pub(super) fn unsigned(self) -> (u64, u64) {
        (self.start.unsigned_abs(), self.end.unsigned_abs())
    }
}

/// What is recorded, by day. Days ascend, and items within them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordList {
    /// How many days there are.
    pub daynum: usize,
    /// How many items there are in all.
    pub timenum: usize,
    pub list: Vec<RecordDay>,
}

/// One local day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordDay {
    /// `2020-06-16`.
    #[schema(example = "2020-06-16")]
    pub date: String,
    pub items: Vec<RecordItem>,
}

/// One unbroken piece, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordItem {
    pub start: i64,
    /// A piece that runs past midnight ends at 23:59:59.
    pub end: i64,
}

impl RecordList {
    /// Periods that touch or overlap are one; what lies outside `asked` is cut off.
    pub(super) fn new(periods: Vec<(i64, i64)>, asked: Period, zone: &TimeZone) -> Self {
        let mut days: Vec<RecordDay> = Vec::new();
        let pieces = joined(periods, asked).into_iter().flat_map(|(start, end)| split(start, end, zone));
        for (date, item) in pieces {
            match days.last_mut().filter(|day| day.date == date) {
                Some(day) => day.items.push(item),
                None => days.push(RecordDay { date, items: vec![item] }),
            }
        }
        Self { daynum: days.len(), timenum: days.iter().map(|day| day.items.len()).sum(), list: days }
    }
}

/// The periods clipped and in order, none touching the next.
fn joined(periods: Vec<(i64, i64)>, asked: Period) -> Vec<(i64, i64)> {
    let clipped = periods.into_iter().map(|(start, end)| (start.max(asked.start), end.min(asked.end)));
    let mut clipped: Vec<_> = clipped.filter(|(start, end)| start < end).collect();
    clipped.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(clipped.len());
    for (start, end) in clipped {
        match joined.last_mut().filter(|last| start <= last.1) {
            Some(last) => last.1 = last.1.max(end),
            None => joined.push((start, end)),
        }
    }
    joined
}

/// One period cut at each local midnight.
fn split(start: i64, end: i64, zone: &TimeZone) -> Vec<(String, RecordItem)> {
    let mut pieces = Vec::new();
    let mut from = start;
    while from < end {
        // A time that a device or caller can name lies within jiff's years.
        let Ok(time) = Timestamp::from_second(from) else { break };
        let date = time.to_zoned(zone.clone()).date();
        let midnight = date.tomorrow().and_then(|date| date.to_zoned(zone.clone()));
        let midnight = midnight.map_or(i64::MAX, |midnight| midnight.timestamp().as_second());
        let item = RecordItem { start: from, end: if end >= midnight { midnight - 1 } else { end } };
        // A piece that begins in a day's last second has no length left.
        if item.start < item.end || end < midnight {
            pieces.push((date.to_string(), item));
        }
        from = midnight;
    }
    pieces
}

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("a zone of the bundled database")
    }

    /// 2026-11-21 00:00:00 in Shanghai.
    const MIDNIGHT: i64 = 1_795_190_400;
    const DAY: i64 = 86_400;

    fn list(periods: &[(i64, i64)], asked: (i64, i64)) -> Vec<(String, Vec<(i64, i64)>)> {
        let list = RecordList::new(periods.to_vec(), Period { start: asked.0, end: asked.1 }, &shanghai());
        assert_eq!(list.daynum, list.list.len());
        assert_eq!(list.timenum, list.list.iter().map(|day| day.items.len()).sum::<usize>());
        let items = |day: RecordDay| day.items.into_iter().map(|item| (item.start, item.end)).collect();
        list.list.into_iter().map(|day| (day.date.clone(), items(day))).collect()
    }

    #[test]
    fn nothing_recorded_is_an_empty_list() {
        assert_eq!(list(&[], (MIDNIGHT, MIDNIGHT + DAY)), []);
        assert_eq!(list(&[(MIDNIGHT - 9, MIDNIGHT)], (MIDNIGHT, MIDNIGHT + DAY)), [], "it only touches");
    }

    #[test]
    fn touching_and_overlapping_periods_are_one_and_gaps_stay() {
        let noon = MIDNIGHT + DAY / 2;
        let periods =
            [(noon + 60, noon + 90), (noon, noon + 30), (noon + 30, noon + 50), (noon + 70, noon + 80)];
        let day = ("2026-11-21".to_owned(), vec![(noon, noon + 50), (noon + 60, noon + 90)]);
        assert_eq!(list(&periods, (MIDNIGHT, MIDNIGHT + DAY)), [day]);
    }

    #[test]
    fn a_period_over_the_end_of_a_month_has_a_piece_for_each_day() {
        // 2026-11-30 12:00 to 2026-12-02 00:00.
        let noon = MIDNIGHT + 9 * DAY + DAY / 2;
        let [november, december] = [noon + DAY / 2, noon + DAY / 2 + DAY];
        assert_eq!(
            list(&[(noon, december)], (MIDNIGHT, MIDNIGHT + 60 * DAY)),
            [
                ("2026-11-30".to_owned(), vec![(noon, november - 1)]),
                ("2026-12-01".to_owned(), vec![(november, december - 1)]),
            ]
        );
    }

    /// The slow and obvious rule: a second is there when some period covers it and it was asked for; runs of
    /// seconds in one day are pieces.
    fn second_by_second(periods: &[(i64, i64)], asked: (i64, i64)) -> BTreeMap<String, Vec<(i64, i64)>> {
        let zone = shanghai();
        let covered = |second: i64| {
            second >= asked.0
                && second < asked.1
                && periods.iter().any(|(start, end)| (*start..*end).contains(&second))
        };
        let date = |second: i64| {
            Timestamp::from_second(second).expect("a time").to_zoned(zone.clone()).date().to_string()
        };
        let mut days: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        for second in (asked.0..asked.1).filter(|second| covered(*second)) {
            let goes_on = covered(second - 1) && date(second - 1) == date(second);
            let day = days.entry(date(second)).or_default();
            match day.last_mut().filter(|_| goes_on) {
                Some(piece) => piece.1 = second + 1,
                None => day.push((second, second + 1)),
            }
        }
        // A piece that reaches midnight is written to end at 23:59:59.
        for (start, end) in days.values_mut().flatten() {
            if date(*start) != date(*end) {
                *end -= 1;
            }
        }
        days.retain(|_, pieces| {
            pieces.retain(|(start, end)| start < end);
            !pieces.is_empty()
        });
        days
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_list_is_what_a_look_at_every_second_gives(
            periods in prop::collection::vec((-600_i64..600, 0_i64..300), 0..12),
            asked in (-500_i64..400, 1_i64..300),
        ) {
            // Around a midnight, where all the rules meet.
            let midnight = MIDNIGHT + DAY;
            let periods: Vec<_> =
                periods.into_iter().map(|(start, length)| (midnight + start, midnight + start + length)).collect();
            let asked = (midnight + asked.0, midnight + asked.0 + asked.1);
            let expected: Vec<_> = second_by_second(&periods, asked).into_iter().collect();
            prop_assert_eq!(list(&periods, asked), expected);
        }
    }
}

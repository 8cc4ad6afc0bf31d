//! The wall clock: the few places where the protocol or a row shows a date.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Unix seconds.
pub(super) fn seconds() -> i64 {
    Timestamp::now().as_second()
}

/// Writes dates. Of one second they differ in their milliseconds only, so that the rest is kept.
#[derive(Debug, Default)]
pub(super) struct Dates {
    /// The last second, and how it is written. Held for a copy.
    last: Mutex<(i64, String)>,
}

impl Dates {
    /// The `Date` of a 200 to REGISTER, which sets the device's clock: civil time in the platform's zone, in the
    /// form that GB/T 28181 §9.10 has, not RFC 3261's.
    pub(super) fn now(&self, zone: &TimeZone) -> String {
        self.at(Timestamp::now(), zone)
    }

    fn at(&self, time: Timestamp, zone: &TimeZone) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.1.is_empty() || last.0 != time.as_second() {
            let civil = time.to_zoned(zone.clone());
            *last = (time.as_second(), civil.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        }
        format!("{}.{:03}", last.1, time.subsec_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil_time_to_the_millisecond() {
        let (dates, zone) = (Dates::default(), TimeZone::get("Asia/Shanghai").unwrap());
        let mut written = [0, 1_007, 1_999, 2_000].map(|millis| {
            let time = Timestamp::from_millisecond(1_795_305_600_000 + millis).unwrap();
            dates.at(time, &zone)
        });
        let expected = ["08:00:00.000", "08:00:01.007", "08:00:01.999", "08:00:02.000"];
        written.iter_mut().for_each(|date| drop(date.drain(.."2026-11-22T".len())));
        assert_eq!(written, expected);
    }
}

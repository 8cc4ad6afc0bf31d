//! Dates as GB/T 28181 writes them: ISO 8601 without a zone, in the device's local time.

use jiff::civil::{Date, DateTime, Time};

/// Reads a date and time, whatever its dress; none if it is no such thing.
///
/// Taken are single digits (`2022-5-3T1:2:3`), a fraction of a second, a zone behind it (`+08:00`,
/// Unisinsight) and a blank in place of `T` (wvp-GB28181-pro 268869c6a, debfac58b). The zone is dropped: the
/// reading is local time as written.
pub fn parse(text: &str) -> Option<DateTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let time = time.trim_start();
    let end = time.find(['+', '-', 'Z', 'z', ' ']).unwrap_or(time.len());
    let mut time = time[..end].splitn(3, ':');
    let (hour, minute, second) = (time.next()?, time.next()?, time.next()?);
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let date = Date::new(number(year, 4)?, number(month, 2)?, number(day, 2)?).ok()?;
    let nanosecond = nanoseconds(fraction)?;
    // A leap second is the last one of its minute twice.
    let second = number::<i8>(second, 2)?;
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(number(hour, 2)?, number(minute, 2)?, second, nanosecond).ok()?;
    Some(date.to_datetime(time))
}

/// Writes `YYYY-MM-DDThh:mm:ss`, the form of MANSCDP.
pub fn format(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Writes `YYYY-MM-DDThh:mm:ss.sss`, the form of the SIP header Date.
pub fn format_millis(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

fn number<T: std::str::FromStr>(digits: &str, most: usize) -> Option<T> {
    if digits.len() > most || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |sum, byte| sum * 10 + i32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    #[test]
    fn reads_every_form_seen() {
        for text in [
            "2022-05-03T01:02:03",
            "2022-5-3T1:2:3",
            "2022-05-03 01:02:03",
            " 2022-05-03T01:02:03+08:00 ",
            "2022-05-03T01:02:03Z",
            "2022-05-03t01:02:03",
        ] {
            assert_eq!(parse(text), Some(datetime(2022, 5, 3, 1, 2, 3, 0)), "{text}");
        }
        let millis = datetime(2023, 7, 11, 10, 22, 50, 45_000_000);
        assert_eq!(parse("2023-07-11T10:22:50.045"), Some(millis));
        assert_eq!(parse("2016-12-31T23:59:60"), Some(datetime(2016, 12, 31, 23, 59, 59, 0)));
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in
            ["", "null", "2022-13-03T01:02:03", "2022-02-30T01:02:03", "2022-05-03", "2022-05-03T25:00:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2022-05-03T1:2:3.x"), None);
        assert_eq!(parse("99999-05-03T01:02:03"), None);
        assert_eq!(parse("2022-05-03T01:02"), None);
    }

    #[test]
    fn writes_what_it_reads() {
        let at = datetime(2022, 5, 3, 1, 2, 3, 45_000_000);
        assert_eq!(format(at), "2022-05-03T01:02:03");
        assert_eq!(format_millis(at), "2022-05-03T01:02:03.045");
        assert_eq!(parse(&format_millis(at)), Some(at));
    }
}

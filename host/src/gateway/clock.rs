//! The wall clock: the few places where the protocol or a row shows a date.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Unix seconds.
pub(super) fn seconds() -> i64 {
    Timestamp::now().as_second()
}

/// The `Date` of a 200 to REGISTER, which sets the device's clock: civil time in the platform's zone, in the
/// form that GB/T 28181 §9.10 has, not RFC 3261's.
pub(super) fn date(zone: &TimeZone) -> String {
    Timestamp::now().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

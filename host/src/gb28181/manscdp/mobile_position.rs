//! MobilePosition: where devices are (GB/T 28181-2016 annex A.2.5).

use jiff::civil::DateTime;

use super::tree::Element;
use crate::gb28181::DeviceId;

/// Where one or more devices were.
#[derive(Clone, Debug, PartialEq)]
pub struct MobilePosition {
    /// One in the flat form of 2016; one for each item of 2022's list.
    pub positions: Vec<Position>,
    /// How many were damaged, or had no place.
    pub skipped: usize,
}

impl MobilePosition {
    /// An item without DeviceID speaks of the document's own.
    pub(super) fn of(element: &Element<'_>, device: &DeviceId) -> Self {
        let items = element.descendants("Item");
        let items = if items.is_empty() { vec![element] } else { items };
        let whole = items.iter().filter(|item| !item.cut);
        let positions: Vec<_> = whole.filter_map(|item| Position::of(item, element, device)).collect();
        Self { skipped: items.len() - positions.len(), positions }
    }
}

/// Where a device was.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Which device.
    pub device_id: DeviceId,
    /// When, in the device's local time: CaptureTime (2022) or Time.
    pub time: Option<DateTime>,
    /// Degrees east.
    pub longitude: f64,
    /// Degrees north.
    pub latitude: f64,
    /// Kilometres an hour.
    pub speed: Option<f64>,
    /// Degrees clockwise from north.
    pub direction: Option<f64>,
    /// Metres above the sea.
    pub altitude: Option<f64>,
}

impl Position {
    fn of(item: &Element<'_>, document: &Element<'_>, device: &DeviceId) -> Option<Self> {
        let angle = |name, most: f64| item.number(name).filter(|degrees: &f64| degrees.abs() <= most);
        let finite = |name| item.number(name).filter(|number: &f64| number.is_finite());
        let time = item.time("CaptureTime").or_else(|| item.time("Time"));
        Some(Self {
            device_id: item.id("DeviceID").unwrap_or_else(|| device.clone()),
            time: time.or_else(|| document.time("Time")),
            longitude: angle("Longitude", 180.0)?,
            latitude: angle("Latitude", 90.0)?,
            speed: finite("Speed"),
            direction: finite("Direction"),
            altitude: finite("Altitude"),
        })
    }
}

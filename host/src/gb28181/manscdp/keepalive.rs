//! Keepalive: a device is there (GB/T 28181-2016 §9.6).

use super::tree::Element;
use crate::gb28181::DeviceId;

/// A device's sign of life.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keepalive {
    /// `OK` or `ERROR`, as the device says; `OK` where it says nothing.
    pub status: String,
    /// The channels that the device holds to be faulty.
    pub faulty: Vec<DeviceId>,
}

impl Keepalive {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let status = element.text("Status").unwrap_or("OK").to_owned();
        let info = element.child("Info").map_or(&[][..], |info| &info.children);
        let ids = info.iter().filter(|child| child.is("DeviceID"));
        let faulty = ids.filter_map(|id| DeviceId::parse(id.value()?).ok()).collect();
        Self { status, faulty }
    }

    /// Whether the device says that it is well.
    pub fn is_ok(&self) -> bool {
        self.status.eq_ignore_ascii_case("OK") || self.status.eq_ignore_ascii_case("ON")
    }
}

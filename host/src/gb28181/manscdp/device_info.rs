//! DeviceInfo: what a device is (GB/T 28181-2016 §9.5).

use super::{Outcome, tree::Element};

/// A device's word about itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceInfo {
    /// Whether the device could answer.
    pub result: Outcome,
    /// DeviceName.
    pub name: Option<String>,
    /// DeviceType (2011 edition), a word such as `DVR`.
    pub device_type: Option<String>,
    /// The maker.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The firmware's version.
    pub firmware: Option<String>,
    /// How many channels it has: Channel, or MaxCamera (2011 edition, Tiandy).
    pub channels: Option<u32>,
}

impl DeviceInfo {
    pub(super) fn of(element: &Element<'_>) -> Self {
        Self {
            result: Outcome::of(element),
            name: element.string("DeviceName"),
            device_type: element.string("DeviceType"),
            manufacturer: element.string("Manufacturer"),
            model: element.string("Model"),
            firmware: element.string("Firmware"),
            channels: element.number("Channel").or_else(|| element.number("MaxCamera")),
        }
    }
}

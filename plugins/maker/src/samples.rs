//! Devices for the tests of vendor modules.

use sluice_sdk::{
    Vendor, samples,
    types::Attribute,
    vendor::{Device, Profile},
};

/// A device of which only the User-Agent is known.
pub fn agent(user_agent: &str) -> Device {
    Device { user_agent: Some(user_agent.into()), ..samples::device() }
}

/// A device of which only the model is known.
pub fn model(model: &str) -> Device {
    Device { user_agent: None, model: Some(model.into()), ..samples::device() }
}

/// A device that has answered DeviceInfo.
pub fn made_by(manufacturer: &str, model: &str) -> Device {
    Device {
        user_agent: None,
        manufacturer: Some(manufacturer.into()),
        model: Some(model.into()),
        ..samples::device()
    }
}

/// The device, known by one more attribute of the contract: `chosen`, `ssrc-changed`.
pub fn being(mut device: Device, name: &str) -> Device {
    device.attributes.push(Attribute { name: name.into(), value: "true".into() });
    device
}

/// How sure a module is of a device; none where it does not know it.
///
/// # Panics
/// The module could not say.
pub fn certainty(module: &impl Vendor, device: &Device) -> Option<u8> {
    module.claim(device).expect("it can say").map(|found| found.certainty)
}

/// How a module speaks to a device that it knows.
///
/// # Panics
/// It does not know it.
pub fn profile(module: &impl Vendor, device: &Device) -> Profile {
    module.claim(device).expect("it can say").expect("it knows the device").profile
}

//! Devices for the tests of vendor modules.

use sluice_sdk::{samples, types::Attribute, vendor::Device};

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

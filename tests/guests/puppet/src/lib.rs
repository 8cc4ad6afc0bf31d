//! A vendor module that does as its configuration says: whose devices are its own, how they are to be spoken to, and
//! which of its hooks fail.

mod profile;

use serde::Deserialize;
use sluice_sdk::{
    Policy, Vendor,
    vendor::{Device, Item, Recognition},
};

use profile::Changes;

/// `[plugins.config.puppet]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Puppet {
    /// Its devices have one of these in what is known of them: `user-agent=Simulated Device`, `ssrc-changed=true`.
    knows: Vec<String>,
    certainty: u8,
    profile: Changes,
    /// The functions that answer an error.
    fails: Vec<String>,
}

impl Puppet {
    fn may(&self, function: &str) -> Result<(), String> {
        if self.fails.iter().any(|name| name == function) { Err(format!("{function} fails")) } else { Ok(()) }
    }
}

impl Policy for Puppet {}

impl Vendor for Puppet {
    fn claim(&self, device: &Device) -> Result<Option<Recognition>, String> {
        self.may("claim")?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut known = vec![
            format!("id={}", device.id),
            format!("user-agent={}", text(&device.user_agent)),
            format!("manufacturer={}", text(&device.manufacturer)),
            format!("model={}", text(&device.model)),
            format!("firmware={}", text(&device.firmware)),
            format!("version={}", text(&device.version)),
        ];
        known.extend(device.attributes.iter().map(|it| format!("{}={}", it.name, it.value)));
        let Some(sign) = self.knows.iter().find(|sign| known.contains(sign)) else { return Ok(None) };
        let profile = self.profile.profile()?;
        Ok(Some(Recognition { certainty: self.certainty, reason: sign.clone(), profile }))
    }

    /// The device misspells what it means.
    fn repair(&self, _: &Device, _cmd_type: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        self.may("repair")?;
        let body = String::from_utf8(body).map_err(|error| error.to_string())?;
        Ok(body.replace("Nmae>", "Name>").into_bytes())
    }

    fn catalog(&self, _: &Device, mut items: Vec<Item>) -> Result<Vec<Item>, String> {
        self.may("catalog")?;
        for field in items.iter_mut().flat_map(|item| &mut item.fields) {
            if field.name == "Name" {
                field.value += " (puppet)";
            }
        }
        Ok(items)
    }

    fn offer(&self, device: &Device, channel: &str, sdp: String) -> Result<String, String> {
        self.may("offer")?;
        Ok(sdp.replace("a=recvonly\r\n", &format!("a=recvonly\r\na=puppet:{channel} of {}\r\n", device.id)))
    }

    /// The device answers for `0703001718` whatever it sends.
    fn answer(&self, _: &Device, _channel: &str, sdp: String) -> Result<String, String> {
        self.may("answer")?;
        Ok(sdp.replace("y=0703001718", "y=0703001719"))
    }

    fn control(&self, _: &Device, channel: &str, cmd_type: &str, body: String) -> Result<String, String> {
        self.may("control")?;
        Ok(body.replace("</Query>", &format!("<Puppet>{cmd_type} of {channel}</Puppet>\r\n</Query>")))
    }
}

sluice_sdk::export!(Puppet: Vendor);

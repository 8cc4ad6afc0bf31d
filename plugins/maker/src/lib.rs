//! What vendor modules have in common: by what a device is recognised, and how sure that makes it.
//!
//! A module is its [`Signs`] and a profile. What devices do wrong in the same way whoever made them is not here: the
//! gateway bears it.

#[cfg(not(target_family = "wasm"))]
pub mod samples;

use sluice_sdk::vendor::{Device, Item, Profile, Recognition};

/// The operator gave the device to the module.
pub const CHOSEN: u8 = 100;
/// The device's Manufacturer is the maker.
pub const MAKER: u8 = 95;
/// The device's Model is one of the maker's.
pub const MODEL: u8 = 85;
/// The device's User-Agent is the maker's alone.
pub const AGENT: u8 = 75;
/// The device's User-Agent is one that the maker's devices have, and others too.
pub const HINT: u8 = 40;
/// The device says nothing that names a maker, only which edition of the standard it speaks.
pub const EDITION: u8 = 10;

/// By what a maker's devices are recognised. All is compared without regard to case; an empty list matches nothing.
#[derive(Debug, Default)]
pub struct Signs {
    /// The maker's names. One of them stands in Manufacturer, or in a User-Agent that nobody need have seen before.
    pub makers: &'static [&'static str],
    /// What Model begins with.
    pub models: &'static [&'static str],
    /// What stands in the User-Agent of this maker's devices only.
    pub agents: &'static [&'static str],
    /// What stands in the User-Agent of this maker's devices and of others. It counts only while no other
    /// Manufacturer is known.
    pub hints: &'static [&'static str],
}

impl Signs {
    /// The module's word on a device, with this profile; none where no sign is seen.
    pub fn claim(&self, device: &Device, profile: Profile) -> Option<Recognition> {
        let (certainty, reason) = self.seen(device)?;
        Some(Recognition { certainty, reason, profile })
    }

    /// The surest sign, and how to name it.
    fn seen(&self, device: &Device) -> Option<(u8, String)> {
        if is(device, "chosen") {
            return Some((CHOSEN, "an operator chose it".into()));
        }
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        let (maker, model, agent) =
            (text(&device.manufacturer), text(&device.model), text(&device.user_agent));
        let holds =
            |text: &str, words: &[&str]| words.iter().any(|word| text.contains(&word.to_ascii_lowercase()));
        let begins = |words: &[&str]| words.iter().any(|word| model.starts_with(&word.to_ascii_lowercase()));
        let said = |what, text: &Option<String>| {
            format!("its {what} is {}", text.as_deref().unwrap_or_default().trim())
        };
        if holds(&maker, self.makers) {
            Some((MAKER, said("Manufacturer", &device.manufacturer)))
        } else if begins(self.models) {
            Some((MODEL, said("Model", &device.model)))
        } else if holds(&agent, self.agents) || holds(&agent, self.makers) {
            Some((AGENT, said("User-Agent", &device.user_agent)))
        } else if holds(&agent, self.hints) && is_placeholder(&maker) {
            Some((HINT, said("User-Agent", &device.user_agent) + ", as some of other makers' are"))
        } else {
            None
        }
    }
}

/// Whether a device is known by `name`, one of the attributes that the contract lists: `ssrc-changed`.
pub fn is(device: &Device, name: &str) -> bool {
    device.attributes.iter().any(|attribute| attribute.name == name && attribute.value == "true")
}

/// Whether a device speaks GB/T 28181-2022, by the `X-GB-Ver` of its REGISTER.
pub fn speaks_2022(device: &Device) -> bool {
    device.version.as_deref().is_some_and(|version| version.trim().starts_with("3."))
}

/// The text of an item's first field of that name.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
}

/// Takes a field away from an item.
pub fn drop_field(item: &mut Item, name: &str) {
    item.fields.retain(|field| field.name != name);
}

/// Whether a Manufacturer, in lower case, names nobody: not told yet, or what stands there from the factory.
fn is_placeholder(maker: &str) -> bool {
    ["", "general", "manufacturer", "null", "unknown"].contains(&maker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{agent, made_by, model};

    const SIGNS: Signs =
        Signs { makers: &["acme"], models: &["AC-"], agents: &["Acme UA"], hints: &["IP Camera"] };

    fn seen(device: &Device) -> Option<(u8, String)> {
        SIGNS.seen(device)
    }

    fn sure(certainty: u8, reason: &str) -> Option<(u8, String)> {
        Some((certainty, reason.into()))
    }

    #[test]
    fn each_sign_has_its_certainty_and_the_surest_counts() {
        assert_eq!(
            seen(&agent("IP Camera")),
            sure(HINT, "its User-Agent is IP Camera, as some of other makers' are")
        );
        assert_eq!(seen(&agent("acme ua 2.0")), sure(AGENT, "its User-Agent is acme ua 2.0"));
        assert_eq!(seen(&agent("a camera of ACME's")), sure(AGENT, "its User-Agent is a camera of ACME's"));
        assert_eq!(seen(&model("ac-7 ")), sure(MODEL, "its Model is ac-7"));
        let all = Device { user_agent: Some("Acme UA".into()), ..made_by("ACME Ltd.", "AC-7") };
        assert_eq!(seen(&all), sure(MAKER, "its Manufacturer is ACME Ltd."));
    }

    #[test]
    fn another_manufacturer_makes_a_hint_worthless() {
        let other = |maker: &str| Device { manufacturer: Some(maker.into()), ..agent("IP Camera") };
        assert_eq!(seen(&other("Umbrella")), None);
        assert_eq!(seen(&other("Manufacturer")).map(|(certainty, _)| certainty), Some(HINT));
        assert_eq!(seen(&agent("X")), None);
    }

    #[test]
    fn an_operators_choice_needs_no_sign() {
        assert_eq!(seen(&samples::being(agent("X"), "chosen")), sure(CHOSEN, "an operator chose it"));
        assert!(!is(&agent("X"), "chosen"));
    }

    #[test]
    fn the_edition_is_the_version_s_first_number() {
        let version = |version: &str| Device { version: Some(version.into()), ..agent("X") };
        assert!(speaks_2022(&version("3.0")) && !speaks_2022(&version("2.0")) && !speaks_2022(&agent("X")));
    }
}

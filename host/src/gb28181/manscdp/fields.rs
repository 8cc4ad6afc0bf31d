//! Names and texts in their order: an element as a vendor's policy sees it.

use std::str::FromStr;

use jiff::civil::DateTime;

use super::tree::Element;
use crate::gb28181::{DeviceId, time};

/// The texts of an element and of those inside it, in their order, each with its name. A nested one carries
/// its parents' names: `Info/PTZType`.
///
/// Passwords, which some devices send (BasicParam, catalog items), are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The text of a name, compared without case. Blank text and the word `null`, which Java platforms print
    /// for a missing value, count as none.
    pub fn text(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut texts = named.map(|(_, text)| text.trim());
        texts.find(|text| !text.is_empty() && !text.eq_ignore_ascii_case("null"))
    }

    /// The text of a name, owned.
    pub fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The number under a name; none if it is no such number.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// The id under a name; none if it is no id.
    pub fn id(&self, name: &str) -> Option<DeviceId> {
        DeviceId::parse(self.text(name)?).ok()
    }

    /// The date under a name; none if it is no date.
    pub fn time(&self, name: &str) -> Option<DateTime> {
        time::parse(self.text(name)?)
    }

    /// The angle under a name, in degrees; none if it is no number within ±`most`.
    pub fn degrees(&self, name: &str, most: f64) -> Option<f64> {
        self.number(name).filter(|degrees: &f64| degrees.abs() <= most)
    }

    /// The fields of an element's children, nested ones with them.
    pub(super) fn of(element: &Element<'_>) -> Self {
        let mut fields = Vec::with_capacity(element.children.len());
        collect(element, "", &mut fields);
        Self(fields)
    }
}

fn collect(element: &Element<'_>, path: &str, fields: &mut Vec<(String, String)>) {
    for child in &element.children {
        if child.is("Password") {
            continue;
        }
        let name = format!("{path}{}", child.name);
        if child.children.is_empty() {
            fields.push((name, child.text.trim().to_owned()));
        } else {
            collect(child, &format!("{name}/"), fields);
        }
    }
}

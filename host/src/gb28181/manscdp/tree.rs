//! One element of a body, and how its values are read.

use std::{borrow::Cow, str::FromStr};

use jiff::civil::DateTime;

use crate::gb28181::{DeviceId, time};

/// One element. Names compare without case: wvp-GB28181-pro writes `info` for `Info`.
#[derive(Debug, Default)]
pub(super) struct Element<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: Cow<'a, str>,
    pub(super) children: Vec<Self>,
    /// The text ended before the element did.
    pub(super) cut: bool,
}

impl Element<'_> {
    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name))
    }

    /// The text of the first child of this name that has one. Blanks around it are dropped; blank text and
    /// the word `null`, which Java platforms print for a missing value, count as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.children.iter().filter(|child| child.is(name)).find_map(|child| child.value())
    }

    /// The text of a child, owned.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The number in a child; none if it is no such number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// The id in a child; none if it is no id.
    pub(super) fn id(&self, name: &str) -> Option<DeviceId> {
        DeviceId::parse(self.text(name)?).ok()
    }

    /// The date in a child; none if it is no date.
    pub(super) fn time(&self, name: &str) -> Option<DateTime> {
        time::parse(self.text(name)?)
    }

    /// An attribute's value without the blanks around it (wvp-GB28181-pro writes `Num=" 1 "`).
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        attribute.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// This element's own text, as [`Self::text`] has it.
    pub(super) fn value(&self) -> Option<&str> {
        let text = self.text.trim();
        (!text.is_empty() && !text.eq_ignore_ascii_case("null")).then_some(text)
    }

    /// Every descendant of this name, outermost and first ones first.
    ///
    /// Lists are read by it rather than by the element around them, so that a damaged list element
    /// (`data/gb28181/066-td-tech-NOTIFY-Catalog-DEFECT-mangled-xml.sip`) does not cost its items.
    pub(super) fn descendants(&self, name: &str) -> Vec<&Self> {
        let mut found = Vec::new();
        self.collect(name, &mut found);
        found
    }

    fn collect<'e>(&'e self, name: &str, found: &mut Vec<&'e Self>) {
        for child in &self.children {
            if child.is(name) {
                found.push(child);
            } else {
                child.collect(name, found);
            }
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Text but no elements: what stands open so when another element begins has lost its end tag. Not so
    /// the root and an item, where stray text occurs
    /// (`data/manscdp/23-lunasaw-client-DeviceInfo-response-stray-text.xml`).
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty() && !self.text.trim().is_empty() && !self.is("Item")
    }
}

//! PresetQuery: the positions that a camera remembers (GB/T 28181-2016 annex A.2.6).

use super::{Outcome, tree::Element};

/// A part of a camera's presets. Past 200 they come in several messages (wvp-GB28181-pro #1840).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presets {
    /// Whether the device could answer.
    pub result: Outcome,
    /// How many there are in all parts; Hikvision leaves it out.
    pub sum_num: Option<u32>,
    /// Num: how many this part has, as the device says.
    pub num: Option<u32>,
    /// The presets.
    pub presets: Vec<Preset>,
    /// How many were damaged or had no number.
    pub skipped: usize,
}

impl Presets {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let items = element.descendants("Item");
        let whole = items.iter().filter(|item| !item.cut);
        let presets: Vec<_> = whole.filter_map(|item| Preset::of(item)).collect();
        let list = element.child("PresetList");
        Self {
            result: Outcome::of(element),
            sum_num: element.number("SumNum"),
            num: list.and_then(|list| list.attribute("Num")?.parse().ok()),
            skipped: items.len() - presets.len(),
            presets,
        }
    }
}

/// A position that a camera remembers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Preset {
    /// Its number, 1 to 255 by the standard.
    pub id: u32,
    /// Its name.
    pub name: Option<String>,
}

impl Preset {
    fn of(item: &Element<'_>) -> Option<Self> {
        Some(Self { id: item.number("PresetID")?, name: item.string("PresetName") })
    }
}

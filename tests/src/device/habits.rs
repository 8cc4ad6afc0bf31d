//! What a device does in its maker's way. None of it is wrong by itself; a platform has to know.

use std::time::Duration;

use super::offer::Offer;

/// A maker's ways; the default is the standard's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// The lines of its SDP answer, with `{channel}` and the like for what differs from call to call. A line that
    /// comes to nothing is left out.
    pub answer: &'static [&'static str],
    /// Elements of its catalog items: put in place of those of the same name, or added. Empty ones are left out.
    pub item: &'static [(&'static str, &'static str)],
    /// Answers no challenge that names no algorithm.
    pub needs_algorithm: bool,
    /// Refuses an offer whose `o=` does not name this one.
    pub owner: Option<Owner>,
    /// Sends media only where the payload types of the offer begin with these.
    pub payloads: &'static [u8],
    /// Its Via names an address behind a NAT, where nobody reaches it.
    pub private_via: bool,
    /// Answers a query for recordings only where it has this `<Type>`.
    pub record_type: Option<&'static str>,
    /// Refuses requests with a To tag that belong to no dialog.
    pub refuses_stray_tags: bool,
    /// Registers once, and then only keeps alive.
    pub registers_once: bool,
    /// After its catalog it sends the first item again, under the same SN, as if that were all.
    pub repeats_first_item: bool,
    /// Refuses queries for so long after it has registered.
    pub settling: Duration,
    /// The headers of its messages stand in the order of the alphabet.
    pub sorted_headers: bool,
    /// Blanks around the numbers in its lists of recordings.
    pub spaced_numbers: bool,
    /// The line of an offer that asks for its sub-stream; all others bring the main stream.
    pub sub_stream: Option<&'static str>,
    /// The X-GB-Ver of its REGISTER.
    pub version: Option<&'static str>,
}

/// Whom the `o=` of an offer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Who is invited.
    Channel,
    /// Who sends it.
    Platform,
}

/// An answer as the standard has it.
const STANDARD: &[&str] = &[
    "v=0",
    "o={channel} 0 0 IN IP4 {origin}",
    "s={session}",
    "c=IN IP4 {address}",
    "t={time}",
    "m=video {port} {protocol} 96",
    "a=sendonly",
    "a=rtpmap:96 PS/90000",
    "{setup}",
    "{connection}",
    "{size}",
    "{ssrc}",
];

impl Default for Habits {
    fn default() -> Self {
        Self {
            answer: STANDARD,
            item: &[],
            needs_algorithm: false,
            owner: None,
            payloads: &[],
            private_via: false,
            record_type: None,
            refuses_stray_tags: false,
            registers_once: false,
            repeats_first_item: false,
            settling: Duration::ZERO,
            sorted_headers: false,
            spaced_numbers: false,
            sub_stream: None,
            version: None,
        }
    }
}

impl Habits {
    /// Whether an offer of `platform` to `channel` is refused.
    pub(super) fn refuses(&self, offer: &Offer, channel: &str, platform: &str) -> bool {
        self.owner.is_some_and(|owner| match owner {
            Owner::Channel => offer.owner != channel,
            Owner::Platform => offer.owner != platform,
        })
    }

    /// Whether media follows the answer to an offer.
    pub(super) fn sends(&self, offer: &Offer) -> bool {
        offer.payloads.starts_with(self.payloads)
    }

    /// Whether an offer asks for the sub-stream; none where nobody has a choice.
    pub(super) fn chosen(&self, offer: &Offer) -> Option<bool> {
        self.sub_stream.map(|wanted| offer.attributes.iter().any(|line| line == wanted))
    }

    /// The fields of a catalog item, as the maker writes them.
    pub(super) fn item<'a>(&self, fields: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
        let changed = |name: &str| self.item.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        let kept = fields.iter().map(|(name, value)| (*name, changed(name).unwrap_or(value)));
        let is_new = |name: &str| fields.iter().all(|(known, _)| *known != name);
        let added = self.item.iter().copied().filter(|(name, _)| is_new(name));
        kept.chain(added).filter(|(_, value)| !value.is_empty()).collect()
    }

    /// A number in a list of recordings.
    pub(super) fn number(&self, number: impl ToString) -> String {
        let number = number.to_string();
        if self.spaced_numbers { format!(" {number} ") } else { number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_s_elements_are_changed_added_and_left_out() {
        let habits = Habits { item: &[("B", "2"), ("C", ""), ("D", "4")], ..Habits::default() };
        let fields = [("A", "a"), ("B", "b"), ("C", "c")];
        assert_eq!(habits.item(&fields), [("A", "a"), ("B", "2"), ("D", "4")]);
    }
}

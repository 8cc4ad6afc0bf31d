//! The names of header fields. Known ones are numbers: they compare at once, and take no memory of their own.

/// Long names that devices use, with their compact forms (RFC 3261 §7.3.3, §20; RFC 6665 §8.2.1).
const KNOWN: [(&str, &str); 38] = [
    ("Via", "v"),
    ("From", "f"),
    ("To", "t"),
    ("Call-ID", "i"),
    ("CSeq", ""),
    ("Contact", "m"),
    ("Max-Forwards", ""),
    ("User-Agent", ""),
    ("Expires", ""),
    ("Content-Type", "c"),
    ("Content-Length", "l"),
    ("Authorization", ""),
    ("WWW-Authenticate", ""),
    ("Date", ""),
    ("Subject", "s"),
    ("Route", ""),
    ("Record-Route", ""),
    ("Event", "o"),
    ("Allow", ""),
    ("Allow-Events", "u"),
    ("Accept", ""),
    ("Accept-Encoding", ""),
    ("Accept-Language", ""),
    ("Supported", "k"),
    ("Unsupported", ""),
    ("Require", ""),
    ("Proxy-Require", ""),
    ("Subscription-State", ""),
    ("Content-Encoding", "e"),
    ("Warning", ""),
    ("Reason", ""),
    ("Retry-After", ""),
    ("Min-Expires", ""),
    ("Server", ""),
    ("X-GB-Ver", ""),
    ("Refer-To", "r"),
    ("Referred-By", "b"),
    ("Session-Expires", "x"),
];

/// No known name.
const NONE: u8 = u8::MAX;

/// Where a name is looked for: among those of its length and first letter, which are seldom more than one.
struct Index {
    /// The last known name of each shape.
    last: [u8; 32 * 32],
    /// The known name of the same shape before each.
    before: [u8; KNOWN.len()],
    /// The known name that each letter is short for.
    compact: [u8; 32],
}

const INDEX: &Index = &Index::of_known();

impl Index {
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 255 known names")]
    const fn of_known() -> Self {
        let mut index = Self { last: [NONE; 32 * 32], before: [NONE; KNOWN.len()], compact: [NONE; 32] };
        let mut at = 0;
        while at < KNOWN.len() {
            let (long, compact) = KNOWN[at];
            let shape = shape(long.as_bytes());
            index.before[at] = index.last[shape];
            index.last[shape] = at as u8;
            if let [letter] = compact.as_bytes() {
                index.compact[(*letter & 31) as usize] = at as u8;
            }
            at += 1;
        }
        index
    }

    /// The number of a known name, or [`NONE`].
    const fn find(&self, name: &str) -> u8 {
        if let [letter] = name.as_bytes() {
            let known = self.compact[(*letter & 31) as usize];
            return if letter.is_ascii_alphabetic() { known } else { NONE };
        }
        let mut at = self.last[shape(name.as_bytes())];
        while at != NONE && !KNOWN[at as usize].0.eq_ignore_ascii_case(name) {
            at = self.before[at as usize];
        }
        at
    }
}

/// Length and first letter, in any case, of a name that is not empty.
const fn shape(name: &[u8]) -> usize {
    match name {
        [first, ..] => (name.len() & 31) << 5 | (*first & 31) as usize,
        [] => 0,
    }
}

/// A name, of the message or asked for: known, in either form and any case, or as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<T> {
    Known(u8),
    Other(T),
}

impl Name<&str> {
    pub(super) const CALL_ID: Self = Self::known("Call-ID");
    pub(super) const CONTACT: Self = Self::known("Contact");
    pub(super) const CONTENT_LENGTH: Self = Self::known("Content-Length");
    pub(super) const CONTENT_TYPE: Self = Self::known("Content-Type");
    pub(super) const CSEQ: Self = Self::known("CSeq");
    pub(super) const EXPIRES: Self = Self::known("Expires");
    pub(super) const FROM: Self = Self::known("From");
    pub(super) const MAX_FORWARDS: Self = Self::known("Max-Forwards");
    pub(super) const REQUIRE: Self = Self::known("Require");
    pub(super) const TO: Self = Self::known("To");
    pub(super) const USER_AGENT: Self = Self::known("User-Agent");
    pub(super) const VIA: Self = Self::known("Via");

    /// A name that is asked for with each message, looked up when this is compiled.
    const fn known(name: &str) -> Self {
        let known = INDEX.find(name);
        assert!(known != NONE, "it is in the list");
        Self::Known(known)
    }
}

impl<'a> Name<&'a str> {
    pub(super) fn of(name: &'a str) -> Self {
        match INDEX.find(name) {
            NONE => Self::Other(name),
            known => Self::Known(known),
        }
    }

    /// To be kept.
    pub(super) fn owned(self) -> Name<Box<str>> {
        match self {
            Self::Known(known) => Name::Known(known),
            Self::Other(name) => Name::Other(name.into()),
        }
    }
}

impl Name<&'static str> {
    /// The name as it is written.
    pub(super) fn spelt(self) -> &'static str {
        match self {
            Self::Known(known) => KNOWN[usize::from(known)].0,
            Self::Other(name) => name,
        }
    }
}

impl Name<Box<str>> {
    /// The name as it is written: spelt as the standard does where it is known.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Known(known) => KNOWN[usize::from(*known)].0,
            Self::Other(name) => name,
        }
    }

    pub(super) fn is(&self, wanted: Name<&str>) -> bool {
        match (self, wanted) {
            (Self::Known(known), Name::Known(wanted)) => *known == wanted,
            (Self::Other(name), Name::Other(wanted)) => name.eq_ignore_ascii_case(wanted),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_both_forms_and_any_case() {
        for (number, (long, compact)) in KNOWN.iter().enumerate() {
            for name in [long.to_lowercase(), long.to_uppercase(), compact.to_uppercase()] {
                let found = Name::of(&name).owned();
                assert!(name.is_empty() || found.as_str() == *long, "{number}: {name}");
            }
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_was_written() {
        let as_long = format!("V{}", "x".repeat(34));
        for name in ["X-Odd", "Vib", "a", "6", "V1", "", "\u{16}", &as_long] {
            assert_eq!(Name::of(name).owned().as_str(), name);
        }
        let odd = Name::of("X-Odd").owned();
        assert!(odd.is(Name::of("x-oDD")) && !odd.is(Name::of("X-Ode")) && !odd.is(Name::of("Via")));
    }
}

//! The header fields of one message: an ordered list over one buffer.
//!
//! Names compare without regard to case and stand under their long form, whatever the sender
//! wrote (RFC 3261 §7.3.1, §7.3.3). All values share one string, so that reading a message
//! allocates twice and not once for each line.

use std::{fmt, fmt::Write as _, ops::Range};

use memchr::memchr2;

use super::header_name::Name;

/// Header fields in the order in which they stand in the message.
///
/// `Content-Length` is never among those that were parsed: a message knows its body, and writes
/// the length itself.
#[derive(Clone, Default)]
pub struct Headers {
    text: String,
    lines: Vec<Line>,
    /// Bytes of the message that these were read from, or of the one that is answered with these; none if nobody
    /// knows. Not part of what they say.
    pub(super) received: Option<u32>,
}

#[derive(Clone)]
struct Line {
    name: Name<Box<str>>,
    value: Range<usize>,
}

impl Headers {
    /// An empty list with room for the header fields of a usual message.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty list with room for `bytes` of values.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), lines: Vec::with_capacity(16), received: None }
    }

    /// An empty list with room for an answer to a request with these lines.
    pub(super) fn for_answer_to(request: &Self) -> Self {
        /// The tag, and what says where the packet came from or until when it is registered.
        const MORE: usize = 128;
        Self::with_capacity(request.text.len() + MORE)
    }

    /// The first value under `name`, long or compact, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.first(Name::of(name))
    }

    /// As [`Headers::get`], where the name need not be looked up.
    pub(super) fn first(&self, name: Name<&str>) -> Option<&str> {
        self.position(name).map(|index| &self.text[self.lines[index].value.clone()])
    }

    /// The value of each line under `name`, from the top. Lists within a line stay together;
    /// [`Headers::values`] takes them apart.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.each(Name::of(name))
    }

    /// As [`Headers::all`], where the name need not be looked up.
    pub(super) fn each<'a>(&'a self, name: Name<&'a str>) -> impl Iterator<Item = &'a str> {
        let lines = self.lines.iter().filter(move |line| line.name.is(name));
        lines.map(|line| &self.text[line.value.clone()])
    }

    /// Each line as (name, value), from the top.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (line.name.as_str(), &self.text[line.value.clone()]))
    }

    /// Appends a line. Line breaks in `value` become blanks, so that no value can forge a header.
    pub fn push(&mut self, name: &str, value: &str) {
        self.append(Name::of(name), value);
    }

    /// As [`Headers::push`], where the name need not be looked up.
    pub(super) fn append(&mut self, name: Name<&str>, value: &str) {
        let value = self.store(value);
        self.lines.push(Line { name: name.owned(), value });
    }

    /// Makes `value` the only one under `name`, in the place of the first or at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = Name::of(name);
        let Some(first) = self.position(name) else {
            return self.append(name, value);
        };
        self.lines[first].value = self.store(value);
        let mut index = 0;
        self.lines.retain(|line| {
            index += 1;
            index <= first + 1 || !line.name.is(name)
        });
    }

    /// Takes away every line under `name`.
    pub fn remove(&mut self, name: &str) {
        let name = Name::of(name);
        self.lines.retain(|line| !line.name.is(name));
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line at all.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Replaces the value of the first line under `name`; the other lines stay.
    pub(super) fn replace_first(&mut self, name: Name<&str>, value: &str) {
        if let Some(first) = self.position(name) {
            self.lines[first].value = self.store(value);
        }
    }

    /// Appends every line of `other` under `name`; false if there is none.
    pub(super) fn take_over(&mut self, other: &Self, name: Name<&str>) -> bool {
        let before = self.lines.len();
        for line in other.lines.iter().filter(|line| line.name.is(name)) {
            let start = self.text.len();
            self.text.push_str(&other.text[line.value.clone()]);
            self.lines.push(Line { name: line.name.clone(), value: start..self.text.len() });
        }
        self.lines.len() > before
    }

    /// Lengthens the line that was appended last. `more` has no line breaks.
    pub(super) fn extend_last(&mut self, more: fmt::Arguments<'_>) {
        let Some(last) = self.lines.last_mut() else { return };
        self.text.write_fmt(more).expect("a string takes everything");
        last.value.end = self.text.len();
    }

    fn position(&self, name: Name<&str>) -> Option<usize> {
        self.lines.iter().position(|line| line.name.is(name))
    }

    fn store(&mut self, value: &str) -> Range<usize> {
        let start = self.text.len();
        if memchr2(b'\r', b'\n', value.as_bytes()).is_some() {
            self.text.extend(value.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }));
        } else {
            self.text.push_str(value);
        }
        start..self.text.len()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Eq for Headers {}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let mut headers = Headers::new();
        headers.push("v", "SIP/2.0/UDP a");
        headers.push("X-Odd", "1");
        headers.push("VIA", "SIP/2.0/UDP b");
        headers
    }

    #[test]
    fn names_compare_without_case_and_in_both_forms() {
        let headers = sample();
        assert_eq!(headers.all("via").collect::<Vec<_>>(), ["SIP/2.0/UDP a", "SIP/2.0/UDP b"]);
        assert_eq!(headers.get("V"), Some("SIP/2.0/UDP a"));
        assert_eq!(headers.get("x-odd"), Some("1"));
        assert_eq!(headers.get("To"), None);
    }

    #[test]
    fn names_are_written_as_the_standard_spells_them() {
        let names: Vec<_> = sample().iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["Via", "X-Odd", "Via"]);
    }

    #[test]
    fn set_keeps_the_place_and_leaves_one() {
        let mut headers = sample();
        headers.set("Via", "c");
        headers.set("Date", "d");
        let lines: Vec<_> = headers.iter().collect();
        assert_eq!(lines, [("Via", "c"), ("X-Odd", "1"), ("Date", "d")]);
        headers.remove("v");
        assert_eq!((headers.get("Via"), headers.len()), (None, 2));
    }

    #[test]
    fn no_value_can_forge_a_line() {
        let mut headers = Headers::new();
        headers.push("Reason", "x\r\nVia: y");
        assert_eq!(headers.get("Reason"), Some("x  Via: y"));
    }
}

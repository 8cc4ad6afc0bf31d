//! Taking header values apart where their separators stand outside quotes and angle brackets.

use memchr::{memchr, memchr2};

/// The pieces of `text` between `separator`s that are neither quoted nor within `<>`,
/// without the blanks around them.
pub(super) fn split(text: &str, separator: u8) -> Split<'_> {
    Split { rest: Some(text), separator }
}

/// Iterator of [`split`].
pub(super) struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let end = find(text, self.separator);
        self.rest = end.map(|end| &text[end + 1..]);
        Some(trim(&text[..end.unwrap_or(text.len())]))
    }
}

/// Where `wanted`, an ASCII character, first stands outside quotes and angle brackets.
pub(super) fn find(text: &str, wanted: u8) -> Option<usize> {
    let first = memchr(wanted, text.as_bytes())?;
    if memchr2(b'"', b'<', &text.as_bytes()[..first]).is_none() {
        return Some(first);
    }
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    text.bytes().position(|byte| {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            return false;
        }
        let found = byte == wanted && !angled;
        match byte {
            b'"' => quoted = true,
            b'<' => angled = true,
            b'>' => angled = false,
            _ => {}
        }
        found
    })
}

/// What stands before and behind the first `separator`, an ASCII character.
pub(super) fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    memchr(separator, text.as_bytes()).map(|at| (&text[..at], &text[at + 1..]))
}

/// Whether any of `wanted`, ASCII characters, stands in `text`.
pub(super) fn has_any<const N: usize>(text: &str, wanted: &[u8; N]) -> bool {
    // To the end, so that many bytes are compared at once.
    text.bytes().fold(false, |found, byte| found | wanted.contains(&byte))
}

/// Whether every quote and angle bracket of `text` is closed.
pub(super) fn is_closed(text: &str) -> bool {
    // Behind `text` the separator is one, or it is not.
    memchr2(b'"', b'<', text.as_bytes()).is_none() || split(&format!("{text};"), b';').last() == Some("")
}

/// `text` without the blanks and line breaks around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_ascii()
}

/// The value of parameter `name` in `;a=b;c`, without its quotes; empty where it has no value.
pub(super) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    each_parameter(parameters, name).next()
}

/// As [`parameter`], of each parameter of that name.
pub(super) fn each_parameter<'a>(parameters: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    split(parameters, b';').filter_map(move |parameter| {
        let (key, value) = cut(parameter, b'=').unwrap_or((parameter, ""));
        trim(key).eq_ignore_ascii_case(name).then(|| unquoted(trim(value)))
    })
}

/// What stands between the quotes, or `value` itself where there are none.
pub(super) fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value)
}

/// Whether `text` is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    let extra = |byte| b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra(byte))
}

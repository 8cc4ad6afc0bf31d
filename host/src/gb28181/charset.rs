//! The text of bodies. What a prolog says of its encoding is not to be trusted: Hikvision writes GBK under
//! `gb2312`, others UTF-8 under `GB2312` or the reverse.

use std::borrow::Cow;

use encoding_rs::GB18030;

/// The encoding of a body that we send.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Charset {
    /// Written as GB18030, called `GB2312`: what devices of the 2011 and 2016 editions expect.
    #[default]
    Gb2312,
    /// GB18030 under its own name, as the 2022 edition has it.
    Gb18030,
    /// UTF-8, for devices that read nothing else.
    Utf8,
}

impl Charset {
    /// The name for the XML prolog.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gb2312 => "GB2312",
            Self::Gb18030 => "GB18030",
            Self::Utf8 => "UTF-8",
        }
    }

    /// Writes text as bytes. GB18030 has a code for every character, so nothing is lost.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Gb2312 | Self::Gb18030 => GB18030.encode(text).0.into_owned(),
            Self::Utf8 => text.as_bytes().to_vec(),
        }
    }
}

/// Reads bytes as text: UTF-8 if they are that, else GB18030, with U+FFFD for what is neither.
///
/// A damaged character never swallows `<`, `>` or `&`, since those cannot be its second byte. So a text of
/// mostly UTF-8 stays that where a part between tags is damaged, or in another charset (a recorder that passes
/// on names of its cameras as they came).
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) if is_mostly_utf8(bytes) => Cow::Owned(parts(bytes).map(decode_part).collect()),
        Err(_) => GB18030.decode_without_bom_handling(bytes).0,
    }
}

/// Bytes as [`decode`] is to read them. Where they read as UTF-8 and as GB18030 alike, `doubtful` tells which they
/// are: Chinese takes three bytes a character in UTF-8, so that a text of two-byte characters alone is more likely
/// GBK (`一楼`).
pub fn settle(bytes: &[u8], doubtful: Charset) -> Cow<'_, [u8]> {
    match gbk_in_doubt(bytes) {
        Some(text) if doubtful != Charset::Utf8 => Cow::Owned(text.into_owned().into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

/// What bytes say in GB18030, where they could as well be UTF-8.
pub fn gbk_in_doubt(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let short = |text: &str| text.chars().all(|character| character < '\u{800}');
    if bytes.is_ascii() || !std::str::from_utf8(bytes).is_ok_and(short) {
        return None;
    }
    GB18030.decode_without_bom_handling_and_without_replacement(bytes)
}

/// The text cut behind each `>`.
fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'>')
}

/// Whether more parts are UTF-8 than are not. A part counts for it by a character of three bytes or more, as
/// Chinese has: two bytes of GB18030 are often UTF-8 by chance.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let votes = parts(bytes).map(|part| match std::str::from_utf8(part) {
        Ok(text) => i32::from(text.chars().any(|character| character.len_utf8() > 2)),
        Err(_) => -1,
    });
    votes.sum::<i32>() > 0
}

/// A part among others of UTF-8: damaged UTF-8 if more of it can be read so than not, else GB18030.
fn decode_part(part: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(part);
    let damage = text.matches(char::REPLACEMENT_CHARACTER).count();
    let sound = text.chars().filter(|character| character.len_utf8() > 2).count() - damage;
    if damage <= sound { text } else { GB18030.decode_without_bom_handling(part).0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_utf8_and_gb18030_by_content() {
        assert_eq!(decode("东门球机".as_bytes()), "东门球机");
        assert_eq!(decode(b"\xB6\xAB\xC3\xC5\xC7\xF2\xBB\xFA"), "东门球机");
        assert_eq!(decode(b"\xEF\xBB\xBFplain"), "plain");
        // 萳 is in GBK, not in GB2312 (wvp-GB28181-pro #1344).
        assert_eq!(decode(b"\xC8\x6C"), "萳");
    }

    #[test]
    fn only_what_reads_both_ways_is_settled_by_the_device() {
        // The ground floor in GBK.
        let floor = b"\xD2\xBB\xC2\xA5";
        assert_eq!(decode(floor), "һ¥");
        assert_eq!(decode(&settle(floor, Charset::Utf8)), "һ¥");
        assert_eq!(decode(&settle(floor, Charset::Gb2312)), "一楼");
        for bytes in ["东门".as_bytes(), b"\xB6\xAB\xC3\xC5", b"plain"] {
            assert_eq!(settle(bytes, Charset::Gb18030), bytes);
        }
    }

    #[test]
    fn damage_leaves_markup_alone() {
        assert_eq!(decode(b"<Name>\xB6\xAB\xC3</Name>"), "<Name>东\u{FFFD}</Name>");
        assert_eq!(decode(b"\xB6<a>\xFF&"), "\u{FFFD}<a>\u{FFFD}&");
    }

    /// One mangled name must not cost those of all other channels (Hikvision, wvp-GB28181-pro #858).
    #[test]
    fn damage_does_not_change_the_charset_of_the_rest() {
        let [name, other] = ["东门球机", "西门球机"].map(str::as_bytes);
        let list = |middle: &[u8]| [b"<a>", name, b"</a><a>", middle, b"</a><a>", other, b"</a>"].concat();
        for (middle, read) in [
            (&"东门".as_bytes()[..5], "东\u{FFFD}"),
            (&b"\xE4\xB8\x9C\xFF\xE9\x97\xA8"[..], "东\u{FFFD}门"),
            (&b"\xB6\xAB\xC3\xC5\xC7\xF2\xBB\xFA"[..], "东门球机"),
            (&b"\xFF"[..], "\u{FFFD}"),
        ] {
            assert_eq!(decode(&list(middle)), format!("<a>东门球机</a><a>{read}</a><a>西门球机</a>"));
        }
        // 小猫 is UTF-8 by chance, which decides nothing.
        let gb = Charset::Gb2312.encode("<a>小猫</a><a>小猫</a><a>东门</a>");
        assert_eq!(decode(&gb), "<a>小猫</a><a>小猫</a><a>东门</a>");
    }

    #[test]
    fn encoding_loses_nothing() {
        for charset in [Charset::Gb2312, Charset::Gb18030, Charset::Utf8] {
            for text in ["预置点 1", "萳", "€ 😀", "plain"] {
                assert_eq!(decode(&charset.encode(text)), text, "{charset:?}");
            }
        }
        assert_eq!(Charset::Gb2312.encode("东"), b"\xB6\xAB");
        assert_eq!(Charset::Utf8.encode("东"), "东".as_bytes());
    }
}

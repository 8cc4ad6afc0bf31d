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

/// Reads bytes as text: UTF-8 if they are that strictly, else GB18030, with U+FFFD for what is neither.
///
/// A damaged character never swallows `<`, `>` or `&`, since those cannot be its second byte.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => GB18030.decode_without_bom_handling(bytes).0,
    }
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
    fn damage_leaves_markup_alone() {
        assert_eq!(decode(b"<Name>\xB6\xAB\xC3</Name>"), "<Name>东\u{FFFD}</Name>");
        assert_eq!(decode(b"\xB6<a>\xFF&"), "\u{FFFD}<a>\u{FFFD}&");
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

//! Makes the markup of broken bodies readable, before they are parsed.

use std::borrow::Cow;

use super::Error;

/// Mends what no XML reader takes, and leaves sound text as it is, in its place:
///
/// - an `&` that begins no reference becomes `&amp;` (Hikvision,
///   `data/manscdp-field/04-hikvision-Catalog-response-bare-ampersand.xml`);
/// - a `<` that begins no markup becomes `&lt;` (Hikvision, binary junk in Address,
///   `data/manscdp-field/01-hikvision-Catalog-response-junk-in-address.xml`; TD-Tech, `<DeviceListNum="1">`,
///   `data/gb28181/066-td-tech-NOTIFY-Catalog-DEFECT-mangled-xml.sip`);
/// - control characters go (Hikvision NVR, 0x01 in Address and NULs after the body,
///   `data/manscdp-field/02-…` and `03-…`).
///
/// Entities are never declared: a document type declaration is refused.
pub(super) fn mend(text: &str) -> Result<Cow<'_, str>, Error> {
    let bytes = text.as_bytes();
    let mut markup = Markup::default();
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = bytes[at..].iter().position(|&byte| is_suspect(byte)) {
        at += found;
        let sound = match bytes[at] {
            b'<' => markup.length(&text[at..])?,
            b'&' => reference(&bytes[at..]),
            _ => None,
        };
        if let Some(length) = sound {
            at += length;
            continue;
        }
        mended.push_str(&text[copied..at]);
        mended.push_str(match bytes[at] {
            b'<' => "&lt;",
            b'&' => "&amp;",
            _ => "",
        });
        at += 1;
        copied = at;
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(text));
    }
    mended.push_str(&text[copied..]);
    Ok(Cow::Owned(mended))
}

/// Whether a control character has no place in a text.
pub(super) fn is_control(character: char) -> bool {
    u8::try_from(character).is_ok_and(is_control_byte)
}

fn is_suspect(byte: u8) -> bool {
    matches!(byte, b'<' | b'&') || is_control_byte(byte)
}

fn is_control_byte(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7F
}

/// Tells markup from characters. It remembers what was looked for in vain, so that a text is searched once.
#[derive(Default)]
struct Markup {
    no_comment_ends: bool,
    no_section_ends: bool,
}

impl Markup {
    /// The length of the markup that `text` begins with; none if its `<` is only a character.
    fn length(&mut self, text: &str) -> Result<Option<usize>, Error> {
        if text.starts_with("<!DOCTYPE") {
            return Err(Error::Doctype);
        }
        Ok(match text.as_bytes().get(1) {
            Some(b'?') => instruction(text),
            Some(b'!') if text.starts_with("<!--") => {
                enclosed(text, "<!--", "-->", &mut self.no_comment_ends)
            }
            Some(b'!') if text.starts_with("<![CDATA[") => {
                enclosed(text, "<![CDATA[", "]]>", &mut self.no_section_ends)
            }
            Some(b'/') => end_tag(text.as_bytes()),
            _ => start_tag(text.as_bytes()),
        })
    }
}

/// The length of a prolog or the like: no `<` before its `?>`, or it would reach into the next document.
fn instruction(text: &str) -> Option<usize> {
    let end = text[1..].find('<').map_or(text.len(), |next| next + 1);
    text[..end].get(2..)?.find("?>").map(|at| 2 + at + "?>".len())
}

/// The length of a comment or CDATA section. What stands in it is left to the reader.
fn enclosed(text: &str, open: &str, close: &str, ends_nowhere: &mut bool) -> Option<usize> {
    if *ends_nowhere {
        return None;
    }
    let end = text[open.len()..].find(close).map(|at| open.len() + at + close.len());
    *ends_nowhere = end.is_none();
    end
}

fn end_tag(bytes: &[u8]) -> Option<usize> {
    let name = name_length(&bytes[2..])?;
    let rest = &bytes[2 + name..];
    let end = rest.iter().position(|&byte| matches!(byte, b'<' | b'>'))?;
    (rest[end] == b'>').then_some(2 + name + end + 1)
}

/// The length of a start tag: a name, then nothing or a blank or `/>`, then no `<` before the `>`. A `>` in
/// quotes does not count, as the reader has it. A `/` elsewhere would be part of the name, which then says
/// `Info/Password` and is neither.
fn start_tag(bytes: &[u8]) -> Option<usize> {
    let name = 1 + name_length(&bytes[1..])?;
    if !matches!(bytes[name..], [b' ' | b'\t' | b'\r' | b'\n' | b'>', ..] | [b'/', b'>', ..]) {
        return None;
    }
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate().skip(name) {
        match (byte, quote) {
            (b'<', _) => return None,
            (b'>', None) => return Some(at + 1),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (byte, _) if is_control_byte(byte) => return None,
            _ => {}
        }
    }
    None
}

fn name_length(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first()?;
    if !first.is_ascii_alphabetic() && *first != b'_' {
        return None;
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    Some(bytes.iter().take_while(|byte| is_name(byte)).count())
}

/// The length of a reference to a character or one of XML's five entities.
fn reference(bytes: &[u8]) -> Option<usize> {
    const LONGEST: usize = 10;
    let end = bytes.iter().take(LONGEST).position(|&byte| byte == b';')?;
    let sound = match &bytes[1..end] {
        b"amp" | b"apos" | b"gt" | b"lt" | b"quot" => true,
        [b'#', b'x' | b'X', digits @ ..] => is_character(digits, 16),
        [b'#', digits @ ..] => is_character(digits, 10),
        _ => false,
    };
    sound.then_some(end + 1)
}

fn is_character(digits: &[u8], radix: u32) -> bool {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, radix).ok());
    digits.first() != Some(&b'+') && number.is_some_and(|code| code != 0 && char::from_u32(code).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_sound_text_in_place() {
        for text in [
            "<?xml version=\"1.0\"?>\r\n<Query a='1 > 0'>\r\n<SN>1</SN><key/><!-- <&> --></Query>",
            "<a>&amp;&#65;&#x4e1c;</a><![CDATA[<&]]>",
            "",
        ] {
            assert!(matches!(mend(text), Ok(Cow::Borrowed(mended)) if mended == text), "{text}");
        }
    }

    #[test]
    fn mends_each_fault_alone() {
        for (broken, mended) in [
            (
                "<a>b & c &nbsp; &#0; &#xD800; &</a>",
                "<a>b &amp; c &amp;nbsp; &amp;#0; &amp;#xD800; &amp;</a>",
            ),
            ("<a>\u{1}b\u{7f}\0</a>\0\0", "<a>b</a>"),
            ("<a>1 < 2 <东> <?</a>", "<a>1 &lt; 2 &lt;东> &lt;?</a>"),
            ("<a b=\"1><c>", "&lt;a b=\"1><c>"),
            ("<!-- <a> <![CDATA[ <b>", "&lt;!-- <a> &lt;![CDATA[ <b>"),
            ("<? <?xml?>", "&lt;? <?xml?>"),
            ("<ListNum=\"1\"></", "&lt;ListNum=\"1\">&lt;/"),
            ("<a/b>1</a/b><a/>", "&lt;a/b>1</a/b><a/>"),
        ] {
            assert_eq!(mend(broken).unwrap(), mended);
        }
    }

    /// Hikvision wrote this into a catalog (wvp-GB28181-pro #903).
    #[test]
    fn mends_junk_in_an_address() {
        let broken = "<Address>??<KP?<K?'@?'@?f/@P?<KL?</Address>";
        assert_eq!(mend(broken).unwrap(), "<Address>??&lt;KP?&lt;K?'@?'@?f/@P?&lt;KL?</Address>");
    }

    #[test]
    fn refuses_declared_entities() {
        let text = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
        assert_eq!(mend(text), Err(Error::Doctype));
    }
}

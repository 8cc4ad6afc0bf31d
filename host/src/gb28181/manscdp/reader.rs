//! From text to trees, leniently.
//!
//! Real bodies lose end tags, double them, or carry two documents. What is done about it rests on two facts
//! of MANSCDP: no element nests in itself, and none holds both text and elements. So an element that opens
//! inside its namesake, or behind text that was never closed, closes what stands open; an end tag that fits
//! nothing is passed over; one that fits an outer element closes those inside. Damage thus costs the item
//! that it is in, not its neighbours.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{Error, mend::is_control, tree::Element};

/// The most elements in one body, so that a body of empty tags cannot take fifty times its size.
const MAX_ELEMENTS: usize = 200_000;
/// Further attributes of an element are passed over. The standard's have one.
const MAX_ATTRIBUTES: usize = 16;
/// Deeper elements are passed over. The standard's deepest stands at 5.
const MAX_DEPTH: usize = 16;

/// The documents in a mended text, one after the other.
pub(super) struct Trees<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    open: Vec<Element<'t>>,
    elements: usize,
}

impl<'t> Trees<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
        config.expand_empty_elements = true;
        Self { text, reader, open: Vec::with_capacity(4), elements: 0 }
    }

    /// The root of the next document; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element<'t>>, Error> {
        loop {
            let from = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let root = match self.reader.read_event() {
                Ok(Event::Start(tag)) => self.start(&tag, self.text.get(from + 1..).unwrap_or_default())?,
                Ok(Event::End(tag)) => self.end(tag.name().as_ref()),
                Ok(Event::Text(text)) => self.append(text.decode().unwrap_or_default()),
                // Mending leaves CDATA alone.
                Ok(Event::CData(text)) => {
                    self.append(text.decode().unwrap_or_default().replace(is_control, "").into())
                }
                Ok(Event::GeneralRef(reference)) => self.reference(&reference),
                Ok(Event::Decl(_)) => self.close_cut(),
                // The text is mended; should the reader still stumble, what came before counts.
                Ok(Event::Eof) | Err(_) => return Ok(self.close_cut()),
                Ok(_) => None,
            };
            if root.is_some() {
                return Ok(root);
            }
        }
    }

    /// Opens an element, whose tag `after_bracket` begins with.
    fn start(&mut self, tag: &BytesStart<'_>, after_bracket: &'t str) -> Result<Option<Element<'t>>, Error> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(Error::TooLarge);
        }
        let name = after_bracket.get(..tag.name().as_ref().len()).unwrap_or_default();
        let mut root = None;
        if self.open.len() > 1 && self.open.last().is_some_and(Element::is_leaf) {
            root = self.close();
        }
        if let Some(namesake) = self.open.iter().position(|element| element.is(name)) {
            root = self.close_from(namesake);
        }
        if self.open.len() < MAX_DEPTH {
            self.open.push(Element { name, attributes: attributes(tag), ..Element::default() });
        }
        Ok(root)
    }

    /// Closes the innermost element of this name, and those inside it; nothing if there is none.
    fn end(&mut self, name: &[u8]) -> Option<Element<'t>> {
        let name = name.split(u8::is_ascii_whitespace).next()?;
        let depth = self.open.iter().rposition(|open| open.name.as_bytes().eq_ignore_ascii_case(name))?;
        self.close_from(depth)
    }

    fn append(&mut self, text: Cow<'t, str>) -> Option<Element<'t>> {
        let element = self.open.last_mut()?;
        if element.text.is_empty() {
            // Blanks in front mean nothing, and in most documents they are all that stands between elements.
            if !text.trim_ascii().is_empty() {
                element.text = text;
            }
        } else {
            element.text.to_mut().push_str(&text);
        }
        None
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Option<Element<'t>> {
        let element = self.open.last_mut()?;
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            // A reference must not bring in what mending takes out.
            element.text.to_mut().extend((!is_control(character)).then_some(character));
        } else if let Some(text) = reference.decode().ok().and_then(|name| resolve_predefined_entity(&name)) {
            element.text.to_mut().push_str(text);
        }
        None
    }

    fn close_from(&mut self, depth: usize) -> Option<Element<'t>> {
        let mut root = None;
        while self.open.len() > depth {
            root = self.close();
        }
        root
    }

    /// Closes the innermost element; answers it if it is a root.
    fn close(&mut self) -> Option<Element<'t>> {
        let element = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(element);
                None
            }
            None => Some(element),
        }
    }

    /// Closes everything at the end of the text or of a document. A text that stands open is dropped, since
    /// nobody knows what is missing of it; what is around it is marked.
    fn close_cut(&mut self) -> Option<Element<'t>> {
        if self.open.len() > 1 && self.open.last().is_some_and(|last| last.children.is_empty()) {
            self.open.pop();
        }
        for element in &mut self.open {
            element.cut = true;
        }
        self.close_from(0)
    }
}

fn attributes(tag: &BytesStart<'_>) -> Vec<(String, String)> {
    if tag.attributes_raw().is_empty() {
        return Vec::new();
    }
    let mut attributes = tag.html_attributes();
    let sound = attributes.with_checks(false).flatten();
    sound
        .take(MAX_ATTRIBUTES)
        .map(|attribute| {
            let value = attribute
                .unescape_value()
                .map_or_else(|_| String::from_utf8_lossy(&attribute.value).into_owned(), Cow::into_owned);
            (String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb28181::manscdp::mend::mend;

    /// Every document of a text, as `name@attribute=value(children)` or `name=text`.
    fn outline(text: &str) -> Vec<String> {
        let text = mend(text).unwrap();
        let mut trees = Trees::new(&text);
        let mut outlines = Vec::new();
        while let Some(root) = trees.next().unwrap() {
            outlines.push(element(&root));
        }
        outlines
    }

    fn element(element: &Element<'_>) -> String {
        let mut out = element.name.to_owned();
        for (name, value) in &element.attributes {
            out += &format!("@{name}={value}");
        }
        if element.children.is_empty() {
            return out + &format!("={}", element.text.trim());
        }
        let children: Vec<_> = element.children.iter().map(self::element).collect();
        out + &format!("({})", children.join(" ")) + if element.cut { "!" } else { "" }
    }

    #[test]
    fn reads_sound_documents() {
        for (text, tree) in [
            ("<?xml version=\"1.0\"?>\r\n<R>\r\n<A>1</A>\r\n<B/>\r\n</R>\r\n", "R(A=1 B=)"),
            ("<R a=\" 1 \" b='&lt;' c=3><A>&#65;&amp;&#x4E1C;&lt;</A></R>", "R@a= 1 @b=<@c=3(A=A&东<)"),
            ("<R><!-- <A>0</A> --><A><![CDATA[<1\0>]]></A ></R>", "R(A=<1>)"),
            ("<R><I><A>1</A></I><I><A>2</A></I></R>", "R(I(A=1) I(A=2))"),
        ] {
            assert_eq!(outline(text), [tree], "{text}");
        }
    }

    #[test]
    fn damage_stays_where_it_is() {
        for (story, text, tree) in [
            (
                "a doubled end tag (wvp #1320)",
                "<R><L><I><A>1</A></I></I></L><B>2</B></R>",
                "R(L(I(A=1)) B=2)",
            ),
            ("a lost end tag of a text", "<R><A>1<B>2</B></R>", "R(A=1 B=2)"),
            (
                "a lost end tag of an item",
                "<R><L><Item><A>1</A><Item><A>2</A></Item></L></R>",
                "R(L(Item(A=1) Item(A=2)))",
            ),
            ("an end tag with junk", "<R><A>1</A?x><B>2</B></R>", "R(A=1 B=2)"),
            ("a mangled start tag", "<R><?<Item><A?>1</A><B>2</B></Item></R>", "R(Item(B=2))"),
            ("stray text in an item", "<R><Item>/><A>1</A>/></Item></R>", "R(Item(A=1))"),
            ("stray text in the root", "<R>/><A>1</A>/></R>", "R(A=1)"),
            ("an end tag of another case", "<R><info><A>1</A></Info><B>2</B></R>", "R(info(A=1) B=2)"),
            ("an entity that nobody declared", "<R><A>1&nbsp;&;&#1;</A></R>", "R(A=1&nbsp;&;)"),
        ] {
            assert_eq!(outline(text), [tree], "{story}");
        }
    }

    #[test]
    fn tells_documents_apart() {
        assert_eq!(outline("<R><A>1</A></R>\n<?xml version=\"1.0\"?><R><A>2</A></R>"), ["R(A=1)", "R(A=2)"]);
        assert_eq!(outline("<R><A>1</A><?xml version=\"1.0\"?><R><A>2</A></R>"), ["R(A=1)!", "R(A=2)"]);
        assert_eq!(outline("<R><A>1</A><R><A>2</A></R>"), ["R(A=1)", "R(A=2)"]);
        assert_eq!(outline("Catalog 88884"), [""; 0]);
    }

    /// A text that the end of the body cuts is not taken for a value.
    #[test]
    fn marks_what_is_cut() {
        assert_eq!(outline("<R><I><A>1</A><B>2"), ["R(I(A=1)!)!"]);
        assert_eq!(outline("<R><I><A>1</A><B>2</"), ["R(I(A=1)!)!"]);
        assert_eq!(outline("<R><I><A>1</A></I>"), ["R(I(A=1))!"]);
        assert_eq!(outline("<R><A>1</A"), ["R="]);
    }

    #[test]
    fn limits_what_a_body_may_cost() {
        let deep = "<a>".repeat(9) + &(0..40).map(|n| format!("<b{n}>")).collect::<String>();
        assert!(outline(&deep).iter().all(|tree| tree.matches('(').count() < MAX_DEPTH));
        let wide = "<R>".to_owned() + &"<a/>".repeat(MAX_ELEMENTS);
        assert_eq!(Trees::new(&wide).next().map(|_| ()), Err(Error::TooLarge));
    }
}

//! From text to trees, leniently.
//!
//! Real bodies lose end tags, double them, or carry two documents. What is done about it rests on two facts
//! of MANSCDP: no element nests in itself, and none holds both text and elements. So an element that opens
//! inside its namesake, or behind text that was never closed, closes what stands open; an end tag that fits
//! nothing is passed over; one that fits an outer element closes those inside. Damage thus costs the item
//! that it is in, not its neighbours.

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{Error, tree::Element};

/// The most elements in one body, so that a body of empty tags cannot take fifty times its size.
const MAX_ELEMENTS: usize = 200_000;
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
                Ok(Event::Text(text)) => self.append(text.decode()),
                Ok(Event::CData(text)) => self.append(text.decode()),
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

    fn append<E>(&mut self, text: Result<std::borrow::Cow<'t, str>, E>) -> Option<Element<'t>> {
        if let (Some(element), Ok(text)) = (self.open.last_mut(), text) {
            if element.text.is_empty() {
                element.text = text;
            } else {
                element.text.to_mut().push_str(&text);
            }
        }
        None
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Option<Element<'t>> {
        let element = self.open.last_mut()?;
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            // A reference smuggles in what mending takes out.
            let harmless = !character.is_control() || character.is_ascii_whitespace();
            element.text.to_mut().extend(harmless.then_some(character));
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
        .map(|attribute| {
            let value = attribute.unescape_value().map_or_else(
                |_| String::from_utf8_lossy(&attribute.value).into_owned(),
                std::borrow::Cow::into_owned,
            );
            (String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value)
        })
        .collect()
}

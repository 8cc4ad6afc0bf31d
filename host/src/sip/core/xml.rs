//! Where an XML body ends, as far as framing has to know it: lengths lie more often than end tags.
//!
//! Nothing here depends on the charset: in GB18030, too, no other character contains `<`, `/` or `>`.

/// How far into a body its root is looked for: behind a prolog and a comment.
const ROOT_WITHIN: usize = 1024;

/// Looks for the end of a document in a body that grows, and never twice in the same place.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The beginning of the root's end tag, once the root is known: `</Response`.
    closing: Vec<u8>,
    searched: usize,
}

impl Ending {
    /// How many bytes the first document of `body` has; none while its root is open, or if it has no root.
    pub(super) fn find(&mut self, body: &[u8]) -> Option<usize> {
        if self.closing.is_empty() {
            let (name, after) = root(&body[..body.len().min(ROOT_WITHIN)])?;
            if body[..after].ends_with(b"/>") {
                return Some(after);
            }
            self.closing = [b"</", name].concat();
            self.searched = after;
        }
        while let Some(open) = body[self.searched..].iter().position(|&byte| byte == b'<') {
            self.searched += open;
            let rest = &body[self.searched..];
            if let Some(rest) = rest.strip_prefix(&*self.closing) {
                let end = rest.iter().position(|&byte| byte == b'>')?;
                return Some(body.len() - rest.len() + end + 1);
            }
            if self.closing.starts_with(rest) {
                return None; // The end tag itself may be cut.
            }
            self.searched += 1;
        }
        self.searched = body.len();
        None
    }
}

/// The name of the first element, and where its start tag ends.
fn root(body: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = 0;
    loop {
        at += body[at..].iter().position(|&byte| byte == b'<')? + 1;
        let skipped: &[u8] = match &body[at..] {
            [b'?', ..] => b"?>",
            [b'!', b'-', b'-', ..] => b"-->",
            [first, ..] if first.is_ascii_alphabetic() || *first == b'_' => break,
            _ => continue,
        };
        at += body[at..].windows(skipped.len()).position(|bytes| bytes == skipped)? + skipped.len();
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    let length = body[at..].iter().take_while(|byte| is_name(byte)).count();
    let end = body[at..].iter().position(|&byte| byte == b'>')?;
    Some((&body[at..at + length], at + end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(body: &str) -> Option<usize> {
        Ending::default().find(body.as_bytes())
    }

    #[test]
    fn a_document_ends_behind_the_end_tag_of_its_root() {
        for whole in [
            "<Notify><SN>1</SN></Notify>",
            "\r\n<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Notify>\r\n<Info/></Item></Notify >",
            "<!-- <Notify></Notify> --><Query CmdType=\"Catalog\"></Query>",
            "<Query CmdType=\"DeviceInfo\" SN=\"5\"/>",
        ] {
            assert_eq!(end(whole), Some(whole.len()), "{whole}");
            assert_eq!(end(&format!("{whole}\r\n\0<Notify/>")), Some(whole.len()), "{whole}");
        }
        for open in
            ["", "Catalog", "<Notify", "<Notify><SN>1</SN>", "<Notify><SN>1</SN></Notif", "<Notify></Notify"]
        {
            assert_eq!(end(open), None, "{open}");
        }
    }

    #[test]
    fn the_end_is_found_however_the_body_grows() {
        let body = b"<?xml version=\"1.0\"?><Response><a>\xB6\xAB</a></Res></Response>";
        for step in 1..body.len() {
            let mut ending = Ending::default();
            let mut ends =
                (0..=body.len()).step_by(step).chain([body.len()]).map(|to| ending.find(&body[..to]));
            assert_eq!(ends.find_map(|end| end), Some(body.len()), "in steps of {step}");
        }
    }
}

//! What of XML can be told without reading it.

/// Whether this is one document whose end nobody can mistake: behind the prolog it begins with its root, whose end
/// tag stands there once, at the end. Nowhere does it say what a start line says.
pub fn is_plain(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    if text.to_ascii_uppercase().contains("SIP/2.0") {
        return false;
    }
    let text = match text.trim_ascii().strip_prefix("<?") {
        Some(prolog) => prolog.split_once("?>").map_or("", |(_, rest)| rest),
        None => &text,
    };
    let text = text.trim_ascii();
    let Some(after) = text.strip_prefix('<') else { return false };
    let name: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
    let start = after.split_once('>').map_or("", |(start, _)| start);
    let end = format!("</{name}");
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && !start.ends_with('/')
        && text.matches(&end).count() == 1
        && text.ends_with(&format!("{end}>"))
}

//! What the media server posts: a line with the hook's name, and its body.

use sluice::media::Hook;

/// Every hook bears an empty object and fields of the future; the API secret goes no further.
pub fn run(bytes: &[u8]) {
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, body) = bytes.split_at(line);
    let name = String::from_utf8_lossy(name);
    assert!(Hook::parse(&name, b"{}").is_ok());
    let Ok(hook) = Hook::parse(&name, body) else { return };
    if let Hook::ServerStarted(started) = &hook {
        assert!(!started.config.contains_key("api.secret"));
    }
    if let Some(fields) = body.trim_ascii().strip_suffix(b"}") {
        let comma: &[u8] = if fields.trim_ascii().ends_with(b"{") { b"" } else { b"," };
        let longer = [fields, comma, br#""a field of the future":[1,{}]}"#].concat();
        assert_eq!(Hook::parse(&name, &longer).ok(), Some(hook));
    }
}

//! Commands to a playback, and their answers.

use sluice::gb28181::mansrtsp::{Command, Message};

/// What is read and written is read the same again.
pub fn run(bytes: &[u8]) {
    let Ok(Message::Request(request)) = Message::parse(bytes) else { return };
    if let Command::Play { scale: Some(scale), .. } = request.command {
        assert!(scale.is_finite());
    }
    let text = request.to_string();
    assert!(text.ends_with("\r\n"));
    assert_eq!(Message::parse(text.as_bytes()), Ok(Message::Request(request)), "{text}");
}

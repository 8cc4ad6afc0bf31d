//! The Subject header of INVITE: who sends which stream to whom.

use std::fmt;

use super::{DeviceId, Ssrc, id};

/// `<sender>:<stream>,<receiver>:<stream>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// Who sends the media: the channel.
    pub sender: DeviceId,
    /// The sender's number of the stream, the SSRC by custom. In the field also hexadecimal (Dahua), of twenty
    /// digits (eXosip), or `0-4-0`; empty if missing.
    pub sender_stream: String,
    /// Who receives the media; none where a peer says only the first half (gbt_sip_server).
    pub receiver: Option<DeviceId>,
    /// The receiver's number of the stream; empty if missing.
    pub receiver_stream: String,
}

impl Subject {
    /// The subject of an offer to `sender`.
    pub fn new(sender: &DeviceId, ssrc: Ssrc, receiver: &DeviceId) -> Self {
        Self {
            sender: sender.clone(),
            sender_stream: ssrc.to_string(),
            receiver: Some(receiver.clone()),
            receiver_stream: "0".into(),
        }
    }

    /// Reads a subject; whatever is missing is none or empty, but for the sender.
    ///
    /// Errors: the sender is no id.
    pub fn parse(text: &str) -> Result<Self, id::Error> {
        let (first, second) = text.split_once(',').unwrap_or((text, ""));
        let (sender, sender_stream) = half(first);
        let (receiver, receiver_stream) = half(second);
        Ok(Self {
            sender: DeviceId::parse(sender)?,
            sender_stream: sender_stream.into(),
            receiver: DeviceId::parse(receiver).ok(),
            receiver_stream: receiver_stream.into(),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sender, self.sender_stream)?;
        match &self.receiver {
            Some(receiver) => write!(f, ",{receiver}:{}", self.receiver_stream),
            None => Ok(()),
        }
    }
}

fn half(text: &str) -> (&str, &str) {
    let (id, stream) = text.split_once(':').unwrap_or((text, ""));
    (id.trim(), stream.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_custom_form() {
        let channel = DeviceId::parse("34020000001310000001").unwrap();
        let platform = DeviceId::parse("34020000002000000001").unwrap();
        let subject = Subject::new(&channel, Ssrc(200_000_001), &platform);
        let text = "34020000001310000001:0200000001,34020000002000000001:0";
        assert_eq!(subject.to_string(), text);
        assert_eq!(Subject::parse(text), Ok(subject));
    }

    /// Every Subject of `tests/data/gb28181`.
    #[test]
    fn reads_what_peers_write() {
        for (text, sender_stream, receiver_stream) in [
            ("34010000001310000001:0-4-0,34010000002000000001:1", "0-4-0", "1"),
            ("34020000001310000001:0000010000,34020000002000000001:0", "0000010000", "0"),
            ("34020000001310000001:1000010003,34020000002000000001:0", "1000010003", "0"),
            (
                "34020000002000000001:03d7a8ef3276a8ef327,34020000001310000001:0552354c54f3354c54f",
                "03d7a8ef3276a8ef327",
                "0552354c54f3354c54f",
            ),
            ("34020000002000000001:1,34020000001320000099:2", "1", "2"),
            ("34020000001320000002:1200000013,34020000002020000001:0", "1200000013", "0"),
            (
                "34020000001110000001:10000000000000000041,34020000002000000010:2000",
                "10000000000000000041",
                "2000",
            ),
            ("34020000001320000003:630886,34020000002000000001:0", "630886", "0"),
        ] {
            let subject = Subject::parse(text).unwrap();
            assert_eq!(
                (&*subject.sender_stream, &*subject.receiver_stream),
                (sender_stream, receiver_stream)
            );
            assert_eq!(subject.to_string(), text);
        }
    }

    #[test]
    fn lives_with_halves() {
        let half = Subject::parse("44010200492000400301:0").unwrap();
        assert_eq!((half.receiver.as_ref(), half.to_string().as_str()), (None, "44010200492000400301:0"));
        let bare = Subject::parse(" 44010200492000400301 , ").unwrap();
        assert_eq!((bare.sender_stream.as_str(), bare.receiver), ("", None));
        assert_eq!(Subject::parse(",34020000002000000001:0"), Err(id::Error::Empty));
        assert_eq!(Subject::parse(""), Err(id::Error::Empty));
    }
}

//! What a caller of the gateway may be told.

use std::sync::Arc;

use crate::{media, plugin, sip, store};

/// Why the gateway did not do it. Translated in two places: `http/reply.rs` and `answer.rs`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The stream is being recorded.
    #[error("stream {0} is being recorded already")]
    AlreadyRecording(String),
    /// The device's 2xx cannot be worked with; the text says what it lacks.
    #[error("the device's answer {0}")]
    BadAnswer(&'static str),
    /// A parameter is missing or wrong; the text names it and says what is.
    #[error("{0}")]
    BadParameter(String),
    /// Too much is under way.
    #[error("busy")]
    Busy,
    /// The channel's last status is not ON.
    #[error("channel {0} is off")]
    ChannelOff(String),
    /// The `sign` plugin refused, with a text for the caller.
    #[error("{0}")]
    Denied(String),
    #[error("internal error: {0}")]
    Internal(String),
    /// The file of a recording did not come while its caller waited for it.
    #[error("the recorded file did not come in time; records.stop will tell of it")]
    LateFile,
    /// The media server refused, is not there or did not answer.
    #[error("{0}")]
    Media(Arc<media::Error>),
    /// The device is known but does not answer at the moment.
    #[error("device {0} is not online")]
    Offline(String),
    /// A plugin could not decide; nobody was refused.
    #[error("policy: {0}")]
    Policy(Arc<plugin::Error>),
    /// The device answered with a final status that is no success.
    #[error("the device refused with status {0}")]
    Refused(u16),
    #[error("storage: {0}")]
    Storage(#[source] store::Error),
    /// The device gave no final answer within the time for it.
    #[error("the device did not answer in time")]
    TimedOut,
    #[error("no device {0}")]
    UnknownDevice(String),
    #[error("no recording {0}")]
    UnknownRecording(String),
    #[error("no stream {0}")]
    UnknownStream(String),
    /// The device's TCP connection broke, and it has not registered by another since.
    #[error("the connection to the device is gone")]
    Unreachable,
    /// Somebody stopped the stream, or the media server gave its port up, while the device made up its mind.
    #[error("the stream was closed before the device answered")]
    Withdrawn,
}

impl Error {
    /// What a caller may be told: no path, statement or host, and no words of another program's. The whole text is
    /// for the log.
    pub fn told(&self) -> String {
        match self {
            Self::Internal(_) => "internal error".to_owned(),
            Self::Media(error) => error.told(),
            Self::Policy(_) => "policy cannot decide".to_owned(),
            Self::Storage(_) => "storage failed".to_owned(),
            other => other.to_string(),
        }
    }
}

impl From<media::Error> for Error {
    fn from(error: media::Error) -> Self {
        Self::Media(Arc::new(error))
    }
}

impl From<plugin::Error> for Error {
    fn from(error: plugin::Error) -> Self {
        Self::Policy(Arc::new(error))
    }
}

impl From<store::Error> for Error {
    /// What was there when it was looked for may be gone when it is changed: that is no failure of the store.
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::AllSequencesInUse => Self::Busy,
            store::Error::AlreadyRecording { stream, .. } => Self::AlreadyRecording(stream),
            store::Error::Missing { what: "recording", id } => Self::UnknownRecording(id),
            store::Error::Missing { id, .. } => Self::UnknownDevice(id),
            other => Self::Storage(other),
        }
    }
}

impl From<sip::Error> for Error {
    fn from(error: sip::Error) -> Self {
        match error {
            sip::Error::Busy => Self::Busy,
            sip::Error::TimedOut => Self::TimedOut,
            sip::Error::Unreachable => Self::Unreachable,
            other => Self::Internal(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_by_now_and_what_is_busy_is_no_failure_of_the_store() {
        let id = || "7".to_owned();
        let missing = |what| store::Error::Missing { what, id: id() };
        let recording = store::Error::AlreadyRecording { stream: id(), recording: id() };
        let errors = [missing("user device"), missing("channel device"), missing("recording"), recording];
        let texts = errors.map(|error| Error::from(error).to_string());
        assert_eq!(
            texts,
            ["no device 7", "no device 7", "no recording 7", "stream 7 is being recorded already"]
        );
        assert_eq!(Error::from(store::Error::AllSequencesInUse).to_string(), "busy");
        assert_eq!(Error::from(store::Error::Closed).to_string(), "storage: the store is closed");
    }
}

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
    Storage(#[from] store::Error),
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

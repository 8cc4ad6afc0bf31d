//! What a caller of the gateway may be told.

use crate::{media, plugin, sip, store};

/// Why the gateway did not do it. Translated in two places: `http/reply.rs` and `answer.rs`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter is missing or wrong; the text names it and says what is.
    #[error("{0}")]
    BadParameter(String),
    /// All sequence numbers or ids are in use.
    #[error("busy: {0}")]
    Busy(String),
    /// The channel's last status is not ON.
    #[error("channel {0} is off")]
    ChannelOff(String),
    /// The `sign` plugin refused, with a text for the caller.
    #[error("{0}")]
    Denied(String),
    #[error("internal error: {0}")]
    Internal(String),
    /// The media server refused, is not there or did not answer.
    #[error("media server: {0}")]
    Media(#[from] media::Error),
    /// The device is known but does not answer at the moment.
    #[error("device {0} is not online")]
    Offline(String),
    /// A plugin could not decide; nobody was refused.
    #[error("policy: {0}")]
    Policy(#[from] plugin::Error),
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
    #[error("no stream {0}")]
    UnknownStream(String),
}

impl From<sip::Error> for Error {
    fn from(error: sip::Error) -> Self {
        match error {
            sip::Error::TimedOut => Self::TimedOut,
            other => Self::Internal(other.to_string()),
        }
    }
}

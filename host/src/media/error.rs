//! Why the media server did not do what it was asked.

use std::{error::Error as StdError, io};

/// What went wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has a stream of that name already, perhaps one that only waits to expire: close it first.
    #[error("media server: {api}: the stream exists already")]
    AlreadyExists {
        /// The call.
        api: &'static str,
    },
    /// It does not accept our secret, or our address.
    #[error("media server: {api}: not allowed: {message}")]
    Auth {
        /// The call.
        api: &'static str,
        /// What it says.
        message: String,
    },
    /// Its configured address is not an HTTP URL, or no client can be made for it.
    #[error("media server: bad address {address:?}")]
    BadAddress {
        /// The address.
        address: String,
    },
    /// What it answered is not what this call answers.
    #[error("media server: {api}: HTTP status {status}, and an answer that makes no sense")]
    BadAnswer {
        /// The call.
        api: &'static str,
        /// The answer's HTTP status.
        status: u16,
        /// Where it stops making sense; none when it is the status, or it does not end.
        source: Option<serde_json::Error>,
    },
    /// The TLS or HTTP client cannot be set up.
    #[error("media server: no HTTP client")]
    Client(#[source] reqwest::Error),
    /// What the call names is not there.
    #[error("media server: {api}: {message}")]
    NotFound {
        /// The call.
        api: &'static str,
        /// What it says.
        message: String,
    },
    /// It would not or could not do it.
    #[error("media server: {api}: {message} ({code})")]
    Refused {
        /// The call.
        api: &'static str,
        /// Its code: -1 failed, -300 bad argument, -400 exception.
        code: i64,
        /// What it says, at times in Chinese.
        message: String,
    },
    /// It did not answer in time. Whether it did what it was asked is not known.
    #[error("media server: {api}: no answer in time")]
    Timeout {
        /// The call.
        api: &'static str,
        /// What was waited for.
        source: reqwest::Error,
    },
    /// It cannot be reached, or the connection broke.
    #[error("media server: {api}: not reachable")]
    Unreachable {
        /// The call.
        api: &'static str,
        /// Why.
        source: reqwest::Error,
    },
}

impl Error {
    /// Without addresses and without its own words, which may name files and hosts.
    pub fn told(&self) -> String {
        match self {
            Self::Auth { api, .. } => format!("media server: {api}: not allowed"),
            Self::BadAddress { .. } => "media server: bad address".to_owned(),
            Self::NotFound { api, .. } => format!("media server: {api}: not found"),
            Self::Refused { api, code, .. } => format!("media server: {api}: refused ({code})"),
            Self::AlreadyExists { .. }
            | Self::BadAnswer { .. }
            | Self::Client(_)
            | Self::Timeout { .. }
            | Self::Unreachable { .. } => self.to_string(),
        }
    }

    /// True when nobody listens at its address: it is not running, and what it held is gone.
    pub fn is_down(&self) -> bool {
        let Self::Unreachable { source, .. } = self else { return false };
        let mut cause: Option<&(dyn StdError + 'static)> = Some(source);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return error.kind() == io::ErrorKind::ConnectionRefused;
            }
            cause = error.source();
        }
        false
    }
}

/// What every call returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

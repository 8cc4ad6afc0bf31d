//! Whether an API call, a playback or a publish may go on: the `sign` policy's word.

use std::net::IpAddr;

use crate::config::Mode;
use crate::gb28181::StreamId;
use crate::plugin::sign;

use super::{Error, Gateway};

/// An API call, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    /// Decoded pairs in their order.
    pub query: Vec<(String, String)>,
    /// The client's address.
    pub source: IpAddr,
}

impl Gateway {
    /// Whether `call` may go on.
    ///
    /// # Errors
    /// [`Error::Denied`] with the policy's text; [`Error::Policy`] when the policy could not decide.
    pub fn permit(&self, call: &Call) -> Result<(), Error> {
        self.ask(sign::Request {
            subject: sign::Subject::Api,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            source: call.source.to_string(),
            stream: None,
            attributes: Vec::new(),
        })
    }

    /// Whether a viewer may play, or a device publish, `stream`. The path is always that of HLS, whatever the
    /// protocol is, so that one sign serves all of a stream's URLs.
    pub(super) fn permit_media(
        &self,
        subject: sign::Subject,
        stream: StreamId,
        query: Vec<(String, String)>,
        source: &str,
    ) -> Result<(), Error> {
        self.ask(sign::Request {
            subject,
            method: "GET".to_owned(),
            path: format!("/rtp/{stream}/hls.m3u8"),
            query,
            source: source.to_owned(),
            stream: Some(stream.to_string()),
            attributes: Vec::new(),
        })
    }

    fn ask(&self, request: sign::Request) -> Result<(), Error> {
        if self.0.config.mode == Mode::Debug {
            return Ok(());
        }
        match self.0.plugins.check_sign(&request, &self.0.sign_key)? {
            sign::Verdict::Allow => Ok(()),
            sign::Verdict::Refuse(text) => Err(Error::Denied(text)),
        }
    }
}

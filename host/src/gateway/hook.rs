//! What the media server tells (its web hooks), and what it is answered.

use std::net::{IpAddr, SocketAddr};

use crate::gb28181::StreamId;
use crate::media::{
    self, OnPlay, OnPublish, OnRtpServerTimeout, OnStreamChanged, OnStreamNoneReader, OnStreamNotFound,
    PublishOptions,
};
use crate::plugin::sign;
use crate::store::StreamState;

use super::stream::{Stage, Stream};
use super::{Error, Gateway};

impl Gateway {
    /// A viewer wants to play. Streams that are not ours are refused as unsigned ones are, by the policy.
    ///
    /// # Errors
    /// [`Error::Denied`] with a text for the viewer.
    pub async fn on_play(&self, hook: OnPlay) -> Result<(), Error> {
        let id = StreamId::parse(&hook.stream).map_err(|_| Error::UnknownStream(hook.stream.clone()))?;
        self.permit_media(sign::Subject::Play, id, query(&hook.params), &hook.ip)?;
        self.0.streams.update(id, Stream::is_viewed);
        Ok(())
    }

    /// Media arrives. Only streams that the gateway asked for are taken.
    ///
    /// # Errors
    /// [`Error::UnknownStream`] for all others, [`Error::Denied`] when the policy refuses.
    pub async fn on_publish(&self, hook: OnPublish) -> Result<PublishOptions, Error> {
        let unknown = || Error::UnknownStream(hook.stream.clone());
        let named = StreamId::parse(&hook.stream).map_err(|_| unknown())?;
        let source = hook.ip.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, hook.port)).ok();
        let stream =
            self.0.streams.published(named, source).filter(|_| hook.app == media::APP).ok_or_else(unknown)?;
        if stream.stage == Stage::Closing {
            return Err(unknown());
        }
        self.permit_media(sign::Subject::Publish, stream.id, query(&hook.params), &hook.ip)?;
        let settings = &self.0.config.stream;
        Ok(PublishOptions {
            enable_hls: Some(settings.hls),
            enable_rtmp: Some(settings.rtmp),
            enable_mp4: Some(false),
            stream_replace: (stream.id != named).then(|| stream.id.to_string()),
            ..PublishOptions::accepted()
        })
    }

    /// Media became playable, or went away. HLS tells nothing: it may register while the stream closes.
    pub async fn on_stream_changed(&self, hook: OnStreamChanged) {
        let medium = hook.medium;
        if medium.app != media::APP || !matches!(medium.schema.as_str(), "rtmp" | "rtsp") {
            return;
        }
        let Ok(id) = StreamId::parse(&medium.stream) else { return };
        if hook.regist {
            self.flows(id).await;
        } else {
            self.close(id, "media ended").await;
        }
    }

    /// Nobody watches. True asks the media server to close its side. A stream that is being recorded goes on; the
    /// regular check ends it once it is not.
    pub async fn on_stream_none_reader(&self, hook: OnStreamNoneReader) -> bool {
        if !self.0.config.stream.idle_close || hook.app != media::APP {
            return false;
        }
        let Ok(id) = StreamId::parse(&hook.stream) else { return true };
        if self.is_recorded(id).await {
            return false;
        }
        self.close_in_background(id, "no viewer is left");
        true
    }

    /// A viewer asks for a stream that is not there. True ends the viewer's wait: nothing is coming.
    pub async fn on_stream_not_found(&self, hook: OnStreamNotFound) -> bool {
        let coming = StreamId::parse(&hook.stream).ok().and_then(|id| self.0.streams.find(id));
        coming.is_none_or(|stream| stream.stage == Stage::Closing)
    }

    /// The port that was opened for a stream got no media, or none any more.
    pub async fn on_rtp_server_timeout(&self, hook: OnRtpServerTimeout) {
        if let Ok(id) = StreamId::parse(&hook.stream_id) {
            self.close_in_background(id, "no media within the media server's time");
        }
    }

    /// The media server started: whatever it held before is gone.
    pub async fn on_server_started(&self) {
        tracing::info!("the media server started");
        self.check_soon();
    }

    pub(super) async fn flows(&self, id: StreamId) {
        let Some(first) = self.0.streams.update(id, |stream| {
            let first = stream.stage < Stage::Flowing;
            stream.flows();
            first
        }) else {
            return;
        };
        if !first {
            return;
        }
        tracing::info!(stream.id = %id, "media flows");
        if let Err(error) = self.0.store.set_state(id.to_string(), StreamState::Flowing, None).await {
            tracing::error!(stream.id = %id, %error, "the store did not take that a stream flows");
        }
    }

    /// A hook wants its answer at once; what it began goes on without it.
    fn close_in_background(&self, id: StreamId, why: &'static str) {
        let gateway = self.clone();
        self.in_own_task(async move { gateway.close(id, why).await });
    }
}

/// The player URL's query, as ZLMediaKit hands it over: still encoded, without the question mark.
fn query(params: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(params.trim_start_matches('?')).unwrap_or_default()
}

//! Play (GB/T 28181 §9.2): one live stream a channel, opened once, whoever asks.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::gb28181::{DeviceId, StreamId};
use crate::store::{self, StreamKind};

use super::invite::Plan;
use super::stream::{Joined, Outcome};
use super::{Error, Gateway};

/// Where a stream can be watched; the field names are the API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Playback {
    /// The channel.
    pub deviceid: String,
    /// The stream's id, which callers know as `ssrc`.
    pub ssrc: String,
    pub http: String,
    pub rtmp: String,
    pub rtsp: String,
    #[serde(rename = "ws-flv")]
    pub ws_flv: String,
    #[serde(rename = "http-flv")]
    pub http_flv: String,
    pub webrtc: String,
}

impl Gateway {
    /// Opens the live stream of `channel`, or finds the one that is open or being opened.
    ///
    /// # Errors
    /// The channel is unknown or off, its device is offline, refuses or is silent, or the media server did not
    /// do its part. Nothing is left open then.
    pub async fn play(&self, channel: &str) -> Result<Playback, Error> {
        let (channel, device) = self.playable(channel).await?;
        let id = match self.0.streams.join(&channel) {
            Joined::Open(id) => id,
            Joined::Wait(outcome) => settled(outcome).await?,
            Joined::Start(tell) => settled(self.start_live(device, channel.clone(), tell)).await?,
        };
        Ok(self.playback(&channel, id))
    }

    /// Opens the stream in a task of its own: a caller who hangs up must not leave a dialog behind.
    fn start_live(
        &self,
        device: DeviceId,
        channel: DeviceId,
        tell: watch::Sender<Option<Outcome>>,
    ) -> watch::Receiver<Option<Outcome>> {
        let told = tell.subscribe();
        let gateway = self.clone();
        self.in_own_task(async move {
            let plan = Plan { kind: StreamKind::Live, device, channel: channel.clone(), period: None };
            let outcome = gateway.open(plan).await.map_err(Arc::new);
            gateway.0.streams.settle(&channel, &outcome);
            tell.send_replace(Some(outcome));
        });
        told
    }

    /// The channel and its user device, if a stream can be asked of them.
    pub(super) async fn playable(&self, channel: &str) -> Result<(DeviceId, DeviceId), Error> {
        let (channel, device, status) = self.reachable(channel).await?;
        if status != store::Status::On {
            return Err(Error::ChannelOff(channel.to_string()));
        }
        Ok((channel, device))
    }

    /// The channel, its user device and its status, if the device is online.
    pub(super) async fn reachable(
        &self,
        channel: &str,
    ) -> Result<(DeviceId, DeviceId, store::Status), Error> {
        let unknown = || Error::UnknownDevice(channel.to_owned());
        let row = self.0.store.channel(channel).await?.ok_or_else(unknown)?;
        let channel = DeviceId::parse(&row.deviceid).map_err(|_| unknown())?;
        let device = DeviceId::parse(&row.pdid).map_err(|_| unknown())?;
        if self.0.registry.peer(&device).is_none() {
            return Err(Error::Offline(device.to_string()));
        }
        Ok((channel, device, row.status))
    }

    pub(super) fn playback(&self, channel: &DeviceId, id: StreamId) -> Playback {
        let media = &self.0.config.media;
        Playback {
            deviceid: channel.to_string(),
            ssrc: id.to_string(),
            http: format!("{}/rtp/{id}/hls.m3u8", media.http),
            rtmp: format!("{}/rtp/{id}", media.rtmp),
            rtsp: format!("{}/rtp/{id}", media.rtsp),
            ws_flv: format!("{}/rtp/{id}.live.flv", media.ws),
            http_flv: format!("{}/rtp/{id}.live.flv", media.http),
            webrtc: format!("{}/index/api/webrtc?app=rtp&stream={id}&type=play", media.http),
        }
    }
}

/// Waits until the one who opens the stream has told how it went.
async fn settled(mut told: watch::Receiver<Option<Outcome>>) -> Result<StreamId, Error> {
    let ended = || Error::Internal("the attempt to open the stream was broken off".to_owned());
    let outcome = told.wait_for(Option::is_some).await.map_err(|_| ended())?.clone();
    outcome.ok_or_else(ended)?.map_err(|error| (*error).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_contract_s_names() {
        let playback = Playback {
            deviceid: "37070000081318000001".to_owned(),
            ssrc: "0BEBC201".to_owned(),
            http: "http://media/rtp/0BEBC201/hls.m3u8".to_owned(),
            rtmp: "rtmp://media/rtp/0BEBC201".to_owned(),
            rtsp: "rtsp://media/rtp/0BEBC201".to_owned(),
            ws_flv: "ws://media/rtp/0BEBC201.live.flv".to_owned(),
            http_flv: "http://media/rtp/0BEBC201.live.flv".to_owned(),
            webrtc: "webrtc://media/rtp/0BEBC201".to_owned(),
        };
        insta::assert_json_snapshot!(playback, @r#"
        {
          "deviceid": "37070000081318000001",
          "ssrc": "0BEBC201",
          "http": "http://media/rtp/0BEBC201/hls.m3u8",
          "rtmp": "rtmp://media/rtp/0BEBC201",
          "rtsp": "rtsp://media/rtp/0BEBC201",
          "ws-flv": "ws://media/rtp/0BEBC201.live.flv",
          "http-flv": "http://media/rtp/0BEBC201.live.flv",
          "webrtc": "webrtc://media/rtp/0BEBC201"
        }
        "#);
    }
}

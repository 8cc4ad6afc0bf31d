//! Live streams.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{Gateway, Playback, Stopped},
    http::{
        reply::{Data, Envelope, Failure},
        request::Id,
    },
};

/// Starts a channel's live stream, or joins the one that is there.
#[utoipa::path(get, path = "/devices/{id}/play", operation_id = "play", tag = "streams",
    params(("id" = String, Path, description = "The channel device's id.")),
    responses((status = 200, description = "The stream.", body = Envelope<Stream>), Failure))]
pub(in crate::http) async fn play(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<Stream>, Failure> {
    let playback = gateway.play(&id).await?;
    Ok(Data(playback.into()))
}

/// Closes a stream, live or not. One that is not there is no failure: a text says so.
#[utoipa::path(get, path = "/play/{id}/stop", operation_id = "stop", tag = "streams",
    params(("id" = String, Path, description = "The stream's ssrc.")),
    responses((status = 200, description = "Empty, or a text.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn stop(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<&'static str>, Failure> {
    let stopped = gateway.stop(&id).await?;
    Ok(Data(match stopped {
        Stopped::Closed => "",
        Stopped::NotThere => "视频流不存在或已关闭 (no such stream, or closed already)",
    }))
}

/// A stream, and where players find it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Stream {
    /// The channel device.
    deviceid: String,
    /// The stream's id: its SSRC as eight upper-case hexadecimal digits.
    ssrc: String,
    http: String,
    rtmp: String,
    rtsp: String,
    #[serde(rename = "ws-flv")]
    ws_flv: String,
    #[serde(rename = "http-flv")]
    http_flv: String,
    webrtc: String,
}

impl From<Playback> for Stream {
    fn from(playback: Playback) -> Self {
        let Playback { deviceid, ssrc, http, rtmp, rtsp, ws_flv, http_flv, webrtc } = playback;
        Self { deviceid, ssrc, http, rtmp, rtsp, ws_flv, http_flv, webrtc }
    }
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
        insta::assert_json_snapshot!(Stream::from(playback), @r#"
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

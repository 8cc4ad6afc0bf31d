//! What we answer to hooks. ZLMediaKit wants HTTP status 200 and `code` as a number; anything else costs the
//! stream after one more try.

use serde::Serialize;

/// The answer to a hook that can only be taken or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// 0 takes it; anything else refuses, finally.
    pub code: i32,
    /// A refused viewer reads it.
    pub msg: String,
}

/// The answer to `on_publish`: whether the stream may come in, and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PublishOptions {
    /// 0 takes it.
    pub code: i32,
    /// For the media server's log.
    pub msg: String,
    /// HLS with MPEG-TS segments. None, here and below: as the media server is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_hls: Option<bool>,
    /// RTMP, HTTP-FLV and WebSocket-FLV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_rtmp: Option<bool>,
    /// RTSP and WebRTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_rtsp: Option<bool>,
    /// Record from the first frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_mp4: Option<bool>,
    /// Seconds of each recorded file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mp4_max_second: Option<u32>,
    /// Pass audio on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_audio: Option<bool>,
    /// Add silent audio where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_mute_audio: Option<bool>,
    /// Another name for it, under which viewers find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_replace: Option<String>,
    /// End it by itself, without asking, when nobody watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_close: Option<bool>,
}

/// The answer to `on_stream_none_reader` and `on_stream_not_found`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CloseReply {
    /// 0; another number would not close.
    pub code: i32,
    /// Close the stream, or stop the viewer's wait.
    pub close: bool,
}

/// The answer to `on_http_access`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessReply {
    /// 0 allows.
    pub code: i32,
    /// Seconds for which the same viewer is not asked about again.
    pub second: u32,
}

impl Reply {
    /// It is taken.
    pub fn success() -> Self {
        Self { code: 0, msg: "success".to_owned() }
    }

    /// It is refused. The viewer, if there is one, reads `msg`.
    pub fn refused(msg: impl Into<String>) -> Self {
        Self { code: -1, msg: msg.into() }
    }
}

impl PublishOptions {
    /// It is taken, and treated as the media server is configured.
    pub fn accepted() -> Self {
        Self { msg: "success".to_owned(), ..Self::default() }
    }

    /// It is refused. On the common port ZLMediaKit asks again every few seconds while the device sends.
    pub fn refused(msg: impl Into<String>) -> Self {
        Self { code: -1, msg: msg.into(), ..Self::default() }
    }
}

impl CloseReply {
    /// Close it, or do not.
    pub fn close(close: bool) -> Self {
        Self { code: 0, close }
    }
}

impl AccessReply {
    /// Allowed, for a day (the contract's 86,400 seconds).
    pub fn allowed() -> Self {
        Self { code: 0, second: 86_400 }
    }
}

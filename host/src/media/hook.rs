//! What ZLMediaKit posts to us. Fields that are missing take their type's zero, unknown ones are passed over.
//!
//! Hooks come on connections of their own and overtake one another: `hook_index` orders them, from 0 at each
//! start of the media server.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Medium, answer::null_as_zero};

/// A hook by its name.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is documented by the type it holds")]
pub enum Hook {
    HttpAccess(OnHttpAccess),
    Play(OnPlay),
    Publish(OnPublish),
    RecordMp4(OnRecordMp4),
    RtpServerTimeout(OnRtpServerTimeout),
    SendRtpStopped(OnSendRtpStopped),
    ServerKeepalive(OnServerKeepalive),
    ServerStarted(OnServerStarted),
    StreamChanged(Box<OnStreamChanged>),
    StreamNoneReader(OnStreamNoneReader),
    StreamNotFound(OnStreamNotFound),
    /// One that means nothing to us.
    Unknown,
}

/// Somebody wants to watch a stream.
pub type OnPlay = Session;

/// Media came in: only that, not that it decodes.
pub type OnPublish = Session;

/// Somebody wants to watch a stream that is not there. The viewer waits for it.
pub type OnStreamNotFound = Session;

/// A viewer or a publisher, and the stream it is about.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Session {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream: String,
    /// `rtmp`, `rtsp`, `hls`, `ts` or `fmp4`; `rtp` for a publisher.
    pub schema: String,
    /// What it is spoken over: HTTP-FLV has the schema `rtmp` and the protocol `http`.
    pub protocol: String,
    /// The URL's query as it was written.
    pub params: String,
    /// The connection's id.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// For a publisher where the stream comes from, 3 is RTP.
    #[serde(rename = "originType")]
    pub origin_type: i32,
    /// For a publisher the same as a word: `rtp_push`.
    #[serde(rename = "originTypeStr")]
    pub origin_type_str: String,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// A stream can, or cannot any more, be watched by one protocol. `regist` for rtmp or rtsp proves that its
/// media decodes; for hls it may come even while the stream is being closed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct OnStreamChanged {
    /// Whether it can.
    pub regist: bool,
    /// The stream; only its names when it cannot.
    #[serde(flatten)]
    pub medium: Medium,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// Nobody has watched a stream for a while. `schema` is arbitrary.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OnStreamNoneReader {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream: String,
    /// Some protocol of the stream.
    pub schema: String,
    /// Query that it was published with.
    pub params: String,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// A file is finished: because its time was over, or the recording was stopped.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct OnRecordMp4 {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream: String,
    /// Query that it was published with.
    pub params: String,
    /// The file's name.
    pub file_name: String,
    /// Where it is on the media server.
    pub file_path: String,
    /// Bytes.
    pub file_size: u64,
    /// The folder of all files of the stream.
    pub folder: String,
    /// Unix seconds at which it begins.
    pub start_time: i64,
    /// Seconds of media.
    #[serde(deserialize_with = "null_as_zero")]
    pub time_len: f64,
    /// Path of its URL, without a slash at its front.
    pub url: String,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// A port that was opened for one stream had no media for too long, and is closed. Never sent for the common
/// port.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OnRtpServerTimeout {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream_id: String,
    /// The port.
    pub local_port: u16,
    /// 0 UDP, 1 TCP passive, 2 TCP active.
    pub tcp_mode: i32,
    /// Whether the port could be shared.
    pub re_use_port: bool,
    /// The SSRC it was opened with; 0: any.
    pub ssrc: u32,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// The media server starts; its ports listen some milliseconds later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnServerStarted {
    /// Its configuration, without the API secret that ZLMediaKit puts there.
    pub config: BTreeMap<String, String>,
    /// Which media server says so.
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// The media server is there.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OnServerKeepalive {
    /// How many objects of each kind it holds.
    pub data: BTreeMap<String, Value>,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// Somebody asks for a file or a folder.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OnHttpAccess {
    /// Path of the URL.
    pub path: String,
    /// Where that is on the media server.
    pub file_path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// The URL's query as it was written.
    pub params: String,
    /// The connection's id.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

/// A stream is not sent any more to where it was sent as RTP.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OnSendRtpStopped {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream: String,
    /// The SSRC it was sent with, in the form it was given.
    pub ssrc: String,
    /// Why, as a number.
    pub err: i32,
    /// Why.
    pub msg: String,
    /// Which media server says so.
    #[serde(rename = "mediaServerId")]
    pub media_server_id: String,
    /// Its place among all hooks.
    pub hook_index: u64,
}

impl Hook {
    /// Reads the hook called `name`, such as `on_play`.
    ///
    /// Errors: the body is not a JSON object, or a field has another type than ZLMediaKit gives it.
    pub fn parse(name: &str, body: &[u8]) -> serde_json::Result<Self> {
        match name {
            "on_http_access" => read(body).map(Self::HttpAccess),
            "on_play" => read(body).map(Self::Play),
            "on_publish" => read(body).map(Self::Publish),
            "on_record_mp4" => read(body).map(Self::RecordMp4),
            "on_rtp_server_timeout" => read(body).map(Self::RtpServerTimeout),
            "on_send_rtp_stopped" => read(body).map(Self::SendRtpStopped),
            "on_server_keepalive" => read(body).map(Self::ServerKeepalive),
            "on_server_started" => read(body).map(OnServerStarted::from_all).map(Self::ServerStarted),
            "on_stream_changed" => read(body).map(Box::new).map(Self::StreamChanged),
            "on_stream_none_reader" => read(body).map(Self::StreamNoneReader),
            "on_stream_not_found" => read(body).map(Self::StreamNotFound),
            _ => read::<BTreeMap<String, Value>>(body).map(|_| Self::Unknown),
        }
    }
}

impl OnServerStarted {
    /// The configuration stands beside the fields that every hook has, but all its values are texts.
    fn from_all(fields: BTreeMap<String, Value>) -> Self {
        let mut started = Self::default();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("mediaServerId", Value::String(id)) => started.media_server_id = id,
                ("hook_index", value) => started.hook_index = value.as_u64().unwrap_or_default(),
                ("api.secret", _) => {}
                (_, Value::String(value)) => drop(started.config.insert(name, value)),
                _ => {}
            }
        }
        started
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body)
}

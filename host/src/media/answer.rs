//! What ZLMediaKit's API says. Fields that are missing take their type's zero: which ones come depends on the
//! stream and on the version.

use serde::{Deserialize, Deserializer};

/// One protocol that a stream can be watched by; a stream of decodable media has about five.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct Medium {
    /// `rtmp`, `rtsp`, `hls`, `ts` or `fmp4`.
    pub schema: String,
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream: String,
    /// Query that it was published with.
    pub params: String,
    /// Viewers by this protocol.
    pub reader_count: u32,
    /// Viewers by any protocol.
    pub total_reader_count: u32,
    /// Seconds since it began.
    pub alive_second: u64,
    /// Unix seconds at which it began.
    pub create_stamp: u64,
    /// Milliseconds of media; 4294967295 before the first frame.
    pub current_stamp: u64,
    /// Bytes a second.
    pub bytes_speed: u64,
    /// Bytes so far.
    pub total_bytes: u64,
    /// Whether HLS segments are written.
    #[serde(rename = "isRecordingHLS")]
    pub is_recording_hls: bool,
    /// Whether an MP4 file is written.
    #[serde(rename = "isRecordingMP4")]
    pub is_recording_mp4: bool,
    /// Where it comes from: 3 is RTP.
    pub origin_type: i32,
    /// The same as a word: `rtp_push`.
    pub origin_type_str: String,
    /// Where it comes from, as a URL.
    pub origin_url: String,
    /// The connection that brings it.
    pub origin_sock: Option<OriginSock>,
    /// Video and audio.
    pub tracks: Vec<Track>,
}

/// Recorded files of one day.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct RecordFiles {
    /// Where they are, as the media server sees it, with a slash at its end.
    #[serde(rename = "rootPath")]
    pub folder: String,
    /// Their names.
    #[serde(rename = "paths")]
    pub names: Vec<String>,
}

/// The connection that brings a stream.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OriginSock {
    /// Its id; for RTP the name that the stream was opened under.
    pub identifier: String,
    /// The media server's address.
    pub local_ip: String,
    /// The media server's port.
    pub local_port: u16,
    /// The sender's address.
    pub peer_ip: String,
    /// The sender's port.
    pub peer_port: u16,
}

/// Video or audio of a stream.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Track {
    /// 0 video, 1 audio.
    pub codec_type: i32,
    /// ZLMediaKit's number of the codec.
    pub codec_id: i32,
    /// Such as `H264` or `PCMA`.
    pub codec_id_name: String,
    /// Whether it can be decoded.
    pub ready: bool,
    /// Frames so far.
    pub frames: u64,
    /// Milliseconds so far.
    pub duration: u64,
    /// Share of packets lost; -1 when not known.
    #[serde(deserialize_with = "null_as_zero")]
    pub loss: f64,
    /// Pixels, video only.
    pub width: u32,
    /// Pixels, video only.
    pub height: u32,
    /// Frames a second, video only.
    #[serde(deserialize_with = "null_as_zero")]
    pub fps: f64,
    /// Key frames so far, video only.
    pub key_frames: u64,
    /// Frames from one key frame to the next, video only.
    pub gop_size: u64,
    /// Milliseconds from one key frame to the next, video only.
    pub gop_interval_ms: u64,
    /// Channels, audio only.
    pub channels: u32,
    /// Hertz, audio only.
    pub sample_rate: u32,
    /// Bits, audio only.
    pub sample_bit: u32,
}

/// Who sends an RTP stream that decodes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct RtpInfo {
    /// The name that the stream was opened under.
    pub identifier: String,
    /// The media server's address.
    pub local_ip: String,
    /// The media server's port.
    pub local_port: u16,
    /// The sender's address.
    pub peer_ip: String,
    /// The sender's port.
    pub peer_port: u16,
}

/// A port that was opened for one stream.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct RtpServer {
    /// Virtual host.
    pub vhost: String,
    /// Group.
    pub app: String,
    /// The stream's name.
    pub stream_id: String,
    /// The port.
    pub port: u16,
    /// The SSRC it accepts; 0: any.
    pub ssrc: u32,
    /// 0 UDP, 1 TCP passive, 2 TCP active.
    pub tcp_mode: i32,
}

/// Which build it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Version {
    /// Branch, empty where it was built without one.
    pub branch_name: String,
    /// When it was built.
    pub build_time: String,
    /// The start of its commit.
    pub commit_hash: String,
}

/// What every answer has.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) msg: String,
}

/// An answer whose head is all that matters.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// An answer with one value, or a list that is left out when it is empty.
#[derive(Deserialize)]
pub(super) struct Data<T> {
    #[serde(default)]
    pub(super) data: T,
}

#[derive(Deserialize)]
pub(super) struct Port {
    pub(super) port: u16,
}

#[derive(Deserialize)]
pub(super) struct Hit {
    pub(super) hit: u32,
}

#[derive(Deserialize)]
pub(super) struct Closed {
    pub(super) count_closed: u32,
}

#[derive(Deserialize)]
pub(super) struct Exist {
    pub(super) exist: bool,
    #[serde(flatten)]
    pub(super) info: RtpInfo,
}

#[derive(Deserialize)]
pub(super) struct Outcome {
    pub(super) result: bool,
}

#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) status: bool,
}

#[derive(Deserialize)]
pub(super) struct Changed {
    pub(super) changed: u32,
}

/// A number that came out as NaN, which ZLMediaKit's JSON library writes as null.
pub(super) fn null_as_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

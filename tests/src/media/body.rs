//! The JSON bodies of hooks and API answers, field for field as recorded.

use serde_json::{Map, Value, json};

use super::stream::{Entrance, Key, Origin, Player, RtpServer, Schema, Stream};

/// The only vhost.
pub(super) const VHOST: &str = "__defaultVhost__";

/// What readers are counted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readers {
    pub(super) of_schema: usize,
    pub(super) total: usize,
}

/// A stream in one of its forms: `getMediaList`, `getMediaInfo`, and `on_stream_changed` with regist=true.
pub(super) fn media(
    key: &Key,
    stream: &Stream,
    schema: Schema,
    readers: Readers,
    alive: u64,
) -> Map<String, Value> {
    object(json!({
        "aliveSecond": alive,
        "app": key.app,
        "bytesSpeed": stream.bytes.checked_div(alive).unwrap_or(0),
        "createStamp": stream.created_unix,
        "currentStamp": stream.ticks / 90,
        "isRecordingHLS": stream.hls,
        "isRecordingMP4": stream.recording.is_some(),
        "originSock": origin_sock(&stream.origin),
        "originType": 3,
        "originTypeStr": "rtp_push",
        "originUrl": format!("rtp://{VHOST}/{}/{}", key.app, key.stream),
        "params": "",
        "readerCount": readers.of_schema,
        "schema": schema.name(),
        "stream": key.stream,
        "totalBytes": stream.bytes,
        "totalReaderCount": readers.total,
        "tracks": tracks(stream),
        "vhost": VHOST,
    }))
}

/// Who sends: part of `getRtpInfo` and of a stream.
pub(super) fn origin_sock(origin: &Origin) -> Value {
    json!({
        "identifier": origin.asked.stream,
        "local_ip": "127.0.0.1",
        "local_port": origin.local_port,
        "peer_ip": origin.peer.ip().to_string(),
        "peer_port": origin.peer.port(),
    })
}

fn tracks(stream: &Stream) -> Value {
    let (codec_id, codec) = if stream.program.audio { (3, "PCMA") } else { (2, "mpeg4-generic") };
    let millis = stream.ticks / 90;
    json!([
        {
            "channels": 1, "codec_id": codec_id, "codec_id_name": codec, "codec_type": 1,
            "duration": millis, "frames": millis / 128, "loss": -1.0, "ready": true,
            "sample_bit": 16, "sample_rate": 8000,
        },
        {
            "codec_id": 0, "codec_id_name": "H264", "codec_type": 0,
            "duration": millis, "fps": 10.0, "frames": stream.frames,
            "gop_interval_ms": 2000, "gop_size": 20, "height": 240, "key_frames": stream.key_frames,
            "loss": -1.0, "ready": true, "width": 320,
        },
    ])
}

/// `on_publish`.
pub(super) fn publish(origin: &Origin) -> Value {
    json!({
        "app": origin.asked.app,
        "id": origin.asked.stream,
        "ip": origin.peer.ip().to_string(),
        "originType": 3,
        "originTypeStr": "rtp_push",
        "params": "",
        "port": origin.peer.port(),
        "protocol": "rtp",
        "schema": "rtp",
        "stream": origin.asked.stream,
        "vhost": VHOST,
    })
}

/// `on_flow_report` of a publisher. On the single port its protocol is always `tcp`, also over UDP.
pub(super) fn publisher_report(origin: &Origin, bytes: u64, duration: u64) -> Value {
    let protocol = if origin.entrance == Entrance::Server(0) { "udp" } else { "tcp" };
    json!({
        "app": origin.asked.app,
        "duration": duration,
        "id": origin.asked.stream,
        "ip": origin.peer.ip().to_string(),
        "params": "",
        "player": false,
        "port": origin.peer.port(),
        "protocol": protocol,
        "schema": "rtp",
        "stream": origin.asked.stream,
        "totalBytes": bytes,
        "vhost": VHOST,
    })
}

/// `on_flow_report` of a player.
pub(super) fn player_report(id: &str, player: &Player, bytes: u64, duration: u64) -> Value {
    let mut body = self::player(id, player);
    body["duration"] = duration.into();
    body["player"] = true.into();
    body["totalBytes"] = bytes.into();
    body
}

/// `on_play`, `on_stream_not_found`, `on_rtsp_realm`.
pub(super) fn player(id: &str, player: &Player) -> Value {
    json!({
        "app": player.key.app,
        "id": id,
        "ip": "127.0.0.1",
        "params": player.params,
        "port": player.port,
        "protocol": player.protocol,
        "schema": player.schema.name(),
        "stream": player.key.stream,
        "vhost": VHOST,
    })
}

/// `on_stream_changed` with regist=false, and `on_stream_none_reader` without it.
pub(super) fn stream(key: &Key, schema: Schema) -> Value {
    json!({
        "app": key.app,
        "params": "",
        "schema": schema.name(),
        "stream": key.stream,
        "vhost": VHOST,
    })
}

/// `on_rtp_server_timeout`. Its SSRC is the one given at open, even after `updateRtpServerSSRC`.
pub(super) fn server_timeout(key: &Key, server: &RtpServer) -> Value {
    json!({
        "app": key.app,
        "local_port": server.port,
        "re_use_port": server.reuse,
        "ssrc": server.ssrc_at_open,
        "stream_id": key.stream,
        "tcp_mode": server.tcp_mode,
        "vhost": VHOST,
    })
}

/// One line of `listRtpServer`.
pub(super) fn server(key: &Key, server: &RtpServer) -> Value {
    json!({
        "app": key.app,
        "only_track": 0,
        "port": server.port,
        "ssrc": server.ssrc.load(std::sync::atomic::Ordering::Relaxed),
        "stream_id": key.stream,
        "tcp_mode": server.tcp_mode,
        "vhost": VHOST,
    })
}

/// `on_server_keepalive`.
pub(super) fn keepalive(streams: usize) -> Value {
    json!({"data": {
        "Buffer": 64, "BufferLikeString": 0, "BufferList": 0, "BufferRaw": 64, "Frame": 0, "FrameImp": 0,
        "MediaSource": 5 * streams, "MultiMediaSourceMuxer": streams, "RtmpPacket": 0, "RtpPacket": 0,
        "Socket": 12, "TcpClient": 0, "TcpServer": 13, "TcpSession": 0, "UdpServer": 2, "UdpSession": 0,
    }})
}

/// The map inside a JSON object; empty for anything else.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

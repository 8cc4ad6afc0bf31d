//! What viewers fetch over HTTP: enough to see whether they are let in. No pictures.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::core::Core;
use super::super::player::{self, Played, Protocol};
use super::super::stream::Key;
use super::not_found;

const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n";

/// `/rtp/ID.live.flv` and its siblings.
pub(super) async fn live(
    State(core): State<Arc<Core>>,
    Path((app, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let (stream, protocol) = match file.rsplit_once(".live.") {
        Some((stream, "flv")) => (stream, Protocol::Flv),
        Some((stream, "mp4")) => (stream, Protocol::Fmp4),
        Some((stream, "ts")) => (stream, Protocol::Ts),
        _ => return not_found(),
    };
    watch(&core, Key::new(&app, stream), protocol, query).await
}

/// `/rtp/ID/hls.m3u8`.
pub(super) async fn hls(
    State(core): State<Arc<Core>>,
    Path((app, stream)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    watch(&core, Key::new(&app, &stream), Protocol::Hls, query).await
}

async fn watch(core: &Arc<Core>, key: Key, protocol: Protocol, query: Option<String>) -> Response {
    match player::play(core, key, protocol, &query.unwrap_or_default()).await {
        Played::NotFound => not_found(),
        Played::Refused { message } => (StatusCode::UNAUTHORIZED, message).into_response(),
        Played::Ok { player } => {
            player::stop(core, &player);
            let (kind, body): (&str, &[u8]) = match protocol {
                Protocol::Hls => ("application/vnd.apple.mpegurl", PLAYLIST.as_bytes()),
                Protocol::Flv => ("video/x-flv", b"FLV\x01\x05\0\0\0\x09\0\0\0\0"),
                _ => ("application/octet-stream", b""),
            };
            ([(header::CONTENT_TYPE, kind)], body.to_vec()).into_response()
        }
    }
}

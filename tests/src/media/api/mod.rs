//! The HTTP API, `/index/api/<name>`: GET query, POST form and POST JSON are equal.
//!
//! | file | calls |
//! | --- | --- |
//! | `rtp` | openRtpServer and its siblings |
//! | `server` | version, getServerConfig, setServerConfig |
//! | `session` | players and publishers: kick_session, getMediaPlayerList, getAllSession |
//! | `stream` | getMediaList, getMediaInfo, isMediaOnline, close_stream(s), recording |
//! | `page` | what viewers fetch over HTTP |

mod page;
mod rtp;
mod server;
mod session;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::core::Core;
use super::fault::Fault;
use crate::random;

/// An API call that came.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiCall {
    /// `openRtpServer` and so on.
    pub name: String,
    /// Its parameters, all as text, without the secret.
    pub params: BTreeMap<String, String>,
    /// What was answered; `None`: nothing, or no JSON.
    pub answer: Option<Value>,
}

/// The parameters of a call.
pub(super) struct Params(BTreeMap<String, String>);

/// Why a call failed: the `code` and `msg` of its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct Failure {
    pub(super) code: i64,
    pub(super) message: String,
}

/// What a call answers: an object that gets `code` 0, or a failure.
pub(super) type Answer = Result<Value, Failure>;

const NOT_FOUND: &str = "<html><head><title>404 Not Found</title></head><body bgcolor=\"white\"><center>\
    <h1>您访问的资源不存在！</h1></center><hr><center>ZLMediaKit(git hash:daaa74a/2026-07-22T20:43:21-07:00,\
    branch:,build time:2026-11-22T05:58:30)</center></body></html>";

/// Serves API and viewers until `down` says true.
pub(super) async fn serve(core: Arc<Core>, listener: TcpListener, down: watch::Receiver<bool>) {
    let mut dying = down.clone();
    let routes = Router::new()
        .route("/index/api/{name}", any(call))
        .route("/{app}/{file}", get(page::live))
        .route("/{app}/{stream}/hls.m3u8", get(page::hls))
        .fallback(async || not_found())
        .layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
            let mut down = down.clone();
            async move {
                // A server that is switched off leaves its callers without an answer worth having.
                tokio::select! {
                    response = next.run(request) => response,
                    _ = down.wait_for(|down| *down) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                }
            }
        }))
        .with_state(core);
    let down = async move {
        // A dropped sender is a dropped server.
        let _ = dying.wait_for(|down| *down).await;
    };
    // The listener fails only when the process is out of descriptors; callers notice.
    let _ = axum::serve(listener, routes).with_graceful_shutdown(down).await;
}

async fn call(
    State(core): State<Arc<Core>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut params = Params::gather(&uri, &headers, &body);
    if !admits(&core, &mut params) {
        let answer = json!({"code": -100, "msg": "Please login first", "cookie": random::token(16)});
        return reply(&answer, true);
    }
    let fault = core.with(|state| state.faults.meet(&name));
    let answer = match &fault {
        Some(Fault::Code(code, message)) => Some(Err(Failure { code: *code, message: message.clone() })),
        Some(Fault::Hang | Fault::Status(_)) => None,
        Some(Fault::Lost | Fault::Mute | Fault::Rubbish) | None => {
            match dispatch(&core, &name, &params).await {
                Some(answer) => Some(answer),
                None => return not_found(),
            }
        }
    };
    let failed = matches!(answer, Some(Err(_)));
    let answer = answer.map(render);
    core.calls.push(ApiCall { name, params: params.0, answer: answer.clone() });
    match (fault, answer) {
        (Some(Fault::Hang | Fault::Mute), _) => std::future::pending().await,
        (Some(Fault::Rubbish), _) => Html("<html>502 Bad Gateway").into_response(),
        (Some(Fault::Status(status)), _) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        (Some(Fault::Lost), _) | (_, None) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (_, Some(answer)) => reply(&answer, failed),
    }
}

/// The secret is wanted from everybody; without it and with a wrong one the answer is the same.
fn admits(core: &Core, params: &mut Params) -> bool {
    let secret = params.0.remove("secret").unwrap_or_default();
    core.with(|state| state.settings.text("api.secret") == secret)
}

async fn dispatch(core: &Arc<Core>, name: &str, params: &Params) -> Option<Answer> {
    Some(match name {
        "closeRtpServer" => rtp::close(core, params),
        "close_stream" => stream::close_one(core, params),
        "close_streams" => Ok(stream::close_many(core, params)),
        "connectRtpServer" => rtp::connect(core, params).await,
        "getAllSession" => Ok(session::all(core, params)),
        "getMP4RecordFile" => Ok(stream::record_files(core, params)),
        "getMediaInfo" => stream::info(core, params),
        "getMediaList" => Ok(stream::list(core, params)),
        "getMediaPlayerList" => session::players(core, params),
        "getRtpInfo" => rtp::info(core, params),
        "getServerConfig" => Ok(server::config(core)),
        "isMediaOnline" => stream::online(core, params),
        "isRecording" => stream::is_recording(core, params),
        "kick_session" => session::kick(core, params),
        "kick_sessions" => Ok(session::kick_many(core, params)),
        "listRtpServer" => Ok(rtp::list(core)),
        "openRtpServer" => rtp::open(core, params).await,
        "setServerConfig" => Ok(server::set_config(core, params)),
        "startRecord" => stream::start_record(core, params),
        "stopRecord" => stream::stop_record(core, params),
        "updateRtpServerSSRC" => rtp::update_ssrc(core, params),
        "version" => Ok(server::version()),
        _ => return None,
    })
}

fn render(answer: Answer) -> Value {
    match answer {
        Ok(mut fields) => {
            // A call may have a code of its own.
            if fields.get("code").is_none() {
                fields["code"] = 0.into();
            }
            fields
        }
        Err(Failure { code, message }) => json!({"code": code, "msg": message}),
    }
}

/// After a failure the connection is closed, as the real server does.
fn reply(answer: &Value, close: bool) -> Response {
    let mut response = axum::Json(answer).into_response();
    if close {
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    response
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Html(NOT_FOUND)).into_response()
}

impl Failure {
    pub(super) fn new(code: i64, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

impl Params {
    fn gather(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut params = pairs(uri);
        let json = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.contains("json"));
        if json {
            let fields: BTreeMap<String, Value> = serde_json::from_slice(body).unwrap_or_default();
            params.extend(fields.into_iter().map(|(key, value)| (key, text(&value))));
        } else if let Ok(form) = format!("/?{}", String::from_utf8_lossy(body)).parse() {
            params.extend(pairs(&form));
        }
        Self(params)
    }

    /// A parameter; empty counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.trim().parse().ok()
    }

    /// A switch: 1 or true.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true"))
    }

    /// Fails with -300 unless all of them are there; `listed` is how the message names them.
    pub(super) fn need(&self, names: &[&str], listed: &str) -> Result<(), Failure> {
        if names.iter().all(|name| self.get(name).is_some()) {
            return Ok(());
        }
        Err(Failure { code: -300, message: format!("Required parameter missed: {listed}") })
    }

    fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

fn pairs(uri: &Uri) -> BTreeMap<String, String> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

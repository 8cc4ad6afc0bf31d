//! What surrounds every request: an id, a log line, and the envelope around the answer.

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;
use tracing::{Instrument, field};

use super::{
    reply::{Envelope, Failure, Outcome},
    request::source,
};

/// Names a request: in the caller's log, in ours, and in the answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that a caller may give.
const LONGEST_ID: usize = 64;

/// The outermost layer: gives the request its id and its log line, and seals the answer in its envelope.
///
/// The envelope's id is always ours. Where the caller names the request itself, the header gives that name back, and
/// the log has both. The query is never logged: it carries passwords and signs.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let id = random_id();
    let named = named(request.headers()).unwrap_or_else(|| id.clone());
    // Of the highest level, so that it is there whatever the operator wants logged.
    let span = tracing::error_span!(
        "http", request.id = named, answer.id = field::Empty, http.method = %request.method(),
        http.path = request.uri().path(), peer = %source(&request),
    );
    if named != id {
        span.record("answer.id", &id);
    }
    let mut response = sealed(request, next, &span, id).await;
    // Letters, digits and a few marks always make a header.
    if let Ok(named) = HeaderValue::try_from(named) {
        response.headers_mut().insert(REQUEST_ID, named);
    }
    response
}

/// The caller's own name for the request, if it is one that a log can hold.
fn named(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let sane = (1..=LONGEST_ID).contains(&name.len()) && name.bytes().all(plain);
    sane.then(|| name.to_owned())
}

async fn sealed(request: Request, next: Next, span: &tracing::Span, id: String) -> Response {
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let duration_ms = started.elapsed().as_millis();
    let Some(outcome) = response.extensions_mut().remove::<Outcome>() else {
        span.in_scope(|| tracing::debug!(http.status = status.as_u16(), duration_ms, "request answered"));
        return response;
    };
    span.in_scope(|| log(&outcome, status, duration_ms));
    let body = Envelope { code: outcome.code.as_str(), data: outcome.data, time: unix_seconds(), id };
    let mut sealed = (status, Json(body)).into_response();
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        sealed.headers_mut().insert(header::ALLOW, allow);
    }
    sealed
}

/// One line for each call, louder where somebody must look; callers who miss every route are rubbish.
fn log(outcome: &Outcome, status: StatusCode, duration_ms: u128) {
    let code = outcome.code.as_str();
    let data = outcome.detail.as_deref().unwrap_or_else(|| outcome.data.get());
    let http_status = status.as_u16();
    match status {
        StatusCode::OK => tracing::info!(http.status = http_status, code, duration_ms, "API call answered"),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            tracing::debug!(http.status = http_status, code, duration_ms, "no such API call");
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            tracing::warn!(http.status = http_status, code, duration_ms, error = %data, "API call put off");
        }
        _ if status.is_server_error() => {
            tracing::error!(http.status = http_status, code, duration_ms, error = %data, "API call failed");
        }
        _ => tracing::info!(http.status = http_status, code, duration_ms, error = %data, "API call refused"),
    }
}

/// API calls are GET and nothing else: a HEAD that starts a stream helps nobody.
pub(super) async fn only_get(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let allow = (header::ALLOW, HeaderValue::from_static("GET"));
    ([allow], Failure::method()).into_response()
}

#[expect(clippy::disallowed_methods, reason = "the envelope shows the date")]
fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// 16 letters and digits, each as likely as the other.
fn random_id() -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    /// The largest multiple of 62 that a byte holds; bytes from here on would favour the first letters.
    const FAIR: u8 = 248;
    let mut id = String::with_capacity(16);
    while id.len() < 16 {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).expect("the kernel's random source cannot fail once the machine is up");
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        id.extend(fair.take(16 - id.len()).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_16_letters_and_digits_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }

    #[test]
    fn a_caller_s_name_is_taken_if_a_log_can_hold_it() {
        let given = |name: &[u8]| {
            let value = HeaderValue::from_bytes(name).expect("bytes that a header can hold");
            named(&HeaderMap::from_iter([(REQUEST_ID, value)]))
        };
        for name in ["1", "0af7651916cd43dd8448eb211c80319c", "a-b_c.d:7", &"x".repeat(64)] {
            assert_eq!(given(name.as_bytes()), Some(name.to_owned()));
        }
        for name in ["", "a b", "a\"b", "a=b", "a\tb", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(given(name.as_bytes()), None, "{name}");
        }
        assert_eq!(named(&HeaderMap::new()), None);
    }

    #[test]
    fn ids_use_the_whole_alphabet() {
        let seen: std::collections::HashSet<char> =
            (0..1000).flat_map(|_| random_id().chars().collect::<Vec<_>>()).collect();
        assert_eq!(seen.len(), 62);
    }
}

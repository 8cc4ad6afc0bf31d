//! Whether the gateway lives, and whether it can do its work.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::{Gateway, Readiness};

/// Says that the loop turns, nothing else.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "health", security(()),
    responses((status = 200, description = "alive", body = str, content_type = "text/plain")))]
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Says whether calls can be served, and if not what is missing.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "health", security(()), responses(
    (status = 200, description = "everything is ready", body = Ready),
    (status = 503, description = "something is not ready", body = Ready)))]
pub(super) async fn ready(State(gateway): State<Gateway>) -> (StatusCode, Json<Ready>) {
    let ready = Ready::from(gateway.readiness().await);
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}

/// What is ready. The plugins are: without them the gateway does not start.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// Whether all of it is.
    ready: bool,
    /// Whether the media server answers.
    media: bool,
    /// Whether the store answers.
    store: bool,
}

impl From<Readiness> for Ready {
    fn from(Readiness { media, store }: Readiness) -> Self {
        Self { ready: media && store, media, store }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ready_is_named() {
        let shown = |media, store| {
            let ready = Ready::from(Readiness { media, store });
            serde_json::to_string(&ready).expect("plain fields")
        };
        assert_eq!(shown(true, true), r#"{"ready":true,"media":true,"store":true}"#);
        assert_eq!(shown(false, true), r#"{"ready":false,"media":false,"store":true}"#);
        assert_eq!(shown(true, false), r#"{"ready":false,"media":true,"store":false}"#);
    }
}

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

/// What is ready: "ok", or why not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    ready: bool,
    store: String,
    media: String,
    plugins: String,
}

impl From<Readiness> for Ready {
    fn from(readiness: Readiness) -> Self {
        let Readiness { store, media, plugins } = readiness;
        let ready = store.is_none() && media.is_none() && plugins.is_none();
        let [store, media, plugins] =
            [store, media, plugins].map(|why| why.unwrap_or_else(|| "ok".to_owned()));
        Self { ready, store, media, plugins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ready_is_named() {
        let ready = Ready::from(Readiness { store: None, media: None, plugins: None });
        let shown = serde_json::to_string(&ready).expect("plain strings");
        assert_eq!(shown, r#"{"ready":true,"store":"ok","media":"ok","plugins":"ok"}"#);

        let ready =
            Ready::from(Readiness { store: None, media: Some("no answer".to_owned()), plugins: None });
        let shown = serde_json::to_string(&ready).expect("plain strings");
        assert_eq!(shown, r#"{"ready":false,"store":"ok","media":"no answer","plugins":"ok"}"#);
    }
}

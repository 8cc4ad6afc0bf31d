//! Whether the gateway lives, and whether it can do its work.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::{Gateway, Notifications, Readiness};

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

/// What is ready: "ok", or why not. The plugins are; without them the gateway does not start.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// Whether all of it is.
    ready: bool,
    store: String,
    media: String,
    /// What receivers of notifications have not taken yet; null while the store does not answer.
    notifications: Option<Notifications>,
}

impl From<Readiness> for Ready {
    fn from(Readiness { media, store, notifications }: Readiness) -> Self {
        let ready = media.is_none() && store.is_none();
        let [media, store] = [media, store].map(|why| why.unwrap_or_else(|| "ok".to_owned()));
        Self { ready, store, media, notifications }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ready_is_named() {
        let shown = |store: Option<&str>, media: Option<&str>| {
            let notifications = store.is_none().then_some(Notifications { waiting: 3, dropped: 0 });
            let [media, store] = [media, store].map(|why| why.map(str::to_owned));
            let readiness = Readiness { media, store, notifications };
            serde_json::to_string(&Ready::from(readiness)).expect("plain strings")
        };
        let told = r#""notifications":{"waiting":3,"dropped":0}"#;
        assert_eq!(shown(None, None), format!(r#"{{"ready":true,"store":"ok","media":"ok",{told}}}"#));
        assert_eq!(
            shown(None, Some("no answer")),
            format!(r#"{{"ready":false,"store":"ok","media":"no answer",{told}}}"#)
        );
        assert_eq!(
            shown(Some("closed"), None),
            r#"{"ready":false,"store":"closed","media":"ok","notifications":null}"#
        );
    }
}

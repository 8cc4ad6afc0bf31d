//! The table of routes, which is the OpenAPI document as well.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::FromRef,
    extract::{Request, State},
    http::header,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    api::{channels, live, users},
    errand::Errands,
    health, hook,
    reply::Failure,
    request, seal,
};
use crate::gateway::Gateway;

/// gosip's API. Every call is a GET, and carries a sign.
fn api() -> OpenApiRouter<Face> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(users::create))
        .routes(routes!(users::update))
        .routes(routes!(users::delete))
        .routes(routes!(channels::create))
        .routes(routes!(channels::delete))
        .routes(routes!(live::play))
        .routes(routes!(live::stop))
}

/// What is asked for by the media server, by probes and by readers. No sign; hooks carry a token.
fn others() -> OpenApiRouter<Face> {
    OpenApiRouter::default()
        .routes(routes!(hook::receive))
        .routes(routes!(hook::receive_as_gosip_2))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(document))
}

/// What handlers work with.
#[derive(Clone)]
pub(super) struct Face {
    pub(super) gateway: Gateway,
    pub(super) errands: Errands,
}

impl FromRef<Face> for Gateway {
    fn from_ref(face: &Face) -> Self {
        face.gateway.clone()
    }
}

/// The routes with all that surrounds them.
pub(super) fn router(face: Face) -> Router {
    let signed = from_fn_with_state(face.gateway.clone(), permit);
    let table = api().route_layer(signed).route_layer(from_fn(seal::only_get)).merge(others());
    frame(table.into()).with_state(face)
}

/// What holds for every request: an id, a log line, and the envelope even where no route is found.
fn frame<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(async || Failure::path())
        .method_not_allowed_fallback(async || Failure::method())
        .layer(from_fn(seal::seal))
}

/// Lets a call through if policy does.
async fn permit(State(gateway): State<Gateway>, request: Request, next: Next) -> Result<Response, Failure> {
    gateway.permit(&request::call(&request)?)?;
    Ok(next.run(request).await)
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json")))]
async fn document() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let document = api().merge(others()).into_openapi().to_json();
        document.expect("the document is strings, lists and maps with string keys")
    });
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "sluice", description = "The HTTP API of a GB28181 gateway, as gosip has it.", license(name = "Apache-2.0")),
    security(("sign" = [])),
    modifiers(&Sign),
)]
struct Document;

/// The security scheme of the API.
struct Sign;

impl Modify for Sign {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let rule = "Lowercase hex MD5 of: path, the other parameters as k=v sorted and joined by &, secret. \
                    The bundled rule; another `sign` plugin may ask for another. Not checked in debug mode.";
        let scheme = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description("sign", rule)));
        document.components.get_or_insert_default().add_security_scheme("sign", scheme);
    }
}

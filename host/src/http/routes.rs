//! The table of routes, which is the OpenAPI document as well.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{FromRef, Request, State},
    http::header,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    api::{bans, channels, live, playback, plugins, record, users, vendor},
    errand::Errands,
    health, hook,
    limits::{Cut, Cuts, Limits},
    metrics,
    reply::Failure,
    request, seal,
};
use crate::gateway::{self, Gateway};

/// gosip's API and the plugins'. Every call of it is a GET, and carries a sign.
fn api() -> OpenApiRouter<Face> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(users::create))
        .routes(routes!(users::update))
        .routes(routes!(users::delete))
        .routes(routes!(channels::create))
        .routes(routes!(channels::delete))
        .routes(routes!(live::play))
        .routes(routes!(live::stop))
        .routes(routes!(playback::replay))
        .routes(routes!(playback::files))
        .routes(routes!(record::start))
        .routes(routes!(record::stop))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::promote))
        .routes(routes!(plugins::demote))
        .routes(routes!(plugins::values))
        .routes(routes!(plugins::write_value))
        .routes(routes!(plugins::forget_value))
}

/// What goes beyond gosip, and is asked for and changed at one path. It carries a sign too.
fn resources() -> OpenApiRouter<Face> {
    OpenApiRouter::default().routes(routes!(bans::list, bans::lift)).routes(routes!(
        vendor::show,
        vendor::choose,
        vendor::release
    ))
}

/// What is asked for by the media server, by probes and by readers. No sign; hooks carry a token.
fn others() -> OpenApiRouter<Face> {
    OpenApiRouter::default()
        .routes(routes!(hook::receive))
        .routes(routes!(hook::receive_as_gosip_2))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::page))
        .routes(routes!(document))
}

/// All of them, as the document has them.
fn whole() -> OpenApiRouter<Face> {
    api().merge(resources()).merge(others())
}

/// What handlers work with.
#[derive(Clone)]
pub(super) struct Face {
    pub(super) gateway: Gateway,
    pub(super) errands: Errands,
    pub(super) limits: Limits,
    pub(super) cuts: Cuts,
}

impl FromRef<Face> for Gateway {
    fn from_ref(face: &Face) -> Self {
        face.gateway.clone()
    }
}

/// The routes with all that surrounds them.
pub(super) fn router(face: Face) -> Router {
    let signed = from_fn_with_state(face.gateway.clone(), permit);
    let timed = from_fn_with_state((face.limits, face.cuts.clone()), in_time);
    let api = Router::from(api()).route_layer(signed.clone()).route_layer(timed.clone());
    let resources = Router::from(resources()).route_layer(signed).route_layer(timed);
    frame(get_only(api).merge(resources).merge(others())).with_state(face)
}

/// Keeps other methods from routes that stand for GET, before anything else is asked.
fn get_only<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.method_not_allowed_fallback(async || Failure::method()).route_layer(from_fn(seal::only_get))
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

/// Answers in the place of a call that takes too long. What it opened outside is closed by a task of its own.
async fn in_time(
    State((limits, cuts)): State<(Limits, Cuts)>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    timeout(limits.call, next.run(request)).await.map_err(|_| {
        cuts.count(Cut::Call);
        gateway::Error::TimedOut.into()
    })
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "health", security(()),
    responses((status = 200, description = "The OpenAPI document.", content_type = "application/json")))]
async fn document() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let document = whole().into_openapi().to_json();
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::{
        body::{Body, to_bytes},
        http::{Method, StatusCode},
        routing::{get, post},
    };
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::{config::Config, http::reply::Data};

    /// The frame around two routes, one of the API and one beside it.
    fn framed() -> Router {
        let call = async || Data(json!({ "b": 1, "a": 2 }));
        let routes = get_only(Router::new().route("/users", get(call)));
        frame(routes.route("/index/hook/{name}", post(async || "hook")))
    }

    /// Status, `Allow`, and body of an answer, its `time` and `id` checked and blanked.
    async fn ask(method: Method, path: &str) -> (StatusCode, Option<String>, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        let response = framed().oneshot(request).await.expect("an answer");
        let status = response.status();
        let allow =
            response.headers().get(header::ALLOW).map(|allow| allow.to_str().expect("ASCII").to_owned());
        let is_json =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let body = to_bytes(response.into_body(), 4096).await.expect("a short body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        (status, allow, if is_json && !body.is_empty() { blank(&body) } else { body })
    }

    /// The envelope with its changing parts replaced, in its own order.
    fn blank(body: &str) -> String {
        let envelope: Value = serde_json::from_str(body).expect("an envelope");
        let (time, id) = (&envelope["time"], envelope["id"].as_str().expect("an id"));
        assert!(time.as_u64().is_some_and(|time| time > 1_700_000_000), "{body}");
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{body}");
        body.replace(&time.to_string(), "<time>").replace(id, "<id>")
    }

    fn text(body: &str) -> String {
        body.to_owned()
    }

    #[tokio::test]
    async fn an_answer_stands_in_the_envelope() {
        let expected = text(r#"{"code":"0","data":{"a":2,"b":1},"time":<time>,"id":"<id>"}"#);
        assert_eq!(ask(Method::GET, "/users?pwd=1").await, (StatusCode::OK, None, expected));
        assert_eq!(ask(Method::POST, "/index/hook/on_play").await, (StatusCode::OK, None, text("hook")));
    }

    #[tokio::test]
    async fn an_unknown_path_stands_in_the_envelope() {
        let expected =
            text(r#"{"code":"1002","data":"没有这个接口 (no such path)","time":<time>,"id":"<id>"}"#);
        for (method, path) in
            [(Method::GET, "/"), (Method::POST, "/user"), (Method::GET, "/users/"), (Method::GET, "//users")]
        {
            assert_eq!(ask(method, path).await, (StatusCode::NOT_FOUND, None, expected.clone()), "{path}");
        }
    }

    #[tokio::test]
    async fn another_method_than_get_stands_in_the_envelope() {
        let expected =
            text(r#"{"code":"1002","data":"请求方法错误 (method not allowed)","time":<time>,"id":"<id>"}"#);
        let refused = StatusCode::METHOD_NOT_ALLOWED;
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(ask(method, "/users").await, (refused, Some(text("GET")), expected.clone()));
        }
        assert_eq!(ask(Method::GET, "/index/hook/on_play").await, (refused, Some(text("POST")), expected));
    }

    #[tokio::test]
    async fn a_head_does_not_reach_the_handler() {
        let refused = (StatusCode::METHOD_NOT_ALLOWED, Some(text("GET")), text(""));
        assert_eq!(ask(Method::HEAD, "/users").await, refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_is_answered_all_the_same() {
        let (limits, cuts) = (Limits::from(&Config::default()), Cuts::default());
        let timed = from_fn_with_state((limits, cuts.clone()), in_time);
        let stuck = get(async || std::future::pending::<()>().await);
        let routes = frame(Router::new().route("/stuck", stuck).route_layer(timed));
        let request = Request::get("/stuck").body(Body::empty()).expect("a request");
        let response = routes.oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(cuts.counts()[Cut::Call as usize], ("call-timeout", 1));
    }

    #[test]
    fn the_document_is_the_table() {
        let document = json!(whole().into_openapi());
        let whole = document["security"].clone();
        let paths = document["paths"].as_object().expect("paths");
        let (mut lines, mut names) = (Vec::new(), HashSet::new());
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("methods") {
                let name = operation["operationId"].as_str().expect("a name");
                assert!(names.insert(name), "{name} stands there twice");
                let security = operation.get("security").unwrap_or(&whole);
                lines.push(format!(
                    "{method} {path}{}",
                    if *security == json!([{}]) { "" } else { " signed" }
                ));
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        delete /bans signed
        get /bans signed
        get /devices/{id}/delete signed
        get /devices/{id}/files signed
        get /devices/{id}/play signed
        get /devices/{id}/replay signed
        delete /devices/{id}/vendor signed
        get /devices/{id}/vendor signed
        put /devices/{id}/vendor signed
        post /index/hook/{name}
        get /livez
        get /metrics
        get /openapi.json
        get /play/{id}/record signed
        get /play/{id}/stop signed
        get /plugins signed
        get /plugins/{name}/demote signed
        get /plugins/{name}/promote signed
        get /plugins/{name}/values signed
        get /plugins/{name}/values/forget signed
        get /plugins/{name}/values/write signed
        get /readyz
        get /record/{id}/stop signed
        get /users signed
        get /users/{id}/delete signed
        get /users/{id}/devices signed
        get /users/{id}/update signed
        post /zlm/webhook/{name}
        ");
    }

    #[test]
    fn every_reference_in_the_document_resolves() {
        let document = json!(whole().into_openapi());
        let text = document.to_string();
        let references: Vec<&str> =
            text.split("\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 10, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}

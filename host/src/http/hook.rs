//! ZLMediaKit's hooks: what the media server tells and asks.
//!
//! It wants HTTP 200 and an integer `code`, at once: a slow or odd answer costs the stream. So nothing
//! waits here but what the media server cannot go on without, a decision; and whatever a hook starts
//! goes on when the media server hangs up.

use std::{collections::HashMap, time::Duration};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, State},
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::{errand::Full, reply::Failure, request::Query, routes::Face};
use crate::{
    gateway::{self, Gateway},
    media::PublishOptions,
};

/// The largest body taken, in bytes. The largest that a media server sends is its configuration, 6 kB.
const BODY_SIZE: usize = 256 * 1024;
/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the media server waits for a word on a stream without readers, or without source. Then it is
/// told to leave the stream alone; the gateway closes it by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes a hook of ZLMediaKit. The answer is always 200, its `code` an integer: 0 accepts.
#[utoipa::path(post, path = "/index/hook/{name}", tag = "media server", security(()),
    params(
        ("name" = String, Path, description = "The hook: on_play, on_publish, …"),
        ("token" = Option<String>, Query, description = "Needed where media.hook_token is set.")),
    request_body(description = "As ZLMediaKit sends it.", content = Object),
    responses((status = 200, description = "As ZLMediaKit wants it.", body = Object)))]
pub(super) async fn receive(
    State(face): State<Face>,
    name: Option<Path<String>>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Json<Value> {
    let name = name.map_or_else(String::new, |Path(name)| name);
    let reply = match admit(face.gateway.hook_token(), query.as_deref()) {
        Ok(()) => answer(&name, &face, body).await,
        Err(refusal) => refusal,
    };
    Json(reply.into_json())
}

/// The same under the path that gosip 2 has.
#[utoipa::path(post, path = "/zlm/webhook/{name}", tag = "media server", security(()),
    params(
        ("name" = String, Path, description = "The hook: on_play, on_publish, …"),
        ("token" = Option<String>, Query, description = "Needed where media.hook_token is set.")),
    request_body(description = "As ZLMediaKit sends it.", content = Object),
    responses((status = 200, description = "As ZLMediaKit wants it.", body = Object)))]
pub(super) async fn receive_as_gosip_2(
    face: State<Face>,
    name: Option<Path<String>>,
    query: RawQuery,
    body: Body,
) -> Json<Value> {
    receive(face, name, query, body).await
}

/// What the media server is answered.
#[derive(Debug, PartialEq)]
enum Reply {
    /// Files may be fetched, and need not be asked about again for a day.
    Access,
    /// Whether it is to close the stream.
    Close(bool),
    /// Taken note of, or accepted.
    Done,
    /// The publisher may go on, like this.
    Publish(PublishOptions),
    /// No, and why; a viewer sees the text.
    Refused(String),
}

impl Reply {
    fn into_json(self) -> Value {
        match self {
            Self::Access => json!({ "code": 0, "err": "", "path": "", "second": 86400 }),
            Self::Close(close) => json!({ "code": 0, "close": close }),
            Self::Done => json!({ "code": 0, "msg": "success" }),
            Self::Publish(options) => {
                let mut reply = json!(options);
                reply["code"] = json!(0);
                reply["msg"] = json!("success");
                reply
            }
            Self::Refused(text) => json!({ "code": -1, "msg": text }),
        }
    }
}

impl From<gateway::Error> for Reply {
    fn from(error: gateway::Error) -> Self {
        Self::Refused(Failure::from(error).text)
    }
}

impl From<Full> for Reply {
    fn from(_: Full) -> Self {
        gateway::Error::Busy.into()
    }
}

/// Checks the token, in a time that does not tell how much of it was right.
fn admit(token: &str, query: Option<&str>) -> Result<(), Reply> {
    let given = Query::parse(query.unwrap_or_default()).and_then(|query| query.optional("token"));
    let given = given.ok().flatten().unwrap_or_default();
    if token.is_empty() || bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        return Ok(());
    }
    tracing::warn!("a hook without the right token was refused: does ZLMediaKit's hook URL end in ?token=…?");
    Err(Reply::Refused("token 错误 (wrong token)".to_owned()))
}

/// Reads the body and lets the gateway know.
async fn answer(name: &str, face: &Face, body: Body) -> Reply {
    match timeout(BODY_TIMEOUT, to_bytes(body, BODY_SIZE)).await {
        Ok(Ok(body)) => dispatch(Hook { name, body: &body, face }).await.unwrap_or_else(|refusal| refusal),
        Ok(Err(_)) | Err(_) => unreadable(name, "too long, too slow, or cut off"),
    }
}

/// The table of hooks.
async fn dispatch(hook: Hook<'_>) -> Result<Reply, Reply> {
    match hook.name {
        "on_http_access" => hook.read::<AnyObject>().map(|_| Reply::Access),
        "on_play" => {
            hook.decide(|gateway, hook| async move { gateway.on_play(hook).await.map(|()| Reply::Done) })
                .await
        }
        "on_publish" => {
            hook.decide(|gateway, hook| async move { gateway.on_publish(hook).await.map(Reply::Publish) })
                .await
        }
        "on_rtp_server_timeout" => {
            hook.tell(|gateway, hook| async move { gateway.on_rtp_server_timeout(hook).await })
        }
        "on_record_mp4" | "on_send_rtp_stopped" | "on_server_keepalive" => {
            hook.read::<AnyObject>().map(|_| Reply::Done)
        }
        "on_server_started" => {
            hook.tell(|gateway, _: AnyObject| async move { gateway.on_server_started().await })
        }
        "on_stream_changed" => {
            hook.tell(|gateway, hook| async move { gateway.on_stream_changed(hook).await })
        }
        "on_stream_none_reader" => {
            hook.close(|gateway, hook| async move { gateway.on_stream_none_reader(hook).await }).await
        }
        "on_stream_not_found" => {
            hook.close(|gateway, hook| async move { gateway.on_stream_not_found(hook).await }).await
        }
        _ => {
            hook.read::<AnyObject>()?;
            tracing::debug!(hook = hook.name, "a hook that means nothing here");
            Ok(Reply::Done)
        }
    }
}

/// A hook as it came, and who may want to know.
#[derive(Clone, Copy)]
struct Hook<'a> {
    name: &'a str,
    body: &'a [u8],
    face: &'a Face,
}

impl Hook<'_> {
    /// Lets the gateway decide; the media server waits for that.
    async fn decide<H, W>(self, work: impl FnOnce(Gateway, H) -> W) -> Result<Reply, Reply>
    where
        H: DeserializeOwned,
        W: Future<Output = Result<Reply, gateway::Error>> + Send + 'static,
    {
        let decision = self.face.errands.start(work(self.face.gateway.clone(), self.read()?))?;
        match decision.await {
            Ok(decision) => Ok(decision?),
            Err(_) => Err(gateway::Error::Internal("the decision was given up".to_owned()).into()),
        }
    }

    /// Lets the gateway know; the media server does not wait.
    fn tell<H, W>(self, work: impl FnOnce(Gateway, H) -> W) -> Result<Reply, Reply>
    where
        H: DeserializeOwned,
        W: Future<Output = ()> + Send + 'static,
    {
        self.face.errands.start(work(self.face.gateway.clone(), self.read()?))?;
        Ok(Reply::Done)
    }

    /// Asks the gateway whether the stream is to be closed; the media server waits, but not for long.
    async fn close<H, W>(self, work: impl FnOnce(Gateway, H) -> W) -> Result<Reply, Reply>
    where
        H: DeserializeOwned,
        W: Future<Output = bool> + Send + 'static,
    {
        let word = self.face.errands.start(work(self.face.gateway.clone(), self.read()?))?;
        let close = timeout(PATIENCE, word).await.ok().and_then(Result::ok);
        Ok(Reply::Close(close.unwrap_or(false)))
    }

    /// The body, parsed.
    fn read<H: DeserializeOwned>(self) -> Result<H, Reply> {
        parse(self.name, self.body)
    }
}

/// A body of which nothing is needed but that it is a JSON object.
type AnyObject = HashMap<String, IgnoredAny>;

/// Parses a hook's body. The error names the place, never the content: it may hold secrets.
fn parse<H: DeserializeOwned>(name: &str, body: &[u8]) -> Result<H, Reply> {
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "not what this hook carries" } else { "not JSON" };
        unreadable(name, &format!("{what}, line {} column {}", error.line(), error.column()))
    })
}

fn unreadable(name: &str, why: &str) -> Reply {
    tracing::debug!(hook = name, why, "a hook's body cannot be read");
    Reply::Refused(format!("请求体错误 (bad body): {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reply: Reply) -> String {
        reply.into_json().to_string()
    }

    #[test]
    fn replies_are_as_the_media_server_wants_them() {
        assert_eq!(shown(Reply::Access), r#"{"code":0,"err":"","path":"","second":86400}"#);
        assert_eq!(shown(Reply::Close(true)), r#"{"close":true,"code":0}"#);
        assert_eq!(shown(Reply::Done), r#"{"code":0,"msg":"success"}"#);
        assert_eq!(
            shown(gateway::Error::Denied("签名错误".to_owned()).into()),
            r#"{"code":-1,"msg":"签名错误"}"#
        );
        assert_eq!(shown(Full.into()), r#"{"code":-1,"msg":"系统繁忙 (busy, try again)"}"#);
    }

    #[test]
    fn a_token_is_asked_for_where_one_is_set() {
        let wrong = || Err(Reply::Refused("token 错误 (wrong token)".to_owned()));
        assert_eq!(admit("", None), Ok(()));
        assert_eq!(admit("", Some("token=anything")), Ok(()));
        assert_eq!(admit("a b", Some("x=1&token=a%20b")), Ok(()));
        assert_eq!(admit("secret", None), wrong());
        assert_eq!(admit("secret", Some("token=")), wrong());
        assert_eq!(admit("secret", Some("token=secre")), wrong());
        assert_eq!(admit("secret", Some("token=secrets")), wrong());
        assert_eq!(admit("secret", Some("token=secret&token=secret")), wrong());
        assert_eq!(admit("secret", Some("token=%FF")), wrong());
    }

    #[test]
    fn a_body_that_is_no_hook_is_refused_without_repeating_it() {
        let refusal = |body: &[u8]| parse::<AnyObject>("on_play", body).map(|_| ()).map_err(shown);
        assert_eq!(refusal(b"{\"app\":\"rtp\"}"), Ok(()));
        assert_eq!(
            refusal(b"secret"),
            Err(r#"{"code":-1,"msg":"请求体错误 (bad body): not JSON, line 1 column 1"}"#.to_owned())
        );
        assert_eq!(
            refusal(b""),
            Err(r#"{"code":-1,"msg":"请求体错误 (bad body): not JSON, line 1 column 0"}"#.to_owned())
        );
        assert_eq!(
            refusal(b"[\"secret\"]"),
            Err(r#"{"code":-1,"msg":"请求体错误 (bad body): not what this hook carries, line 1 column 0"}"#
                .to_owned())
        );
    }
}

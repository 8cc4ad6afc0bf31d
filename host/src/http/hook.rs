//! ZLMediaKit's hooks: what the media server tells and asks.
//!
//! It wants HTTP 200 and an integer `code`, at once: a slow or odd answer costs the stream. So nothing
//! waits here but what the media server cannot go on without, a decision; and whatever a hook starts
//! goes on when the media server hangs up.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, State, rejection::PathRejection},
};
use serde::Serialize;
use tokio::time::timeout;

use super::{
    admission::{Refusal, admit},
    errand::Full,
    limits::{Cut, Cuts},
    reply::Failure,
    request::Source,
    routes::Face,
};
use crate::{
    gateway,
    media::{AccessReply, CloseReply, Hook, PublishOptions, Reply},
};

/// How long the media server waits for a word on a stream without readers, or without source. Then it is
/// told to leave the stream alone; the gateway closes it by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes a hook of ZLMediaKit. The answer is always 200, its `code` an integer: 0 accepts.
#[utoipa::path(post, path = "/index/hook/{name}", operation_id = "hook", tag = "media server", security(()),
    params(
        ("name" = String, Path, description = "The hook: on_play, on_publish, …"),
        ("token" = Option<String>, Query, description = "Needed where media.hook_token is set.")),
    request_body(description = "As ZLMediaKit sends it.", content = Object),
    responses((status = 200, description = "As ZLMediaKit wants it.", body = Object)))]
pub(super) async fn receive(
    State(face): State<Face>,
    name: Result<Path<String>, PathRejection>,
    Source(source): Source,
    RawQuery(query): RawQuery,
    body: Body,
) -> Json<Answer> {
    // A name that is not text is none that we know.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let answer = match admit(&face.gateway.config().media, source, query.as_deref()) {
        Ok(()) => answer(&name, &face, body).await,
        Err(refusal) => turn_away(refusal, &face.cuts),
    };
    Json(answer)
}

/// The same under the path that gosip 2 has.
#[utoipa::path(post, path = "/zlm/webhook/{name}", operation_id = "hook_as_gosip_2", tag = "media server", security(()),
    params(
        ("name" = String, Path, description = "The hook: on_play, on_publish, …"),
        ("token" = Option<String>, Query, description = "Needed where media.hook_token is set.")),
    request_body(description = "As ZLMediaKit sends it.", content = Object),
    responses((status = 200, description = "As ZLMediaKit wants it.", body = Object)))]
pub(super) async fn receive_as_gosip_2(
    face: State<Face>,
    name: Result<Path<String>, PathRejection>,
    source: Source,
    query: RawQuery,
    body: Body,
) -> Json<Answer> {
    receive(face, name, source, query, body).await
}

/// What the media server is answered, each hook in its own shape.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Access(AccessReply),
    Close(CloseReply),
    Plain(Reply),
    Publish(PublishOptions),
}

impl From<Failure> for Answer {
    /// No, and why; a viewer sees the text.
    fn from(failure: Failure) -> Self {
        if let Some(error) = &failure.detail {
            tracing::debug!(error, "a hook was refused, since something of ours failed");
        }
        Self::Plain(Reply::refused(failure.text))
    }
}

impl From<gateway::Error> for Answer {
    fn from(error: gateway::Error) -> Self {
        Failure::from(error).into()
    }
}

/// Refuses a hook. Whoever configured the media server has to hear of it, but a stranger must not fill the log:
/// the first is told, and then only the second, fourth, eighth …
fn turn_away(refusal: Refusal, cuts: &Cuts) -> Answer {
    let refused = cuts.count(refusal.cut());
    if refused.is_power_of_two() {
        let cure = match refusal {
            Refusal::Source => "is the media server's address in media.hook_from?",
            Refusal::Token => "does ZLMediaKit's hook URL end in ?token= and media.hook_token?",
        };
        tracing::warn!(refused, cure, "hooks were refused");
    }
    match refusal {
        Refusal::Source => Failure::source().into(),
        Refusal::Token => Failure::token().into(),
    }
}

/// Reads the body and lets the gateway know.
async fn answer(name: &str, face: &Face, body: Body) -> Answer {
    let limits = face.limits;
    let Ok(Ok(body)) = timeout(limits.body, to_bytes(body, limits.body_size)).await else {
        face.cuts.count(Cut::Body);
        return unreadable(name, "too long, too slow, or cut off");
    };
    match read(name, &body) {
        Ok(hook) => dispatch(face, hook).await,
        Err(refusal) => refusal,
    }
}

/// The table of hooks: who waits for what.
async fn dispatch(face: &Face, hook: Hook) -> Answer {
    let gateway = face.gateway.clone();
    match hook {
        Hook::HttpAccess(_) => Answer::Access(AccessReply::allowed()),
        Hook::Play(hook) => {
            let accepted = || Answer::Plain(Reply::success());
            decide(face, async move { gateway.on_play(hook).await.map(|()| accepted()) }).await
        }
        Hook::Publish(hook) => {
            decide(face, async move { gateway.on_publish(hook).await.map(Answer::Publish) }).await
        }
        Hook::RtpServerTimeout(hook) => tell(face, async move { gateway.on_rtp_server_timeout(hook).await }),
        Hook::ServerStarted(_) => tell(face, async move { gateway.on_server_started().await }),
        Hook::StreamChanged(hook) => tell(face, async move { gateway.on_stream_changed(*hook).await }),
        Hook::StreamNoneReader(hook) => {
            close(face, async move { gateway.on_stream_none_reader(hook).await }).await
        }
        Hook::StreamNotFound(hook) => {
            close(face, async move { gateway.on_stream_not_found(hook).await }).await
        }
        Hook::RecordMp4(hook) => tell(face, async move { gateway.on_record_mp4(hook).await }),
        Hook::SendRtpStopped(_) | Hook::ServerKeepalive(_) | Hook::Unknown => Answer::Plain(Reply::success()),
    }
}

/// Lets the gateway decide; the media server waits for that.
async fn decide<W>(face: &Face, work: W) -> Answer
where
    W: Future<Output = Result<Answer, gateway::Error>> + Send + 'static,
{
    match face.errands.start(work) {
        Ok(decision) => {
            decision.await.map_or_else(|_| lost(), |decision| decision.unwrap_or_else(Answer::from))
        }
        Err(Full) => busy(),
    }
}

/// Lets the gateway know; the media server does not wait.
fn tell(face: &Face, work: impl Future<Output = ()> + Send + 'static) -> Answer {
    match face.errands.start(work) {
        Ok(_) => Answer::Plain(Reply::success()),
        Err(Full) => busy(),
    }
}

/// Asks the gateway whether the stream is to be closed; the media server waits, but not for long.
async fn close(face: &Face, work: impl Future<Output = bool> + Send + 'static) -> Answer {
    match face.errands.start(work) {
        Ok(word) => {
            let close = timeout(PATIENCE, word).await.ok().and_then(Result::ok);
            Answer::Close(CloseReply::close(close.unwrap_or(false)))
        }
        Err(Full) => busy(),
    }
}

fn busy() -> Answer {
    tracing::warn!("a hook was passed over: too many are under way");
    gateway::Error::Busy.into()
}

/// The work panicked, or was ended with the gateway.
fn lost() -> Answer {
    gateway::Error::Internal("what the hook began was broken off".to_owned()).into()
}

/// Reads a body. A refusal names the place, never the content: it may hold secrets.
fn read(name: &str, body: &[u8]) -> Result<Hook, Answer> {
    let hook = Hook::parse(name, body).map_err(|error| {
        let what = if error.is_data() { "not what this hook carries" } else { "not JSON" };
        unreadable(name, &format!("{what}, line {} column {}", error.line(), error.column()))
    })?;
    if hook == Hook::Unknown {
        tracing::debug!(hook = name, "a hook that means nothing here");
    }
    Ok(hook)
}

fn unreadable(name: &str, why: &str) -> Answer {
    tracing::debug!(hook = name, why, "a hook's body cannot be read");
    Failure::body(why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out on the wire.
    fn shown(answer: &Answer) -> String {
        serde_json::to_string(answer).expect("plain fields")
    }

    #[test]
    fn answers_are_as_the_media_server_wants_them() {
        let answers = [
            Answer::Access(AccessReply::allowed()),
            Answer::Close(CloseReply::close(true)),
            Answer::Plain(Reply::success()),
            Answer::Publish(PublishOptions::accepted()),
            gateway::Error::Denied("签名错误".to_owned()).into(),
            gateway::Error::UnknownStream("0BEBC201".to_owned()).into(),
            busy(),
            lost(),
        ];
        insta::assert_snapshot!(answers.each_ref().map(shown).join("\n"), @r#"
        {"code":0,"second":86400}
        {"code":0,"close":true}
        {"code":0,"msg":"success"}
        {"code":0,"msg":"success"}
        {"code":-1,"msg":"签名错误"}
        {"code":-1,"msg":"视频流不存在 (no stream 0BEBC201)"}
        {"code":-1,"msg":"系统繁忙 (busy)"}
        {"code":-1,"msg":"系统错误 (internal error)"}
        "#);
    }

    #[test]
    fn a_hook_that_is_turned_away_is_told_why_and_counted() {
        let cuts = Cuts::default();
        let refused = [Refusal::Source, Refusal::Token].map(|refusal| shown(&turn_away(refusal, &cuts)));
        insta::assert_snapshot!(refused.join("\n"), @r#"
        {"code":-1,"msg":"来源地址错误 (no hooks are taken from this address)"}
        {"code":-1,"msg":"token 错误 (wrong token)"}
        "#);
        let counted: Vec<_> = cuts.counts().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("hook-source", 1), ("hook-token", 1)]);
    }

    #[test]
    fn a_body_that_is_no_hook_is_refused_without_repeating_it() {
        let refusals =
            [("on_play", "secret"), ("on_play", ""), ("on_play", r#"{"port":"secret"}"#), ("on_any", "[1]")]
                .map(|(name, body)| shown(&read(name, body.as_bytes()).expect_err("no hook")));
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        {"code":-1,"msg":"请求体错误 (bad body: not JSON, line 1 column 1)"}
        {"code":-1,"msg":"请求体错误 (bad body: not JSON, line 1 column 0)"}
        {"code":-1,"msg":"请求体错误 (bad body: not what this hook carries, line 1 column 16)"}
        {"code":-1,"msg":"请求体错误 (bad body: not what this hook carries, line 1 column 0)"}
        "#);
        assert_eq!(read("on_any", b"{}"), Ok(Hook::Unknown));
    }

    #[test]
    fn every_recorded_hook_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/zlm/hooks");
        let mut count = 0;
        for file in std::fs::read_dir(folder).expect("the recordings") {
            let text = std::fs::read(file.expect("a file").path()).expect("a recording");
            let recording: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            let name = recording["hook"].as_str().expect("a name");
            let body = recording["request"]["body"].to_string();
            read(name, body.as_bytes()).expect(name);
            count += 1;
        }
        assert!(count > 60, "{count} recordings");
    }
}

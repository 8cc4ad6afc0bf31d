//! Answers to API calls: one envelope, one table from error to code, status and text.

use std::collections::BTreeMap;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, response},
};

use super::request;
use crate::gateway;

/// What every API call is answered with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    /// "0" for success; the other codes stand with the responses that carry them.
    #[schema(example = "0")]
    pub(super) code: &'static str,
    /// The answer; on failure a text that says what is wrong.
    pub(super) data: T,
    /// Unix seconds.
    #[schema(example = 1_618_043_462)]
    pub(super) time: u64,
    /// 16 random letters and digits, which stand in the gateway's log too.
    #[schema(example = "MCpWLu9D4bp3iQ5g")]
    pub(super) id: String,
}

/// gosip's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Done.
    Success,
    /// The sign is missing or wrong.
    Sign,
    /// The store failed.
    Storage,
    /// A parameter is wrong, or what it names is not there or not online.
    Parameter,
    /// Not the caller's fault: device, media server or gateway did not do it, or not in time.
    Undone,
}

impl Code {
    /// How the envelope writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Sign => "1000",
            Self::Storage => "1001",
            Self::Parameter => "1002",
            Self::Undone => "1003",
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Data<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        match to_raw_value(&self.0) {
            Ok(data) => Outcome { code: Code::Success, data, detail: None }.into_response(StatusCode::OK),
            Err(error) => Failure::from(gateway::Error::Internal(error.to_string())).into_response(),
        }
    }
}

/// What stopping a stream that is not there is answered: no failure, but a text.
pub(super) const NO_STREAM_TO_STOP: &str = "视频流不存在或已关闭 (no such stream, or closed already)";

/// An answer that says what went wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) status: StatusCode,
    /// For the caller: Chinese as gosip's clients know it, English beside. No path, statement or host.
    pub(super) text: String,
    /// For the log, where it is more than the caller is told.
    pub(super) detail: Option<String>,
}

impl Failure {
    fn new(code: Code, status: StatusCode, text: String) -> Self {
        Self { code, status, text, detail: None }
    }

    /// There is no such path.
    pub(super) fn path() -> Self {
        let text = "没有这个接口 (no such path)".to_owned();
        Self::new(Code::Parameter, StatusCode::NOT_FOUND, text)
    }

    /// The path is there, the method is not. `Allow` is for whoever knows the path to add.
    pub(super) fn method() -> Self {
        let text = "请求方法错误 (method not allowed)".to_owned();
        Self::new(Code::Parameter, StatusCode::METHOD_NOT_ALLOWED, text)
    }

    /// A hook does not carry the token that is asked for.
    pub(super) fn token() -> Self {
        let text = "token 错误 (wrong token)".to_owned();
        Self::new(Code::Sign, StatusCode::UNAUTHORIZED, text)
    }

    /// A hook comes from an address that none is taken from.
    pub(super) fn source() -> Self {
        let text = "来源地址错误 (no hooks are taken from this address)".to_owned();
        Self::new(Code::Sign, StatusCode::UNAUTHORIZED, text)
    }

    /// A hook's body cannot be read.
    pub(super) fn body(why: &str) -> Self {
        let text = format!("请求体错误 (bad body: {why})");
        Self::new(Code::Parameter, StatusCode::BAD_REQUEST, text)
    }
}

impl From<gateway::Error> for Failure {
    /// The table: Chinese as gosip's clients know it, and beside it what of the error's own words is for callers.
    ///
    /// `Busy`, `Internal` and `Policy` are 1003, since 1002 would blame the caller and 1000 its sign; 503
    /// tells that trying again may help.
    fn from(error: gateway::Error) -> Self {
        use gateway::Error;
        let (code, status, chinese) = match &error {
            Error::AlreadyRecording(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "视频流正在录制"),
            Error::BadAnswer(_) => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "设备应答错误"),
            Error::BadParameter(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "参数错误"),
            Error::Busy => (Code::Undone, StatusCode::SERVICE_UNAVAILABLE, "系统繁忙"),
            Error::ChannelOff(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "通道设备离线"),
            Error::Denied(text) => {
                return Self::new(Code::Sign, StatusCode::UNAUTHORIZED, text.clone());
            }
            Error::Internal(_) => (Code::Undone, StatusCode::INTERNAL_SERVER_ERROR, "系统错误"),
            Error::LateFile => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "录制文件未就绪"),
            Error::Media(_) => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "流媒体服务错误"),
            Error::Offline(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "用户设备已掉线"),
            Error::Policy(_) => (Code::Undone, StatusCode::SERVICE_UNAVAILABLE, "策略无法判定"),
            Error::Refused(_) => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "设备拒绝"),
            Error::Storage(_) => (Code::Storage, StatusCode::INTERNAL_SERVER_ERROR, "数据库错误"),
            Error::TimedOut => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "请求超时"),
            Error::UnknownDevice(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "设备不存在"),
            Error::UnknownRecording(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "录制不存在"),
            Error::UnknownStream(_) => (Code::Parameter, StatusCode::BAD_REQUEST, "视频流不存在"),
            Error::Unreachable => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "设备连接已断开"),
            Error::Withdrawn => (Code::Undone, StatusCode::REQUEST_TIMEOUT, "视频流在设备应答前已关闭"),
        };
        let (told, whole) = (error.told(), error.to_string());
        let detail = (told != whole).then_some(whole);
        Self { code, status, text: format!("{chinese} ({told})"), detail }
    }
}

impl From<request::Error> for Failure {
    fn from(error: request::Error) -> Self {
        Self::new(Code::Parameter, StatusCode::BAD_REQUEST, format!("参数错误 ({error})"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match to_raw_value(&self.text) {
            Ok(data) => Outcome { code: self.code, data, detail: self.detail }.into_response(self.status),
            Err(_) => self.status.into_response(),
        }
    }
}

impl IntoResponses for Failure {
    /// What any call may fail with, for the OpenAPI document.
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        const TABLE: [(&str, &str); 6] = [
            ("400", "\"1002\": a parameter is wrong, or what it names is not there or not online."),
            ("401", "\"1000\": the sign is missing or wrong."),
            ("405", "\"1002\": the path has no such method."),
            ("408", "\"1003\": the device or the media server did not do it, or not in time."),
            ("500", "\"1001\": the store failed. \"1003\": the gateway did."),
            ("503", "\"1003\": busy, or policy cannot decide; trying again may help."),
        ];
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Envelope_String"))).build();
        TABLE
            .map(|(status, what)| {
                let response = response::ResponseBuilder::new().description(what);
                let response = response.content("application/json", content.clone()).build();
                (status.to_owned(), RefOr::T(response))
            })
            .into()
    }
}

/// An answer without its envelope. It travels to [`super::seal`] in the response's extensions, since only
/// the seal knows the request's id.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) code: Code,
    pub(super) data: Box<RawValue>,
    /// What the log has in place of the text.
    pub(super) detail: Option<String>,
}

impl Outcome {
    fn into_response(self, status: StatusCode) -> Response {
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media, plugin, store};

    /// The table's lines for some errors: code, status, text, with `…` for the error's own words.
    fn lines<E: Into<Failure> + std::fmt::Display>(errors: impl IntoIterator<Item = E>) -> String {
        let lines = errors.into_iter().map(|error| {
            let own_words = format!("({error})");
            let Failure { code, status, text, .. } = error.into();
            format!("{} {} {}", code.as_str(), status.as_u16(), text.replace(&own_words, "(…)"))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_gateway_error_has_its_line() {
        use gateway::Error;
        let text = || "text".to_owned();
        let errors = [
            Error::AlreadyRecording(text()),
            Error::BadAnswer("has no SDP"),
            Error::BadParameter(text()),
            Error::Busy,
            Error::ChannelOff(text()),
            Error::Denied(text()),
            Error::Internal(text()),
            Error::LateFile,
            media::Error::NotFound { api: "openRtpServer", message: text() }.into(),
            Error::Offline(text()),
            plugin::Error { plugin: text(), fault: plugin::Fault::HostCalls }.into(),
            Error::Refused(486),
            Error::Storage(store::Error::Closed),
            Error::TimedOut,
            Error::UnknownDevice(text()),
            Error::UnknownRecording(text()),
            Error::UnknownStream(text()),
            Error::Unreachable,
            Error::Withdrawn,
        ];
        insta::assert_snapshot!(lines(errors), @"
        1002 400 视频流正在录制 (…)
        1003 408 设备应答错误 (…)
        1002 400 参数错误 (…)
        1003 503 系统繁忙 (…)
        1002 400 通道设备离线 (…)
        1000 401 text
        1003 500 系统错误 (internal error)
        1003 408 录制文件未就绪 (…)
        1003 408 流媒体服务错误 (media server: openRtpServer: not found)
        1002 400 用户设备已掉线 (…)
        1003 503 策略无法判定 (policy cannot decide)
        1003 408 设备拒绝 (…)
        1001 500 数据库错误 (storage failed)
        1003 408 请求超时 (…)
        1002 400 设备不存在 (…)
        1002 400 录制不存在 (…)
        1002 400 视频流不存在 (…)
        1003 408 设备连接已断开 (…)
        1003 408 视频流在设备应答前已关闭 (…)
        ");
    }

    #[test]
    fn what_the_caller_is_not_told_is_for_the_log() {
        let failure = Failure::from(gateway::Error::Storage(store::Error::Closed));
        assert_eq!(failure.text, "数据库错误 (storage failed)");
        assert_eq!(failure.detail.as_deref(), Some("storage: the store is closed"));
        assert_eq!(Failure::from(gateway::Error::Busy).detail, None);
    }

    #[test]
    fn what_cannot_be_decoded_is_the_caller_s_fault() {
        use request::Error;
        let texts =
            [Error::Escape("query"), Error::Missing("pwd"), Error::Repeated("pwd"), Error::Utf8("path")]
                .map(|error| Failure::from(error).text);
        insta::assert_snapshot!(texts.join("\n"), @"
        参数错误 (bad percent escape in the query)
        参数错误 (pwd is missing)
        参数错误 (pwd is given more than once)
        参数错误 (the path is not UTF-8)
        ");
        assert_eq!(lines([Error::Missing("pwd")]), "1002 400 参数错误 (…)");
    }

    #[test]
    fn no_route_is_the_caller_s_fault() {
        let lines = [Failure::path(), Failure::method()].map(|Failure { code, status, text, .. }| {
            format!("{} {} {text}", code.as_str(), status.as_u16())
        });
        insta::assert_snapshot!(lines.join("\n"), @"
        1002 404 没有这个接口 (no such path)
        1002 405 请求方法错误 (method not allowed)
        ");
    }
}

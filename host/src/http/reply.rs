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
    /// "0" for success; what else there is says the list of failures.
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

/// gosip's codes. Each has the status that stands in the contract's table; where none of them says
/// it well (404, 405, 500, 503), a [`Failure`] carries a status of its own.
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

    /// The HTTP status that goes with it.
    fn status(self) -> StatusCode {
        match self {
            Self::Success => StatusCode::OK,
            Self::Sign => StatusCode::UNAUTHORIZED,
            Self::Storage => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Parameter => StatusCode::BAD_REQUEST,
            Self::Undone => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Data<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        match to_raw_value(&self.0) {
            Ok(data) => Outcome { code: Code::Success, data }.into_response(StatusCode::OK),
            Err(error) => Failure::from(gateway::Error::Internal(error.to_string())).into_response(),
        }
    }
}

/// An answer that says what went wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) status: StatusCode,
    /// For the caller: Chinese as gosip's clients know it, English beside.
    pub(super) text: String,
}

impl Failure {
    /// There is no such path.
    pub(super) fn path() -> Self {
        let text = "没有这个接口 (no such path)".to_owned();
        Self { code: Code::Parameter, status: StatusCode::NOT_FOUND, text }
    }

    /// The path is there, the method is not. `Allow` is for whoever knows the path to add.
    pub(super) fn method() -> Self {
        let text = "请求方法错误 (method not allowed)".to_owned();
        Self { code: Code::Parameter, status: StatusCode::METHOD_NOT_ALLOWED, text }
    }

    fn new(code: Code, text: String) -> Self {
        Self { code, status: code.status(), text }
    }

    fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<gateway::Error> for Failure {
    /// The table. Codes that say less than their status: `Busy`, `Internal` and `Policy` are 1003, since
    /// 1002 would blame the caller and 1000 its sign; 503 tells that trying again may help.
    fn from(error: gateway::Error) -> Self {
        use gateway::Error;
        match error {
            Error::BadAnswer(_) => Self::new(Code::Undone, format!("设备应答错误 (bad answer): {error}")),
            Error::BadParameter(name) => {
                Self::new(Code::Parameter, format!("参数错误 (bad parameter): {name}"))
            }
            Error::Busy => Self::new(Code::Undone, "系统繁忙 (busy, try again)".to_owned())
                .with_status(StatusCode::SERVICE_UNAVAILABLE),
            Error::ChannelOff(id) => {
                Self::new(Code::Parameter, format!("通道设备离线 (the channel is off): {id}"))
            }
            Error::Denied(text) => Self::new(Code::Sign, text),
            Error::Internal(text) => Self::new(Code::Undone, format!("系统错误 (internal error): {text}"))
                .with_status(StatusCode::INTERNAL_SERVER_ERROR),
            Error::Media(source) => {
                Self::new(Code::Undone, format!("流媒体服务错误 (media server): {source}"))
            }
            Error::Offline(id) => {
                Self::new(Code::Parameter, format!("用户设备已掉线 (the device is offline): {id}"))
            }
            Error::Policy(source) => {
                Self::new(Code::Undone, format!("策略无法判定 (policy cannot decide): {source}"))
                    .with_status(StatusCode::SERVICE_UNAVAILABLE)
            }
            Error::Refused(status) => {
                Self::new(Code::Undone, format!("设备拒绝 (the device refused): {status}"))
            }
            Error::Storage(source) => Self::new(Code::Storage, format!("数据库错误 (storage): {source}")),
            Error::TimedOut => Self::new(Code::Undone, "请求超时 (timed out)".to_owned()),
            Error::UnknownDevice(id) => {
                Self::new(Code::Parameter, format!("设备不存在 (no such device): {id}"))
            }
            Error::UnknownStream(id) => {
                Self::new(Code::Parameter, format!("视频流不存在 (no such stream): {id}"))
            }
        }
    }
}

impl From<request::Error> for Failure {
    fn from(error: request::Error) -> Self {
        Self::new(Code::Parameter, format!("参数错误 (bad parameter): {error}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match to_raw_value(&self.text) {
            Ok(data) => Outcome { code: self.code, data }.into_response(self.status),
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
            ("405", "\"1002\": the method is not GET."),
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

    /// The table's lines for some errors: code, status, text.
    fn lines(errors: impl IntoIterator<Item: Into<Failure>>) -> String {
        let lines = errors.into_iter().map(|error| {
            let Failure { code, status, text } = error.into();
            format!("{} {} {text}", code.as_str(), status.as_u16())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_gateway_error_has_its_line() {
        use gateway::Error;
        let text = || "text".to_owned();
        let id = || "37070000081318000001".to_owned();
        let errors = [
            Error::BadParameter(text()),
            Error::Busy,
            Error::ChannelOff(id()),
            Error::Denied(text()),
            Error::Internal(text()),
            Error::Media(text()),
            Error::Offline(id()),
            Error::Policy(text()),
            Error::Refused(486),
            Error::Storage(text()),
            Error::TimedOut,
            Error::UnknownDevice(id()),
            Error::UnknownStream(text()),
        ];
        insta::assert_snapshot!(lines(errors), @"
        1002 400 参数错误 (bad parameter): text
        1003 503 系统繁忙 (busy, try again)
        1002 400 通道设备离线 (the channel is off): 37070000081318000001
        1000 401 text
        1003 500 系统错误 (internal error): text
        1003 408 流媒体服务错误 (media server): text
        1002 400 用户设备已掉线 (the device is offline): 37070000081318000001
        1003 503 策略无法判定 (policy cannot decide): text
        1003 408 设备拒绝 (the device refused): 486
        1001 500 数据库错误 (storage): text
        1003 408 请求超时 (timed out)
        1002 400 设备不存在 (no such device): 37070000081318000001
        1002 400 视频流不存在 (no such stream): text
        ");
    }

    #[test]
    fn what_cannot_be_decoded_is_the_caller_s_fault() {
        use request::Error;
        let errors =
            [Error::Escape("query"), Error::Missing("pwd"), Error::Repeated("pwd"), Error::Utf8("path")];
        insta::assert_snapshot!(lines(errors), @"
        1002 400 参数错误 (bad parameter): bad percent escape in the query
        1002 400 参数错误 (bad parameter): pwd is missing
        1002 400 参数错误 (bad parameter): pwd is given more than once
        1002 400 参数错误 (bad parameter): the path is not UTF-8
        ");
    }

    #[test]
    fn no_route_is_the_caller_s_fault() {
        insta::assert_snapshot!(lines([Failure::path(), Failure::method()]), @"
        1002 404 没有这个接口 (no such path)
        1002 405 请求方法错误 (method not allowed)
        ");
    }
}

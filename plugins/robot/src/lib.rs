//! What the chat robots have in common: which events are worth a message, and what it says.
//!
//! A robot takes some twenty messages a minute, so that by default only what a person wants to know is told: a device
//! that registers, one that goes silent, a finished recording.

#[cfg(not(target_family = "wasm"))]
pub mod samples;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::Value;
use sluice_sdk::notify::{Answer, Event, HttpRequest};

/// What every robot can be configured with.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wording {
    /// The methods that are told.
    pub methods: Vec<String>,
    /// Whether `users.active` and `devices.active` are told for every status; else only for those that are not well.
    pub all_statuses: bool,
    /// Stands before each message. A robot that is set to want a keyword finds it here.
    pub title: String,
}

impl Default for Wording {
    fn default() -> Self {
        let methods = ["users.regiester", "users.active", "records.stop"].map(ToOwned::to_owned).to_vec();
        Self { methods, all_statuses: false, title: "sluice".into() }
    }
}

impl Wording {
    /// The message that tells `event`; none where it is not worth one.
    ///
    /// Errors: the event's data is not JSON.
    pub fn message(&self, event: &Event) -> Result<Option<String>, String> {
        if !self.methods.contains(&event.method) {
            return Ok(None);
        }
        let data: Value = serde_json::from_str(&event.data)
            .map_err(|error| format!("the event's data is not JSON: {error}"))?;
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let said = match event.method.as_str() {
            "users.regiester" => {
                format!("设备注册 registered: {} {} {}", text("deviceid"), text("name"), text("raddr"))
            }
            "users.active" | "devices.active" => {
                let status = text("status");
                if is_well(&status) && !self.all_statuses {
                    return Ok(None);
                }
                format!("{} {}: {}", noun(&event.method), status_words(&status), text("deviceid"))
            }
            "records.stop" => format!("录像完成 recorded: {} {}", text("stream"), text("url")),
            other => format!("{other}: {}", event.data),
        };
        Ok(Some(format!("[{}] {}", self.title, said.trim_end())))
    }
}

/// A POST with a JSON body.
///
/// Errors: none that a message can cause.
pub fn post(body: &Value, query: Vec<(String, String)>) -> Result<Vec<HttpRequest>, String> {
    Ok(vec![HttpRequest {
        method: "POST".into(),
        headers: vec![("Content-Type".into(), "application/json; charset=utf-8".into())],
        body: serde_json::to_vec(body).map_err(|error| error.to_string())?,
        query,
    }])
}

/// Whether the robot took a message: its service answers 200 to everything and says in the body, in the member
/// `code`, what it thinks; 0 is success.
///
/// Errors: what the service says where it did not take the message; it is worth a line of the log.
pub fn is_taken(answer: &Answer, code: &str, text: &str) -> Result<bool, String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body[code].as_i64() {
        Some(0) => Ok(answer.status == 200),
        Some(error) => {
            Err(format!("the robot's service says {error}: {}", body[text].as_str().unwrap_or_default()))
        }
        None => Err(format!("the robot's service answers {} without `{code}`", answer.status)),
    }
}

/// The code that the services want: standard Base64 (RFC 4648 §4) of what the host gives as hexadecimal digits.
///
/// Errors: these are no such digits.
pub fn base64(code: &str) -> Result<String, String> {
    let bytes = hex::decode(code).map_err(|error| format!("the host's code: {error}"))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

fn is_well(status: &str) -> bool {
    status.eq_ignore_ascii_case("ON") || status.eq_ignore_ascii_case("OK")
}

fn noun(method: &str) -> &'static str {
    if method == "users.active" { "设备 device" } else { "通道 channel" }
}

fn status_words(status: &str) -> String {
    if is_well(status) {
        "在线 online".into()
    } else if status.eq_ignore_ascii_case("OFF") {
        "离线 offline".into()
    } else {
        format!("状态 status {status}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: &str, data: &str) -> Event {
        Event { method: method.into(), data: data.into(), ..sluice_sdk::samples::event() }
    }

    fn said(wording: &Wording, method: &str, data: &str) -> Option<String> {
        wording.message(&event(method, data)).unwrap()
    }

    #[test]
    fn what_a_person_wants_to_know_is_said() {
        let wording = Wording::default();
        for (method, data, text) in [
            (
                "users.regiester",
                r#"{"deviceid":"37070000081118000001","name":"门口","raddr":"192.0.2.20:5060"}"#,
                "[sluice] 设备注册 registered: 37070000081118000001 门口 192.0.2.20:5060",
            ),
            ("users.active", r#"{"deviceid":"1","status":"OFF"}"#, "[sluice] 设备 device 离线 offline: 1"),
            (
                "users.active",
                r#"{"deviceid":"1","status":"ERROR"}"#,
                "[sluice] 设备 device 状态 status ERROR: 1",
            ),
            (
                "records.stop",
                r#"{"stream":"0BEBC201","url":"http://m/1.mp4"}"#,
                "[sluice] 录像完成 recorded: 0BEBC201 http://m/1.mp4",
            ),
        ] {
            assert_eq!(said(&wording, method, data).as_deref(), Some(text));
        }
    }

    #[test]
    fn keepalives_are_not_told_unless_wanted() {
        let well = r#"{"deviceid":"1","status":"ON"}"#;
        assert_eq!(said(&Wording::default(), "users.active", well), None);
        assert_eq!(said(&Wording::default(), "devices.active", r#"{"status":"OFF"}"#), None);
        let all = Wording { all_statuses: true, methods: vec!["devices.active".into()], title: "t".into() };
        assert_eq!(said(&all, "devices.active", well).as_deref(), Some("[t] 通道 channel 在线 online: 1"));
        assert_eq!(said(&all, "users.active", well), None);
    }

    #[test]
    fn data_that_is_not_json_is_an_error() {
        let error = Wording::default().message(&event("users.active", "{")).unwrap_err();
        assert!(error.starts_with("the event's data is not JSON: "), "{error}");
    }

    #[test]
    fn the_service_says_whether_it_took_a_message() {
        let answer = |status, body: &str| Answer { index: 0, status, body: body.into() };
        let taken = |status, body| is_taken(&answer(status, body), "errcode", "errmsg");
        assert_eq!(taken(200, r#"{"errcode":0,"errmsg":"ok"}"#), Ok(true));
        assert_eq!(taken(500, r#"{"errcode":0,"errmsg":"ok"}"#), Ok(false));
        assert_eq!(
            taken(200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#),
            Err("the robot's service says 45009: api freq out of limit".into())
        );
        assert_eq!(taken(404, "<html>"), Err("the robot's service answers 404 without `errcode`".into()));
    }

    #[test]
    fn a_code_is_written_as_base64() {
        assert_eq!(base64("666f6f62").as_deref(), Ok("Zm9vYg=="));
        assert_eq!(base64("6g").unwrap_err(), "the host's code: Invalid character 'g' at position 1");
    }
}

//! The decisions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wit::exports::sluice::policy::notify::{Answer, Event, HttpRequest};

/// This plugin has nothing to configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

pub(crate) fn check_config(json: &str) -> Result<(), String> {
    serde_json::from_str::<Config>(json).map(drop).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Body<'a> {
    method: &'a str,
    /// Passed on as it came, to the byte.
    data: &'a RawValue,
}

/// `POST {"method":…,"data":…}`.
pub(crate) fn format(event: &Event) -> Result<HttpRequest, String> {
    let data = serde_json::from_str(&event.data)
        .map_err(|error| format!("the event's data is not JSON: {error}"))?;
    let body =
        serde_json::to_vec(&Body { method: &event.method, data }).map_err(|error| error.to_string())?;
    Ok(HttpRequest {
        method: "POST".into(),
        headers: vec![("Content-Type".into(), "application/json".into())],
        body,
        query: Vec::new(),
    })
}

/// A receiver takes an event by a success and the body `ok`. Space around it is forgiven, since frameworks add
/// line ends, and so are its case and quotation marks, since some write every text as JSON.
pub(crate) fn is_accepted(answer: &Answer) -> bool {
    let body = answer.body.trim_ascii();
    let bare = body.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(body);
    (200..300).contains(&answer.status) && bare.eq_ignore_ascii_case(b"ok")
}

/// One event, told and taken.
pub(crate) fn self_test() -> Result<(), String> {
    let request = format(&sample(r#"{"time":1}"#))?;
    let body = String::from_utf8_lossy(&request.body);
    if body != r#"{"method":"users.active","data":{"time":1}}"# {
        return Err(format!("the body is `{body}`"));
    }
    let taken = is_accepted(&Answer { index: 0, status: 200, body: b"ok".to_vec() });
    if taken { Ok(()) } else { Err("`ok` does not count".into()) }
}

fn sample(data: &str) -> Event {
    Event {
        id: "1".into(),
        method: "users.active".into(),
        time: 1_618_043_462,
        data: data.into(),
        url: "http://192.0.2.7/notify".into(),
        attributes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(status: u16, body: &str) -> bool {
        is_accepted(&Answer { index: 0, status, body: body.into() })
    }

    #[test]
    fn the_body_names_the_method_and_carries_the_data_unchanged() {
        let data = r#"{"status":"ON","deviceid":"37070000081118000001", "time":1.0}"#;
        let expected = HttpRequest {
            method: "POST".into(),
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: format!(r#"{{"method":"users.active","data":{data}}}"#).into_bytes(),
            query: vec![],
        };
        assert_eq!(format(&sample(data)), Ok(expected));
    }

    #[test]
    fn data_that_is_not_json_cannot_be_told() {
        let error = format(&sample("{")).unwrap_err();
        assert!(error.starts_with("the event's data is not JSON: "), "{error}");
    }

    #[test]
    fn a_receiver_takes_an_event_by_ok() {
        for body in ["ok", "ok\r\n", " OK ", "\"ok\""] {
            assert!(taken(200, body), "{body:?}");
        }
        assert!(taken(204, "ok"));
        for body in ["", "okay", "not ok", "{\"msg\":\"ok\"}", "\"ok"] {
            assert!(!taken(200, body), "{body:?}");
        }
        for status in [199, 302, 404, 500] {
            assert!(!taken(status, "ok"), "{status}");
        }
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert_eq!(check_config("{}"), Ok(()));
        assert!(check_config(r#"{"url":"x"}"#).is_err());
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(self_test(), Ok(()));
    }
}

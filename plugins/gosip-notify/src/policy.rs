//! The decisions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice_sdk::{
    Key, Notify, Policy,
    notify::{Answer, Event, HttpRequest},
    samples::event,
};

/// This plugin has nothing to configure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GosipNotify {}

impl Notify for GosipNotify {
    fn format(&self, event: &Event, _: Key<'_>) -> Result<Vec<HttpRequest>, String> {
        post(event).map(|request| vec![request])
    }

    /// A receiver takes an event by a success and the body `ok`. Space around it is forgiven, since frameworks add
    /// line ends, and so are its case and quotation marks, since some write every text as JSON.
    fn accepted(&self, _: &Event, answer: &Answer) -> Result<bool, String> {
        let body = answer.body.trim_ascii();
        let bare = body.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(body);
        Ok((200..300).contains(&answer.status) && bare.eq_ignore_ascii_case(b"ok"))
    }
}

impl Policy for GosipNotify {
    /// One event, told and taken.
    fn self_test(&self) -> Result<(), String> {
        let event = sample(r#"{"time":1}"#);
        let request = post(&event)?;
        let body = String::from_utf8_lossy(&request.body);
        if body != r#"{"method":"users.active","data":{"time":1}}"# {
            return Err(format!("the body is `{body}`"));
        }
        let taken = self.accepted(&event, &Answer { index: 0, status: 200, body: b"ok".to_vec() })?;
        if taken { Ok(()) } else { Err("`ok` does not count".into()) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    method: &'a str,
    /// Passed on as it came, to the byte.
    data: &'a RawValue,
}

/// `POST {"method":…,"data":…}`.
fn post(event: &Event) -> Result<HttpRequest, String> {
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

fn sample(data: &str) -> Event {
    Event { data: data.into(), ..event() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(status: u16, body: &str) -> bool {
        GosipNotify {}.accepted(&sample("{}"), &Answer { index: 0, status, body: body.into() }).unwrap()
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
        assert_eq!(post(&sample(data)), Ok(expected));
    }

    #[test]
    fn data_that_is_not_json_cannot_be_told() {
        let error = post(&sample("{")).unwrap_err();
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
        assert!(sluice_sdk::configured::<GosipNotify>("{}").is_ok());
        assert!(sluice_sdk::configured::<GosipNotify>(r#"{"url":"x"}"#).is_err());
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(GosipNotify {}.self_test(), Ok(()));
    }
}

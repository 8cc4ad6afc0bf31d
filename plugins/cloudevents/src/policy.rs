//! The decisions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice_sdk::{
    Algorithm, Key, Notify, Policy,
    notify::{Event, HttpRequest},
};

/// `[plugins.config.cloudevents]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CloudEvents {
    /// The attribute `source`, a URI reference that names this gateway.
    source: String,
    /// What stands before gosip's method in the attribute `type`.
    type_prefix: String,
}

impl Default for CloudEvents {
    fn default() -> Self {
        Self { source: "/sluice".into(), type_prefix: "sluice.".into() }
    }
}

/// The event format's members (CloudEvents JSON §3).
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    /// Passed on as it came, to the byte.
    data: &'a RawValue,
}

/// What an event's data says it is about.
#[derive(Deserialize)]
struct About {
    deviceid: Option<String>,
    stream: Option<String>,
}

impl Policy for CloudEvents {
    fn prepare(&mut self) -> Result<(), String> {
        if self.source.is_empty() { Err("`source` is empty; CloudEvents wants one".into()) } else { Ok(()) }
    }
}

impl Notify for CloudEvents {
    fn format(&self, event: &Event, key: Key<'_>) -> Result<Vec<HttpRequest>, String> {
        let body = serde_json::to_vec(&self.envelope(event)?).map_err(|error| error.to_string())?;
        let signature = signature(&body, key)?;
        Ok(vec![HttpRequest {
            method: "POST".into(),
            headers: vec![
                ("Content-Type".into(), "application/cloudevents+json; charset=utf-8".into()),
                ("Sluice-Signature".into(), signature),
            ],
            body,
            query: Vec::new(),
        }])
    }
}

impl CloudEvents {
    fn envelope<'a>(&'a self, event: &'a Event) -> Result<Envelope<'a>, String> {
        let no_json = |error: serde_json::Error| format!("the event's data is not JSON: {error}");
        let data: &RawValue = serde_json::from_str(&event.data).map_err(no_json)?;
        let about: About = serde_json::from_str(data.get()).map_err(no_json)?;
        let seconds = i64::try_from(event.time).map_err(|_| "the event's time is no time")?;
        let time = Timestamp::from_second(seconds).map_err(|error| error.to_string())?;
        Ok(Envelope {
            specversion: "1.0",
            id: &event.id,
            source: &self.source,
            r#type: format!("{}{}", self.type_prefix, event.method),
            subject: about.deviceid.or(about.stream),
            time: time.to_string(),
            datacontenttype: "application/json",
            data,
        })
    }
}

fn signature(body: &[u8], key: Key<'_>) -> Result<String, String> {
    let time = sluice_sdk::now() / 1000;
    let signed = [time.to_string().as_bytes(), b".", body].concat();
    Ok(format!("t={time},v1={}", key.hmac(Algorithm::Sha256, &signed)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_sdk::testing::set_now;

    fn event(data: &str) -> Event {
        Event { id: "17".into(), data: data.into(), ..sluice_sdk::samples::event() }
    }

    fn told(data: &str) -> Result<Vec<HttpRequest>, String> {
        set_now(1_618_043_470_500);
        let code = |_: Algorithm, data: &[u8]| Ok(format!("over {} bytes", data.len()));
        CloudEvents::default().format(&event(data), Key::stand_in(&code))
    }

    #[test]
    fn an_event_is_a_cloud_event_with_a_signature() {
        let data = r#"{"deviceid":"37070000081118000001", "status":"ON","time":1618043462}"#;
        let body = format!(
            r#"{{"specversion":"1.0","id":"17","source":"/sluice","type":"sluice.users.active","subject":"37070000081118000001","time":"2021-04-10T08:31:02Z","datacontenttype":"application/json","data":{data}}}"#
        );
        let signature = format!("t=1618043470,v1=over {} bytes", "1618043470.".len() + body.len());
        let expected = HttpRequest {
            method: "POST".into(),
            headers: vec![
                ("Content-Type".into(), "application/cloudevents+json; charset=utf-8".into()),
                ("Sluice-Signature".into(), signature),
            ],
            body: body.into_bytes(),
            query: vec![],
        };
        assert_eq!(told(data), Ok(vec![expected]));
    }

    #[test]
    fn what_is_about_nothing_has_no_subject() {
        let body = told("{}").unwrap().remove(0).body;
        let envelope: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(envelope.get("subject"), None);
    }

    #[test]
    fn data_that_is_not_json_cannot_be_told() {
        let error = told("{").unwrap_err();
        assert!(error.starts_with("the event's data is not JSON: "), "{error}");
    }

    #[test]
    fn an_empty_source_is_refused() {
        let mut policy = CloudEvents { source: String::new(), ..CloudEvents::default() };
        assert_eq!(policy.prepare(), Err("`source` is empty; CloudEvents wants one".into()));
    }
}

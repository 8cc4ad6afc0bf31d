//! `notify.format`: an event, to requests; `notify.accepted`: what the receiver answered, to yes or no.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::plugin::{
    Error, Plugin, Role, Secret,
    notify::{self, HttpRequest},
};

use super::row::{Question, attributes};

/// An event to be told.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Format {
    /// `http.secret`.
    key: String,
    event: Event,
}

/// An event that was told, and what the receiver answered.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Accepted {
    event: Event,
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Event {
    id: String,
    method: String,
    time: u64,
    /// A JSON text.
    data: String,
    url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Answer {
    index: u32,
    status: u16,
    body: String,
}

impl Default for Format {
    fn default() -> Self {
        Self { key: "s3cret".into(), event: Event::default() }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self {
            id: "1".into(),
            method: "users.active".into(),
            time: 1_618_043_462,
            data: r#"{"deviceid":"37070000081118000001","status":"ON","time":1618043462}"#.into(),
            url: "http://192.0.2.9/notify".into(),
            attributes: BTreeMap::new(),
        }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self { index: 0, status: 200, body: "ok".into() }
    }
}

impl Event {
    fn record(&self) -> notify::Event {
        notify::Event {
            id: self.id.clone(),
            method: self.method.clone(),
            time: self.time,
            data: self.data.clone(),
            url: self.url.clone(),
            attributes: attributes(&self.attributes),
        }
    }
}

impl Question for Format {
    const ROLE: Role = Role::Notify;
    const FUNCTION: &'static str = "format";
    type Asked = (notify::Event, Secret);
    type Answer = Vec<Expected>;

    fn asked(&self) -> Result<Self::Asked, String> {
        Ok((self.event.record(), Secret::new(&*self.key)))
    }

    fn ask((event, key): &Self::Asked, plugin: &Plugin) -> Result<Vec<Expected>, Error> {
        Ok(plugin.format(event, key)?.into_iter().map(Expected::from).collect())
    }
}

impl Question for Accepted {
    const ROLE: Role = Role::Notify;
    const FUNCTION: &'static str = "accepted";
    type Asked = (notify::Event, notify::Answer);
    type Answer = bool;

    fn asked(&self) -> Result<Self::Asked, String> {
        let Answer { index, status, body } = &self.answer;
        let answer = notify::Answer { index: *index, status: *status, body: body.clone().into() };
        Ok((self.event.record(), answer))
    }

    fn ask((event, answer): &Self::Asked, plugin: &Plugin) -> Result<bool, Error> {
        plugin.accepted(event, answer)
    }
}

/// A request. Of its headers and of its query, those that are named have to be as they are named.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    method: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
    query: Option<BTreeMap<String, String>>,
}

impl From<HttpRequest> for Expected {
    fn from(HttpRequest { method, headers, body, query }: HttpRequest) -> Self {
        Self {
            method: Some(method),
            headers: Some(headers.into_iter().collect()),
            body: Some(String::from_utf8_lossy(&body).into_owned()),
            query: Some(query.into_iter().collect()),
        }
    }
}

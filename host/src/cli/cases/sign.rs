//! `sign.check`: a request and the operator's key, to a verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::plugin::{
    Error, Plugin, Role, Secret,
    sign::{Request, Verdict},
};

use super::{
    row::{Question, attributes, pairs},
    words::Subject,
};

/// A call, a playback or a publish.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Check {
    /// `http.secret`.
    key: String,
    subject: Subject,
    method: String,
    path: String,
    /// As it stands in a URL, encoded.
    query: String,
    source: String,
    stream: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            key: "s3cret".into(),
            subject: Subject::Api,
            method: "GET".into(),
            path: "/users".into(),
            query: String::new(),
            source: "192.0.2.7".into(),
            stream: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl Question for Check {
    const ROLE: Role = Role::Sign;
    const FUNCTION: &'static str = "check";
    type Asked = (Request, Secret);
    type Answer = Expected;

    fn asked(&self) -> Result<Self::Asked, String> {
        let request = Request {
            subject: self.subject.into(),
            method: self.method.clone(),
            path: self.path.clone(),
            query: pairs(&self.query)?,
            source: self.source.clone(),
            stream: self.stream.clone(),
            attributes: attributes(&self.attributes),
        };
        Ok((request, Secret::new(&*self.key)))
    }

    fn ask((request, key): &Self::Asked, plugin: &Plugin) -> Result<Expected, Error> {
        plugin.check_sign(request, key).map(Expected::from)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Allow,
    /// With this text.
    Refuse(String),
}

impl From<Verdict> for Expected {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Refuse(text) => Self::Refuse(text),
        }
    }
}

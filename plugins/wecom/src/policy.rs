//! The decisions.

use robot::Wording;
use serde::Deserialize;
use serde_json::json;
use sluice_sdk::{
    Key, Notify, Policy,
    notify::{Answer, Event, HttpRequest},
};

/// `[plugins.config.wecom]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WeCom {
    /// What is said.
    wording: Wording,
}

impl Policy for WeCom {}

impl Notify for WeCom {
    fn format(&self, event: &Event, _: Key<'_>) -> Result<Vec<HttpRequest>, String> {
        let Some(message) = self.wording.message(event)? else { return Ok(Vec::new()) };
        robot::post(&json!({ "msgtype": "text", "text": { "content": message } }), Vec::new())
    }

    fn accepted(&self, _: &Event, answer: &Answer) -> Result<bool, String> {
        robot::is_taken(answer, "errcode", "errmsg")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use robot::samples;

    #[test]
    fn a_message_is_plain_text() {
        let requests = WeCom::default().format(&samples::offline(), samples::key()).unwrap();
        assert_eq!(
            samples::bodies(&requests),
            [json!({ "msgtype": "text", "text": { "content": samples::OFFLINE } })]
        );
        assert_eq!(requests[0].query, []);
    }

    #[test]
    fn a_keepalive_is_no_message() {
        assert_eq!(WeCom::default().format(&samples::online(), samples::key()), Ok(vec![]));
    }

    #[test]
    fn the_service_has_the_last_word() {
        let answer = |body: &str| Answer { index: 0, status: 200, body: body.into() };
        let taken = |body| WeCom::default().accepted(&samples::offline(), &answer(body));
        assert_eq!(taken(r#"{"errcode":0,"errmsg":"ok"}"#), Ok(true));
        assert!(taken(r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#).is_err());
    }
}

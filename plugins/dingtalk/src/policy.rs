//! The decisions.

use robot::Wording;
use serde::Deserialize;
use serde_json::json;
use sluice_sdk::{
    Algorithm, Key, Notify, Piece, Policy,
    notify::{Answer, Event, HttpRequest},
};

/// `[plugins.config.dingtalk]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DingTalk {
    /// Whether the robot wants its messages signed (加签).
    signed: bool,
    /// What is said.
    wording: Wording,
}

impl Policy for DingTalk {}

impl Notify for DingTalk {
    fn format(&self, event: &Event, key: Key<'_>) -> Result<Vec<HttpRequest>, String> {
        let Some(message) = self.wording.message(event)? else { return Ok(Vec::new()) };
        let query = if self.signed { signature(key)? } else { Vec::new() };
        robot::post(&json!({ "msgtype": "text", "text": { "content": message } }), query)
    }

    fn accepted(&self, _: &Event, answer: &Answer) -> Result<bool, String> {
        robot::is_taken(answer, "errcode", "errmsg")
    }
}

/// DingTalk signs a text that holds the key, under the key: the time in milliseconds, a line end, the key.
fn signature(key: Key<'_>) -> Result<Vec<(String, String)>, String> {
    let time = sluice_sdk::now().to_string();
    let line = format!("{time}\n");
    let text = [Piece::Bytes(line.as_bytes()), Piece::Key];
    let code = key.hmac_of(Algorithm::Sha256, &[Piece::Key], &text)?;
    Ok(vec![("timestamp".into(), time), ("sign".into(), robot::base64(&code)?)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use robot::samples;

    #[test]
    fn a_message_is_plain_text() {
        let requests = DingTalk::default().format(&samples::offline(), samples::key()).unwrap();
        assert_eq!(
            samples::bodies(&requests),
            [json!({ "msgtype": "text", "text": { "content": samples::OFFLINE } })]
        );
        assert_eq!(requests[0].query, []);
    }

    #[test]
    fn a_signed_message_has_time_and_sign_in_its_query() {
        sluice_sdk::testing::set_now(1_618_043_462_000);
        let signed = DingTalk { signed: true, ..DingTalk::default() };
        let requests = signed.format(&samples::offline(), samples::key()).unwrap();
        let pairs = [("timestamp", "1618043462000"), ("sign", "3q0=")];
        assert_eq!(requests[0].query, pairs.map(|(name, value)| (name.into(), value.into())));
    }
}

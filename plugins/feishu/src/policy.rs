//! The decisions.

use robot::Wording;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_sdk::{
    Algorithm, Key, Notify, Piece, Policy,
    notify::{Answer, Event, HttpRequest},
};

/// `[plugins.config.feishu]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Feishu {
    /// Whether the robot wants its messages signed (签名校验).
    signed: bool,
    /// What is said.
    wording: Wording,
}

impl Policy for Feishu {}

impl Notify for Feishu {
    fn format(&self, event: &Event, key: Key<'_>) -> Result<Vec<HttpRequest>, String> {
        let Some(message) = self.wording.message(event)? else { return Ok(Vec::new()) };
        let mut body = json!({ "msg_type": "text", "content": { "text": message } });
        if self.signed {
            sign(&mut body, key)?;
        }
        robot::post(&body, Vec::new())
    }

    fn accepted(&self, _: &Event, answer: &Answer) -> Result<bool, String> {
        robot::is_taken(answer, "code", "msg")
    }
}

/// Feishu signs nothing, under more than the key: the time in seconds, a line end, the key.
fn sign(body: &mut Value, key: Key<'_>) -> Result<(), String> {
    let time = (sluice_sdk::now() / 1000).to_string();
    let line = format!("{time}\n");
    let secret = [Piece::Bytes(line.as_bytes()), Piece::Key];
    let code = key.hmac_of(Algorithm::Sha256, &secret, &[])?;
    body["timestamp"] = json!(time);
    body["sign"] = json!(robot::base64(&code)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use robot::samples;

    #[test]
    fn a_message_is_plain_text() {
        let requests = Feishu::default().format(&samples::offline(), samples::key()).unwrap();
        let expected = json!({ "msg_type": "text", "content": { "text": samples::OFFLINE } });
        assert_eq!(samples::bodies(&requests), [expected]);
    }

    #[test]
    fn a_signed_message_has_time_and_sign_in_its_body() {
        sluice_sdk::testing::set_now(1_618_043_462_000);
        let signed = Feishu { signed: true, ..Feishu::default() };
        let requests = signed.format(&samples::offline(), samples::key()).unwrap();
        let expected = json!({
            "msg_type": "text",
            "content": { "text": samples::OFFLINE },
            "timestamp": "1618043462",
            "sign": "3q0=",
        });
        assert_eq!(samples::bodies(&requests), [expected]);
    }

    #[test]
    fn the_service_has_the_last_word() {
        let answer = |body: &str| Answer { index: 0, status: 200, body: body.into() };
        let taken = |body| Feishu::default().accepted(&samples::offline(), &answer(body));
        assert_eq!(taken(r#"{"code":0,"msg":"success","data":{}}"#), Ok(true));
        assert!(taken(r#"{"code":11232,"msg":"frequency limited"}"#).is_err());
    }
}

//! What plugins were asked and answered, as text for operators, without the secrets that travel in it: Digest
//! responses, signs and tokens, the passwords that some events tell of, and the URLs of receivers, which hold keys.

use serde_json::Value;

use super::super::{
    auth::Registration,
    notify::{Answer, Event, HttpRequest},
    sign::Request,
    types::Attribute,
    vendor::Device,
};

/// What stands in a secret's place.
const BLANK: &str = "***";

/// A text longer than this many bytes is cut.
const LONGEST: usize = 4096;

/// What was blanked so far, so that it is found wherever else it stands.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

pub(super) fn registration(request: &Registration, secrets: &mut Secrets) -> String {
    let mut request = request.clone();
    if let Some(digest) = &mut request.digest {
        secrets.blank(&mut digest.response);
    }
    secrets.attributes(&mut request.attributes);
    format!("{request:?}")
}

pub(super) fn request(request: &Request, secrets: &mut Secrets) -> String {
    let mut request = request.clone();
    secrets.pairs(&mut request.query);
    secrets.attributes(&mut request.attributes);
    format!("{request:?}")
}

pub(super) fn event(event: &Event, secrets: &mut Secrets) -> String {
    let mut event = event.clone();
    event.url = secrets.url(&event.url);
    event.data = secrets.body(&event.data);
    secrets.attributes(&mut event.attributes);
    format!("{event:?}")
}

pub(super) fn device(device: &Device, secrets: &mut Secrets) -> String {
    let mut device = device.clone();
    secrets.attributes(&mut device.attributes);
    format!("{device:?}")
}

pub(super) fn received(told: &Event, answer: &Answer, secrets: &mut Secrets) -> String {
    let told = event(told, secrets);
    let body = secrets.body(&String::from_utf8_lossy(&answer.body));
    format!("{told}, answered {} {body}", answer.status)
}

pub(super) fn requests(requests: &[HttpRequest], secrets: &mut Secrets) -> String {
    let mut shown = Vec::new();
    for HttpRequest { method, mut headers, mut query, body } in requests.iter().cloned() {
        secrets.pairs(&mut headers);
        secrets.pairs(&mut query);
        let body = secrets.body(&String::from_utf8_lossy(&body));
        shown.push(format!("{method} query {query:?} headers {headers:?} body {body}"));
    }
    shown.join("; ")
}

impl Secrets {
    /// Shorter ones are blanked where they are named only: elsewhere they would blank half of the text.
    const SHORTEST: usize = 4;

    /// A text with all secrets taken out, however they are written, and cut to a length that can be shown.
    pub(super) fn out_of(&self, mut text: String) -> String {
        let mut written: Vec<String> = self.0.iter().flat_map(|secret| spellings(secret)).collect();
        // One may be part of another.
        written.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in written {
            text = text.replace(&secret, BLANK);
        }
        text.truncate(text.floor_char_boundary(LONGEST));
        text
    }

    fn note(&mut self, secret: &str) {
        if secret.len() >= Self::SHORTEST && secret != BLANK {
            self.0.push(secret.to_owned());
        }
    }

    fn blank(&mut self, secret: &mut String) {
        self.note(secret);
        BLANK.clone_into(secret);
    }

    fn pairs(&mut self, pairs: &mut [(String, String)]) {
        for (_, value) in pairs.iter_mut().filter(|(name, value)| names_secret(name) || is_opaque(value)) {
            self.blank(value);
        }
    }

    fn attributes(&mut self, attributes: &mut [Attribute]) {
        for attribute in attributes.iter_mut().filter(|attribute| names_secret(&attribute.name)) {
            self.blank(&mut attribute.value);
        }
    }

    /// Only where a URL leads: what follows may be a key.
    fn url(&mut self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        user.split(':').for_each(|part| self.note(part));
        for part in path.split(['/', '?', '&', '#']) {
            let (name, value) = part.split_once('=').unwrap_or(("", part));
            if names_secret(name) || is_opaque(value) {
                self.note(value);
            }
        }
        format!("{scheme}://{host}/{BLANK}")
    }

    /// JSON, the pairs of a form, or any text.
    fn body(&mut self, text: &str) -> String {
        if let Ok(mut value) = serde_json::from_str(text) {
            self.value(&mut value);
            return value.to_string();
        }
        let pairs = text.split('&').map(|pair| match pair.split_once('=') {
            Some((name, secret)) if names_secret(name) => {
                self.note(secret);
                format!("{name}={BLANK}")
            }
            _ => pair.to_owned(),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(secret) if names_secret(name) => self.blank(secret),
                        Value::Number(secret) if names_secret(name) => {
                            self.note(&secret.to_string());
                            *value = BLANK.into();
                        }
                        value => self.value(value),
                    }
                }
            }
            // Before it is written: a writer may escape what it likes.
            Value::String(text) => *text = self.out_of(std::mem::take(text)),
            Value::Bool(_) | Value::Null | Value::Number(_) => {}
        }
    }
}

/// How a secret may stand in a text: as it is, in JSON or a debug form, in a query.
fn spellings(secret: &str) -> [String; 4] {
    let inside = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
    let query = serde_urlencoded::to_string([("", secret)]).unwrap_or_default();
    [
        secret.to_owned(),
        inside(Value::from(secret).to_string()),
        inside(format!("{secret:?}")),
        query.trim_start_matches('=').to_owned(),
    ]
}

/// Whether a name says that its value is a secret.
fn names_secret(name: &str) -> bool {
    const PARTS: [&str; 9] = ["auth", "cookie", "cred", "digest", "key", "pass", "pwd", "secret", "sign"];
    const ENDS: [&str; 3] = ["mac", "token", "response"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part)) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a value looks like a hash or a key, under whatever name: a policy may call its sign as it likes.
fn is_opaque(value: &str) -> bool {
    let letters = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    value.len() >= 16 && letters && digits && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{
        auth::{Digest, NonceState},
        sign::Subject,
    };

    /// What is shown by `show`, whatever else was blanked in it.
    fn shown(show: impl FnOnce(&mut Secrets) -> String) -> String {
        let mut secrets = Secrets::default();
        let text = show(&mut secrets);
        secrets.out_of(text)
    }

    fn told(pwd: &str) -> Event {
        let data = serde_json::json!({
            "deviceid": "37070000081118000001", "pwd": pwd, "sysinfo": { "lid": "1" },
        });
        Event {
            id: "1".into(),
            method: "users.regiester".into(),
            time: 1,
            data: data.to_string(),
            url: "http://me:s3same@192.0.2.9:81/hook/9a7c1f0e55d24b1f?access_token=t0ken".into(),
            attributes: vec![],
        }
    }

    #[test]
    fn a_digest_response_is_not_shown() {
        let digest = Digest {
            username: "37070000081118000001".into(),
            realm: "r".into(),
            nonce: "n".into(),
            nonce_state: NonceState::Fresh,
            uri: "sip:a".into(),
            response: "4697d5ed".into(),
            algorithm: None,
            qop: None,
            nc: None,
            cnonce: None,
            opaque: None,
        };
        let request = Registration {
            device: "37070000081118000001".into(),
            realm: "r".into(),
            method: "REGISTER".into(),
            source: "192.0.2.7:5060".into(),
            transport: "UDP".into(),
            user_agent: None,
            digest: Some(digest),
            expires: 1,
            attributes: vec![],
        };
        let mut secrets = Secrets::default();
        let shown = registration(&request, &mut secrets);
        assert!(shown.contains("37070000081118000001") && !shown.contains("4697d5ed"), "{shown}");
        assert_eq!(secrets.out_of("no answer: 4697d5ed is wrong".into()), "no answer: *** is wrong");
    }

    #[test]
    fn a_call_is_shown_without_sign_and_password() {
        let query = [("pwd", "1"), ("name", "门"), ("sign", "d1a38e"), ("s", "0cc175b9c0f1b6a831c399e2")];
        let call = Request {
            subject: Subject::Api,
            method: "GET".into(),
            path: "/users".into(),
            query: query.map(|(name, value)| (name.into(), value.into())).to_vec(),
            source: "192.0.2.9".into(),
            stream: None,
            attributes: vec![],
        };
        let shown = shown(|secrets| request(&call, secrets));
        let expected = r#"[("pwd", "***"), ("name", "门"), ("sign", "***"), ("s", "***")]"#;
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn a_password_is_found_wherever_and_however_it_is_written() {
        for pwd in ["hunter2", r#"a"b\c d"#, "门 & +汉字", "\u{7f}tab\t"] {
            let request = HttpRequest {
                method: "POST".into(),
                headers: vec![("X-Note".into(), format!("for {pwd}"))],
                body: serde_json::json!({ "text": format!("new: {pwd}"), "nested": told(pwd).data })
                    .to_string()
                    .into_bytes(),
                query: vec![("timestamp".into(), "9".into())],
            };
            let form = serde_urlencoded::to_string([("note", pwd)]).unwrap();
            let form = HttpRequest { body: form.into_bytes(), ..request.clone() };
            let answer = Answer { index: 0, status: 200, body: format!("{pwd}?").into_bytes() };
            let all = shown(|secrets| {
                format!("{} {}", received(&told(pwd), &answer, secrets), requests(&[request, form], secrets))
            });
            for secret in spellings(pwd) {
                assert!(!all.contains(&secret), "{secret} in {all}");
            }
            assert!(all.contains("37070000081118000001") && all.contains("new: ***"), "{all}");
        }
    }

    #[test]
    fn of_a_url_only_its_host_is_shown() {
        let mut secrets = Secrets::default();
        let text = event(&told("hunter2"), &mut secrets);
        assert!(text.contains("\"http://192.0.2.9:81/***\""), "{text}");
        assert_eq!(secrets.out_of("s3same 9a7c1f0e55d24b1f t0ken hook".into()), "*** *** *** hook");
    }

    #[test]
    fn signs_that_requests_carry_are_not_shown() {
        let body = br#"{"timestamp":1,"sign":"kVq9/w==","content":{"text":"signed kVq9/w=="}}"#;
        let robot = HttpRequest {
            method: "POST".into(),
            headers: vec![
                ("X-Signature".into(), "51919c".into()),
                ("Content-Type".into(), "application/json".into()),
            ],
            body: body.to_vec(),
            query: vec![("timestamp".into(), "9".into())],
        };
        let form = HttpRequest { body: b"a=1&token=51919d&b=2".to_vec(), headers: vec![], ..robot.clone() };
        assert_eq!(
            shown(|secrets| requests(&[robot, form], secrets)),
            r#"POST query [("timestamp", "9")] headers [("X-Signature", "***"), ("Content-Type", "application/json")] body {"content":{"text":"signed ***"},"sign":"***","timestamp":1}; POST query [("timestamp", "9")] headers [] body a=1&token=***&b=2"#
        );
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(Secrets::default().out_of("汉".repeat(4096)).len(), 4095);
    }
}

//! The decisions.

use serde::Deserialize;
use sluice_sdk::{
    Algorithm, Key, Policy, Sign, same,
    sign::{Request, Subject, Verdict},
};

const EXPIRED: &str = "签名已过期 (sign has expired)";
const MISSING: &str = "缺少签名 (sign or expires is missing)";
const TOO_LONG: &str = "签名有效期过长 (expires is too far ahead)";
const WRONG: &str = "签名错误 (sign is wrong)";

/// `[plugins.config.hmac-sign]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HmacSign {
    /// Whether a sign counts only for the client address that it was made for. Off for clients behind changing
    /// addresses.
    bind_client: bool,
    /// How far ahead `expires` may lie, in seconds, so that nobody hands out signs for ever.
    max_age_secs: u64,
    /// How far the signer's clock may be behind, in seconds.
    leeway_secs: u64,
}

impl Default for HmacSign {
    fn default() -> Self {
        Self { bind_client: true, max_age_secs: 86_400, leeway_secs: 5 }
    }
}

impl Policy for HmacSign {
    fn self_test(&self) -> Result<(), String> {
        let query =
            [("b", "2 3"), ("sign", "x"), ("a", "ü")].map(|(name, value)| (name.into(), value.into()));
        let text = signed_text("GET", "/users", "", &query);
        let expected = "GET\n/users\n\na=%C3%BC&b=2%203";
        if text == expected { Ok(()) } else { Err(format!("the signed text is `{text}`")) }
    }
}

impl Sign for HmacSign {
    /// A publish has no sign: the host has checked already that the gateway asked for the stream.
    fn check(&self, request: &Request, key: Key<'_>) -> Result<Verdict, String> {
        if request.subject == Subject::Publish {
            return Ok(Verdict::Allow);
        }
        let (Some(sign), Some(expires)) = (single(request, "sign"), single(request, "expires")) else {
            return refuse(MISSING);
        };
        let client = if self.bind_client { &*request.source } else { "" };
        let text = signed_text(&request.method, &request.path, client, &request.query);
        if !same(sign, &key.hmac(Algorithm::Sha256, text.as_bytes())?) {
            return refuse(WRONG);
        }
        // Only a signer's own `expires` is worth a word about it.
        let Ok(expires) = expires.parse::<u64>() else { return refuse(MISSING) };
        let now = sluice_sdk::now() / 1000;
        if expires.saturating_add(self.leeway_secs) < now {
            refuse(EXPIRED)
        } else if expires > now.saturating_add(self.max_age_secs).saturating_add(self.leeway_secs) {
            refuse(TOO_LONG)
        } else {
            Ok(Verdict::Allow)
        }
    }
}

fn refuse(text: &str) -> Result<Verdict, String> {
    Ok(Verdict::Refuse(text.into()))
}

/// The value of `name` if the query has it once: of two it is not clear which is meant.
fn single<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request.query.iter().filter(|(key, _)| key == name).map(|(_, value)| &**value);
    values.next().filter(|value| !value.is_empty() && values.next().is_none())
}

fn signed_text(method: &str, path: &str, client: &str, query: &[(String, String)]) -> String {
    let pairs = query.iter().filter(|(name, _)| name != "sign");
    let mut pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.sort_unstable();
    format!("{method}\n{path}\n{client}\n{}", pairs.join("&"))
}

/// Percent-encoded, with only the unreserved characters left as they are (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_sdk::{samples::call, testing::set_now};

    const NOW: u64 = 1_700_000_000;

    /// Stands for HMAC: the text itself, with its line ends made visible.
    fn plain(_: Algorithm, text: &[u8]) -> Result<String, String> {
        Ok(String::from_utf8_lossy(text).replace('\n', "|"))
    }

    fn request(query: &[(&str, &str)]) -> Request {
        let query = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Request { query, ..call() }
    }

    fn check(policy: &HmacSign, request: &Request) -> Verdict {
        set_now(NOW * 1000);
        policy.check(request, Key::stand_in(&plain)).unwrap()
    }

    fn signed(expires: &str) -> Request {
        let sign = format!("GET|/users|192.0.2.7|expires={expires}");
        request(&[("expires", expires), ("sign", &sign)])
    }

    fn refused(text: &str) -> Verdict {
        Verdict::Refuse(text.into())
    }

    #[test]
    fn a_call_passes_with_its_own_sign_and_no_other() {
        let policy = HmacSign::default();
        let mut call = signed("1700000060");
        assert_eq!(check(&policy, &call), Verdict::Allow);
        call.path = "/users/1/delete".into();
        assert_eq!(check(&policy, &call), refused(WRONG));
        let mut call = signed("1700000060");
        call.query.push(("pwd".into(), "1".into()));
        assert_eq!(check(&policy, &call), refused(WRONG));
    }

    #[test]
    fn a_sign_counts_for_one_client_unless_the_operator_says_otherwise() {
        let mut call = signed("1700000060");
        call.source = "192.0.2.8".into();
        assert_eq!(check(&HmacSign::default(), &call), refused(WRONG));
        let roaming = HmacSign { bind_client: false, ..HmacSign::default() };
        let call = request(&[("expires", "1700000060"), ("sign", "GET|/users||expires=1700000060")]);
        assert_eq!(check(&roaming, &call), Verdict::Allow);
    }

    #[test]
    fn a_sign_ends_and_may_not_last_too_long() {
        let policy = HmacSign::default();
        for (expires, verdict) in [
            (NOW - 6, refused(EXPIRED)),
            (NOW - 5, Verdict::Allow),
            (NOW + 86_405, Verdict::Allow),
            (NOW + 86_406, refused(TOO_LONG)),
            (u64::MAX, refused(TOO_LONG)),
        ] {
            assert_eq!(check(&policy, &signed(&expires.to_string())), verdict, "{expires}");
        }
    }

    #[test]
    fn what_is_missing_doubled_or_no_number_is_refused() {
        let policy = HmacSign::default();
        for query in [
            &[][..],
            &[("sign", "GET|/users|192.0.2.7|")],
            &[("expires", "1700000060"), ("sign", "")],
            &[("expires", "1700000060"), ("expires", "1700000060"), ("sign", "x")],
            &[("expires", "soon"), ("sign", "GET|/users|192.0.2.7|expires=soon")],
        ] {
            assert_eq!(check(&policy, &request(query)), refused(MISSING), "{query:?}");
        }
    }

    #[test]
    fn names_and_values_are_encoded_so_that_none_can_pose_as_another() {
        let text = |query: &[(&str, &str)]| signed_text("GET", "/", "", &request(query).query);
        assert_eq!(text(&[("b", "1&c=2"), ("a", "é ~")]), "GET\n/\n\na=%C3%A9%20~&b=1%26c%3D2");
        assert_ne!(text(&[("a", "1"), ("b", "2")]), text(&[("a", "1&b=2")]));
    }

    #[test]
    fn a_publish_is_allowed() {
        let publish = Request { subject: Subject::Publish, ..request(&[]) };
        assert_eq!(check(&HmacSign::default(), &publish), Verdict::Allow);
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(HmacSign::default().self_test(), Ok(()));
    }
}

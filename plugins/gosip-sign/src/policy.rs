//! The decisions.
//!
//! ```text
//! sign = lowercase hex MD5( path + sorted "k=v" pairs joined by "&", without sign + secret )
//! ```
//!
//! Keys sort by bytes; pairs of one key keep the order they came in. A request with more than one `sign` is refused,
//! since it is not clear which is meant. The sign is compared as it stands: upper-case digits are another text.

use serde::Deserialize;
use sluice_sdk::{
    Algorithm, Key, Policy, Sign, same,
    samples::call,
    sign::{Request, Subject, Verdict},
};

const MISSING: &str = "缺少签名 (sign is missing)";
const WRONG: &str = "签名错误 (sign is wrong)";

/// This plugin has nothing to configure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GosipSign {}

impl Sign for GosipSign {
    /// A publish has no sign: the host has checked already that the gateway asked for the stream.
    fn check(&self, request: &Request, key: Key<'_>) -> Result<Verdict, String> {
        match request.subject {
            Subject::Api | Subject::Play => {}
            Subject::Publish => return Ok(Verdict::Allow),
        }
        let mut given = request.query.iter().filter(|(name, _)| name == "sign").map(|(_, value)| value);
        let Some(sign) = given.next().filter(|sign| !sign.is_empty()) else {
            return Ok(Verdict::Refuse(MISSING.into()));
        };
        let expected = key.digest(Algorithm::Md5, signed_text(request).as_bytes(), &[])?;
        let right = same(sign, &expected) && given.next().is_none();
        Ok(if right { Verdict::Allow } else { Verdict::Refuse(WRONG.into()) })
    }
}

impl Policy for GosipSign {
    /// A call with its text, and what becomes of it.
    fn self_test(&self) -> Result<(), String> {
        let query = [("token", "b"), ("sign", "right"), ("name", "a")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request = Request { query, ..call() };
        let text = signed_text(&request);
        if text != "/usersname=a&token=b" {
            return Err(format!("the signed text is `{text}`"));
        }
        let verdict = self.check(&request, Key::stand_in(&|_, _| Ok("wrong".into())))?;
        if verdict == Verdict::Allow { Err("a wrong sign is allowed".into()) } else { Ok(()) }
    }
}

/// What is signed, without the secret.
fn signed_text(request: &Request) -> String {
    let mut pairs: Vec<_> = request.query.iter().filter(|(name, _)| name != "sign").collect();
    pairs.sort_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{}", request.path, pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(subject: Subject, path: &str, query: &[(&str, &str)]) -> Request {
        let query = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Request { subject, path: path.into(), query, ..call() }
    }

    /// Stands for MD5: what was hashed is the sign.
    fn check(request: &Request) -> Result<Verdict, String> {
        let plain = |_, text: &[u8]| Ok(format!("{}+key", String::from_utf8_lossy(text)));
        GosipSign {}.check(request, Key::stand_in(&plain))
    }

    fn refused(text: &str) -> Result<Verdict, String> {
        Ok(Verdict::Refuse(text.into()))
    }

    #[test]
    fn pairs_sort_by_bytes_and_the_sign_is_left_out() {
        let query = [
            ("start", "1"),
            ("sign", "/devices/1/replayEnd=3&end=2&start=1+key"),
            ("end", "2"),
            ("End", "3"),
        ];
        let call = request(Subject::Api, "/devices/1/replay", &query);
        assert_eq!(check(&call), Ok(Verdict::Allow));
    }

    #[test]
    fn pairs_of_one_key_keep_their_order() {
        let call =
            request(Subject::Api, "/p", &[("k", "2"), ("sign", "/pa=&k=2&k=1+key"), ("k", "1"), ("a", "")]);
        assert_eq!(check(&call), Ok(Verdict::Allow));
    }

    #[test]
    fn a_call_without_pairs_signs_its_path() {
        let playback =
            request(Subject::Play, "/rtp/0BEBC200/hls.m3u8", &[("sign", "/rtp/0BEBC200/hls.m3u8+key")]);
        assert_eq!(check(&playback), Ok(Verdict::Allow));
    }

    #[test]
    fn no_sign_and_a_wrong_one_are_told_apart() {
        assert_eq!(check(&request(Subject::Api, "/p", &[])), refused(MISSING));
        assert_eq!(check(&request(Subject::Play, "/p", &[("sign", "")])), refused(MISSING));
        for wrong in ["/p+ke", "/p+keyy", "/p+kex", "/P+KEY", "x"] {
            assert_eq!(check(&request(Subject::Api, "/p", &[("sign", wrong)])), refused(WRONG), "{wrong}");
        }
    }

    #[test]
    fn two_signs_are_refused() {
        let call = request(Subject::Api, "/p", &[("sign", "/p+key"), ("sign", "/p+key")]);
        assert_eq!(check(&call), refused(WRONG));
    }

    #[test]
    fn a_publish_is_allowed() {
        assert_eq!(check(&request(Subject::Publish, "/p", &[])), Ok(Verdict::Allow));
    }

    #[test]
    fn without_a_key_there_is_no_decision() {
        let call = request(Subject::Api, "/p", &[("sign", "x")]);
        let check = GosipSign {}.check(&call, Key::stand_in(&|_, _| Err("no key".into())));
        assert_eq!(check, Err("no key".into()));
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert!(sluice_sdk::configured::<GosipSign>("{ }").is_ok());
        assert!(sluice_sdk::configured::<GosipSign>(r#"{"secret":"x"}"#).is_err());
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(GosipSign {}.self_test(), Ok(()));
    }
}

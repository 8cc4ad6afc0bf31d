//! The decisions.
//!
//! ```text
//! sign = lowercase hex MD5( path + sorted "k=v" pairs joined by "&", without sign + secret )
//! ```
//!
//! Keys sort by bytes; pairs of one key keep the order they came in. A request with more than one `sign` is refused,
//! since it is not clear which is meant. The sign is compared as it stands: upper-case digits are another text.

use crate::wit::exports::sluice::policy::sign::{Request, Subject, Verdict};

const MISSING: &str = "缺少签名 (sign is missing)";
const WRONG: &str = "签名错误 (sign is wrong)";

/// This plugin has nothing to configure.
pub(crate) fn check_config(json: &str) -> Result<(), String> {
    let inside = json.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inside.map(str::trim) {
        Some("") => Ok(()),
        _ => Err("this plugin has nothing to configure".into()),
    }
}

/// Decides on a request. `md5` asks the host for the lower-case hexadecimal MD5 of a text and the key after it.
///
/// A publish has no sign: the host has checked already that the gateway asked for the stream.
pub(crate) fn check(
    request: &Request,
    md5: impl Fn(&str) -> Result<String, String>,
) -> Result<Verdict, String> {
    match request.subject {
        Subject::Api | Subject::Play => {}
        Subject::Publish => return Ok(Verdict::Allow),
    }
    let mut given = request.query.iter().filter(|(name, _)| name == "sign").map(|(_, value)| value);
    let Some(sign) = given.next().filter(|sign| !sign.is_empty()) else {
        return Ok(Verdict::Refuse(MISSING.into()));
    };
    let right = same(sign, &md5(&signed_text(request))?) && given.next().is_none();
    Ok(if right { Verdict::Allow } else { Verdict::Refuse(WRONG.into()) })
}

/// What is signed, without the secret.
fn signed_text(request: &Request) -> String {
    let mut pairs: Vec<_> = request.query.iter().filter(|(name, _)| name != "sign").collect();
    pairs.sort_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{}", request.path, pairs.join("&"))
}

/// Compares without stopping at the first difference, so that the time taken tells nothing of where it is.
fn same(left: &str, right: &str) -> bool {
    let difference = left.bytes().zip(right.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b));
    left.len() == right.len() && difference == 0
}

/// A call with its text, and what becomes of it.
pub(crate) fn self_test() -> Result<(), String> {
    let query = [("token", "b"), ("sign", "right"), ("name", "a")];
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = Request {
        subject: Subject::Api,
        method: "GET".into(),
        path: "/users".into(),
        query,
        source: "192.0.2.7".into(),
        stream: None,
        attributes: Vec::new(),
    };
    let text = signed_text(&request);
    if text != "/usersname=a&token=b" {
        return Err(format!("the signed text is `{text}`"));
    }
    let verdict = check(&request, |_| Ok("wrong".into()))?;
    if verdict == Verdict::Allow { Err("a wrong sign is allowed".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(subject: Subject, path: &str, query: &[(&str, &str)]) -> Request {
        Request {
            subject,
            method: "GET".into(),
            path: path.into(),
            query: query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            source: "192.0.2.7".into(),
            stream: None,
            attributes: vec![],
        }
    }

    /// Stands for MD5: what was hashed is the sign.
    fn plain(text: &str) -> Result<String, String> {
        Ok(format!("{text}+key"))
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
        assert_eq!(check(&call, plain), Ok(Verdict::Allow));
    }

    #[test]
    fn pairs_of_one_key_keep_their_order() {
        let call =
            request(Subject::Api, "/p", &[("k", "2"), ("sign", "/pa=&k=2&k=1+key"), ("k", "1"), ("a", "")]);
        assert_eq!(check(&call, plain), Ok(Verdict::Allow));
    }

    #[test]
    fn a_call_without_pairs_signs_its_path() {
        let playback =
            request(Subject::Play, "/rtp/0BEBC200/hls.m3u8", &[("sign", "/rtp/0BEBC200/hls.m3u8+key")]);
        assert_eq!(check(&playback, plain), Ok(Verdict::Allow));
    }

    #[test]
    fn no_sign_and_a_wrong_one_are_told_apart() {
        assert_eq!(check(&request(Subject::Api, "/p", &[]), plain), refused(MISSING));
        assert_eq!(check(&request(Subject::Play, "/p", &[("sign", "")]), plain), refused(MISSING));
        for wrong in ["/p+ke", "/p+keyy", "/p+kex", "/P+KEY", "x"] {
            assert_eq!(
                check(&request(Subject::Api, "/p", &[("sign", wrong)]), plain),
                refused(WRONG),
                "{wrong}"
            );
        }
    }

    #[test]
    fn two_signs_are_refused() {
        let call = request(Subject::Api, "/p", &[("sign", "/p+key"), ("sign", "/p+key")]);
        assert_eq!(check(&call, plain), refused(WRONG));
    }

    #[test]
    fn a_publish_is_allowed() {
        assert_eq!(check(&request(Subject::Publish, "/p", &[]), plain), Ok(Verdict::Allow));
    }

    #[test]
    fn without_a_key_there_is_no_decision() {
        let call = request(Subject::Api, "/p", &[("sign", "x")]);
        assert_eq!(check(&call, |_| Err("no key".into())), Err("no key".into()));
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert_eq!(check_config("{ }"), Ok(()));
        assert!(check_config(r#"{"secret":"x"}"#).is_err());
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(self_test(), Ok(()));
    }
}

//! Answers held against the contract: what a plugin must not say is mended where `wit/` says how, and is
//! its fault elsewhere.

use super::{
    auth::{Challenge, Verdict},
    notify::HttpRequest,
    sign,
    types::Refusal,
};

/// An answer of `auth.register`.
pub(super) fn admission(verdict: Verdict) -> Result<Verdict, String> {
    match verdict {
        Verdict::Admit => Ok(verdict),
        Verdict::Challenge(challenges) if challenges.is_empty() => {
            Ok(Verdict::Refuse(Refusal { status: 403, reason: "Forbidden".into() }))
        }
        Verdict::Challenge(challenges) => {
            challenges.iter().try_for_each(check)?;
            Ok(Verdict::Challenge(challenges))
        }
        Verdict::Refuse(Refusal { status, reason }) => {
            let status = if (400..700).contains(&status) { status } else { 403 };
            Ok(Verdict::Refuse(Refusal { status, reason: phrase(&reason) }))
        }
    }
}

fn check(challenge: &Challenge) -> Result<(), String> {
    if !["MD5", "SHA-256"].contains(&&*challenge.algorithm) {
        return Err(format!("algorithm `{}` is neither MD5 nor SHA-256", phrase(&challenge.algorithm)));
    }
    if challenge.qop.as_deref().is_some_and(|qop| qop != "auth") {
        return Err("a qop other than auth".into());
    }
    let quotable = |c: char| !c.is_control() && c != '"' && c != '\\';
    if !challenge.realm.chars().all(quotable) {
        return Err("a realm that cannot be quoted".into());
    }
    Ok(())
}

/// An answer of `sign.check`.
pub(super) fn permission(verdict: sign::Verdict) -> Result<sign::Verdict, String> {
    Ok(verdict)
}

/// An answer of `notify.format`.
pub(super) fn requests(requests: Vec<HttpRequest>) -> Result<Vec<HttpRequest>, String> {
    /// More would make the gateway a means of flooding somebody.
    const MOST: usize = 16;
    if requests.len() > MOST {
        return Err(format!("{} requests for one event, where {MOST} are the most", requests.len()));
    }
    Ok(requests)
}

/// One line of at most 128 bytes.
fn phrase(reason: &str) -> String {
    let mut end = reason.len().min(128);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(status: u16, reason: &str) -> Verdict {
        Verdict::Refuse(Refusal { status, reason: reason.into() })
    }

    fn challenge(algorithm: &str, qop: Option<&str>, realm: &str) -> Verdict {
        let (algorithm, qop, realm) = (algorithm.into(), qop.map(Into::into), realm.into());
        Verdict::Challenge(vec![Challenge { realm, algorithm, qop, stale: false }])
    }

    #[test]
    fn a_refusal_keeps_to_final_statuses_and_one_short_line() {
        assert_eq!(admission(refuse(200, "OK")), Ok(refuse(403, "OK")));
        assert_eq!(admission(refuse(699, "a\r\nVia: b")), Ok(refuse(699, "a  Via: b")));
        assert_eq!(admission(refuse(404, &"汉".repeat(99))), Ok(refuse(404, &"汉".repeat(42))));
    }

    #[test]
    fn nothing_to_challenge_with_is_a_refusal() {
        assert_eq!(admission(Verdict::Challenge(vec![])), Ok(refuse(403, "Forbidden")));
    }

    #[test]
    fn a_challenge_that_cannot_be_sent_is_the_plugins_fault() {
        let good = challenge("SHA-256", Some("auth"), "3402000000");
        assert_eq!(admission(good.clone()), Ok(good));
        for bad in [
            challenge("MD4", None, "r"),
            challenge("MD5", Some("auth-int"), "r"),
            challenge("MD5", None, "r\", x=\""),
            challenge("MD5", None, "r\r\nVia: x"),
        ] {
            assert!(admission(bad.clone()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_event_is_told_in_few_requests() {
        let request = HttpRequest { method: "POST".into(), headers: vec![], body: vec![], query: vec![] };
        assert!(requests(vec![request.clone(); 16]).is_ok());
        assert_eq!(
            requests(vec![request; 17]).unwrap_err(),
            "17 requests for one event, where 16 are the most"
        );
    }
}

//! Answers held against the contract: what a plugin must not say is mended where `wit/` says how, and is
//! its fault elsewhere.

use std::collections::HashSet;

use super::{
    auth::{Challenge, Verdict},
    cleanup::{Deletion, Sweep},
    error::Fault,
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

/// An answer of `cleanup.select`: what of it stands on the page, and the fault that lies in the rest.
pub(super) fn selection(sweep: &Sweep, chosen: Vec<Deletion>) -> (Vec<Deletion>, Option<Fault>) {
    let mut page: HashSet<&str> = sweep.recordings.iter().map(|recording| &*recording.id).collect();
    let all = chosen.len();
    let chosen = chosen.into_iter().filter(|deletion| page.remove(&*deletion.id));
    let chosen: Vec<_> =
        chosen.map(|Deletion { id, reason }| Deletion { id, reason: phrase(&reason) }).collect();
    let strange = all - chosen.len();
    let fault = (strange > 0).then(|| Fault::Answer(format!("{strange} ids are not on the page, or twice")));
    (chosen, fault)
}

/// One line of at most 128 bytes.
pub(super) fn phrase(reason: &str) -> String {
    let mut end = reason.len().min(128);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::cleanup::{Disk, Recording};

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
    fn a_selection_holds_what_is_on_the_page_once() {
        let recording = |id: &str| Recording {
            id: id.into(),
            stream: "0BEBC201".into(),
            channel: "37070000081318000001".into(),
            path: "rtp/0BEBC201/2026-11-22/a.mp4".into(),
            size: 1,
            start: 1,
            end: 2,
            attributes: vec![],
        };
        let sweep = Sweep {
            now: 3,
            disk: Disk { total: 2, free: 1 },
            recordings: vec![recording("a"), recording("b")],
            more: false,
            attributes: vec![],
        };
        let deletion = |id: &str, reason: &str| Deletion { id: id.into(), reason: reason.into() };
        assert_eq!(selection(&sweep, vec![]), (vec![], None));
        assert_eq!(
            selection(&sweep, vec![deletion("b", "old\nforged"), deletion("a", "")]),
            (vec![deletion("b", "old forged"), deletion("a", "")], None)
        );
        let strange = vec![deletion("c", "not there"), deletion("a", "first"), deletion("a", "again")];
        let fault = Fault::Answer("2 ids are not on the page, or twice".into());
        assert_eq!(selection(&sweep, strange), (vec![deletion("a", "first")], Some(fault)));
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

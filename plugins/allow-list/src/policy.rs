//! The decisions.

use serde::Deserialize;
use sluice_sdk::{
    Auth, Credential, Policy,
    auth::{Registration, Verdict},
    kv, log,
};

/// How many devices that did not prove who they are are remembered as waiting. Whoever invents ids must not fill the
/// plugin's store.
const UNPROVED: usize = 500;

/// Where their ids are kept, oldest first, as a JSON list.
const QUEUE: &str = "unproved";

/// `[plugins.config.allow-list]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AllowList {
    /// Ids that are approved, or their first digits with `*` behind.
    allow: Vec<String>,
}

impl Policy for AllowList {
    fn prepare(&mut self) -> Result<(), String> {
        let id = |text: &str| text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        match self.allow.iter().find(|entry| !id(entry.strip_suffix('*').unwrap_or(entry))) {
            Some(entry) => {
                Err(format!("`allow` has \"{entry}\"; write up to 20 digits, with * behind for a beginning"))
            }
            None => Ok(()),
        }
    }
}

impl Auth for AllowList {
    fn register(
        &self,
        request: &Registration,
        credential: Option<Credential<'_>>,
    ) -> Result<Verdict, String> {
        let fresh = request.digest.as_ref().is_some_and(|digest| digest.is_fresh());
        if !fresh {
            return Ok(request.challenge());
        }
        let identity = match credential {
            None => Identity::Unknown,
            Some(credential) if request.is_proved_by(credential)? => Identity::Proved,
            Some(_) => Identity::Unproved,
        };
        Ok(match (self.word_on(&request.device)?, identity) {
            (Word::Yes, Identity::Proved) => {
                kv::forget(&waiting(&request.device))?;
                Verdict::Admit
            }
            (Word::Yes, _) => Verdict::refuse(403, "Forbidden"),
            (Word::No, _) => Verdict::refuse(403, "Not Approved"),
            (Word::None, identity) => {
                if is_id(&request.device) {
                    note_waiting(request, identity)?;
                }
                Verdict::refuse(403, "Waiting For Approval")
            }
        })
    }
}

/// What the operator says of a device.
enum Word {
    No,
    /// Nothing yet.
    None,
    Yes,
}

/// Whether a device is who it says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    Proved,
    /// Nobody issued it.
    Unknown,
    /// Its password is wrong.
    Unproved,
}

impl AllowList {
    fn word_on(&self, device: &str) -> Result<Word, String> {
        let configured = self.allow.iter().any(|entry| match entry.strip_suffix('*') {
            Some(beginning) => device.starts_with(beginning),
            None => device == entry,
        });
        let said = if is_id(device) { kv::read(&format!("approved/{device}"))? } else { None };
        Ok(match said.as_deref() {
            Some(b"no") => Word::No,
            Some(b"yes") => Word::Yes,
            _ if configured => Word::Yes,
            _ => Word::None,
        })
    }
}

/// What is no id is not worth a word, and makes no name of a value.
fn is_id(device: &str) -> bool {
    device.len() <= 20 && device.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Under which the operator finds a device that waits.
fn waiting(device: &str) -> String {
    format!("waiting/{device}")
}

/// Tells the operator of a device that waits, once, and once more when it has proved who it is.
fn note_waiting(request: &Registration, identity: Identity) -> Result<(), String> {
    let (name, known) = (&waiting(&request.device), kv::read(&waiting(&request.device))?);
    let is_news = match identity {
        Identity::Proved => !known.is_some_and(|text| text.ends_with(PROVED.as_bytes())),
        Identity::Unknown | Identity::Unproved => known.is_none(),
    };
    if !is_news {
        return Ok(());
    }
    let standing = match identity {
        Identity::Proved => PROVED,
        Identity::Unknown => "not issued",
        Identity::Unproved => "password wrong",
    };
    let text = format!("from {}, {standing}", request.source);
    log::info(&format!("{} waits for approval, {text}", request.device));
    if identity != Identity::Proved {
        line_up(&request.device)?;
    }
    // A store that is full is no reason to be asked again: the log has told of the device.
    if let Err(error) = kv::write(name, text.as_bytes()) {
        log::warn(&format!("{} is not listed as waiting: {error}", request.device));
    }
    Ok(())
}

/// How the text of a device ends whose password is right.
const PROVED: &str = "password right";

/// Puts an unproved device behind the others, and forgets those that waited longest where there are too many.
fn line_up(device: &str) -> Result<(), String> {
    let stored = kv::read(QUEUE)?.unwrap_or_default();
    let mut queue: Vec<String> = serde_json::from_slice(&stored).unwrap_or_default();
    queue.retain(|other| other != device);
    queue.push(device.to_owned());
    let excess = queue.len().saturating_sub(UNPROVED);
    for oldest in queue.drain(..excess) {
        let name = waiting(&oldest);
        if !kv::read(&name)?.is_some_and(|text| text.ends_with(PROVED.as_bytes())) {
            kv::forget(&name)?;
        }
    }
    kv::write(QUEUE, &serde_json::to_vec(&queue).map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_sdk::{
        DigestInput,
        auth::{Digest, NonceState},
        samples::{answered, registration},
    };

    const ID: &str = "37070000081118000001";

    /// A REGISTER with this response under a fresh nonce.
    fn request(device: &str, response: &str) -> Registration {
        let mut request = Registration { device: device.into(), ..answered(NonceState::Fresh) };
        request.digest = request.digest.map(|digest| Digest { response: response.into(), ..digest });
        request
    }

    /// The password is `right`.
    fn judge(_: DigestInput<'_>, response: &str) -> Result<bool, String> {
        Ok(response == "right")
    }

    fn register(policy: &AllowList, device: &str, response: &str) -> Verdict {
        policy.register(&request(device, response), Some(Credential::stand_in(&judge))).unwrap()
    }

    fn waits() -> Verdict {
        Verdict::refuse(403, "Waiting For Approval")
    }

    /// What the operator reads of a device that waits.
    fn shown(device: &str) -> Option<String> {
        kv::read(&waiting(device)).unwrap().map(|text| String::from_utf8(text).unwrap())
    }

    fn say(device: &str, word: &str) {
        kv::write(&format!("approved/{device}"), word.as_bytes()).unwrap();
    }

    #[test]
    fn a_device_waits_until_the_operator_says_yes() {
        let policy = AllowList::default();
        assert_eq!(register(&policy, ID, "right"), waits());
        assert_eq!(shown(ID).as_deref(), Some("from 192.0.2.7:5060, password right"));
        say(ID, "yes");
        assert_eq!(register(&policy, ID, "right"), Verdict::Admit);
        assert_eq!(shown(ID), None);
        say(ID, "no");
        assert_eq!(register(&policy, ID, "right"), Verdict::refuse(403, "Not Approved"));
        kv::forget(&format!("approved/{ID}")).unwrap();
        assert_eq!(register(&policy, ID, "right"), waits());
    }

    #[test]
    fn the_configuration_says_yes_too_and_the_operator_has_the_last_word() {
        let policy = AllowList { allow: vec![ID.into(), "3402*".into()] };
        for device in [ID, "34020000001110000001"] {
            assert_eq!(register(&policy, device, "right"), Verdict::Admit);
            say(device, "no");
            assert_eq!(register(&policy, device, "right"), Verdict::refuse(403, "Not Approved"));
        }
    }

    #[test]
    fn approval_does_not_replace_the_password() {
        let policy = AllowList::default();
        say(ID, "yes");
        assert_eq!(register(&policy, ID, "wrong"), Verdict::refuse(403, "Forbidden"));
        let never_issued = policy.register(&request(ID, "right"), None);
        assert_eq!(never_issued, Ok(Verdict::refuse(403, "Forbidden")));
    }

    #[test]
    fn the_operator_reads_whether_a_device_proved_who_it_is() {
        let policy = AllowList::default();
        assert_eq!(policy.register(&request(ID, "right"), None), Ok(waits()));
        assert_eq!(shown(ID).as_deref(), Some("from 192.0.2.7:5060, not issued"));
        register(&policy, ID, "right");
        register(&policy, ID, "wrong");
        assert_eq!(shown(ID).as_deref(), Some("from 192.0.2.7:5060, password right"));
        register(&policy, "2", "wrong");
        assert_eq!(shown("2").as_deref(), Some("from 192.0.2.7:5060, password wrong"));
    }

    #[test]
    fn without_credentials_a_device_is_challenged_whoever_it_is() {
        let policy = AllowList { allow: vec![ID.into()] };
        for device in [ID, "34020000001110000001"] {
            let bare = Registration { device: device.into(), ..registration() };
            assert_eq!(policy.register(&bare, None), Ok(bare.challenge()));
        }
    }

    #[test]
    fn invented_ids_push_out_the_oldest_of_their_kind_and_no_more() {
        let policy = AllowList::default();
        register(&policy, "0", "wrong");
        register(&policy, "0", "right");
        register(&policy, ID, "right");
        for number in 0..=UNPROVED {
            assert_eq!(register(&policy, &format!("{number:020}"), "wrong"), waits());
        }
        register(&policy, "no id/at all", "wrong");
        let listed = |device: &str| shown(device).is_some();
        assert!(listed("0") && listed(ID));
        let (first, second, last) =
            (&*format!("{:020}", 0), &*format!("{:020}", 1), &*format!("{UNPROVED:020}"));
        assert_eq!([first, second, last, "no id/at all"].map(listed), [false, true, true, false]);
    }

    #[test]
    fn what_is_no_id_is_refused_in_the_configuration() {
        let mut policy = AllowList { allow: vec!["37x".into()] };
        let error = "`allow` has \"37x\"; write up to 20 digits, with * behind for a beginning";
        assert_eq!(policy.prepare(), Err(error.into()));
    }
}

//! The decisions.

use serde::Deserialize;
use sluice_sdk::{
    Auth, Credential, Policy,
    auth::{Registration, Verdict},
    kv, log,
};

/// How many devices are remembered as waiting. Whoever invents ids must not fill the plugin's store.
const WAITING: usize = 500;

/// Where the ids of those that wait are kept, oldest first, as a JSON list.
const QUEUE: &str = "waiting";

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
        let proved = match credential {
            Some(credential) => request.is_proved_by(credential)?,
            None => false,
        };
        if self.is_approved(&request.device) {
            return Ok(if proved { Verdict::Admit } else { Verdict::refuse(403, "Forbidden") });
        }
        note_waiting(request)?;
        Ok(Verdict::refuse(403, "Waiting For Approval"))
    }
}

impl AllowList {
    fn is_approved(&self, device: &str) -> bool {
        self.allow.iter().any(|entry| match entry.strip_suffix('*') {
            Some(beginning) => device.starts_with(beginning),
            None => device == entry,
        })
    }
}

/// Tells the operator of a device that waits, once. What is no id is not worth a word.
fn note_waiting(request: &Registration) -> Result<(), String> {
    let device = &request.device;
    if device.len() > 20 || !device.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let mut queue = waiting()?;
    if queue.contains(device) {
        return Ok(());
    }
    log::info(&format!("{device} waits for approval, from {}", request.source));
    queue.push(device.clone());
    let excess = queue.len().saturating_sub(WAITING);
    let kept = serde_json::to_vec(&queue[excess..]).map_err(|error| error.to_string())?;
    kv::write(QUEUE, &kept)
}

fn waiting() -> Result<Vec<String>, String> {
    let queue = kv::read(QUEUE)?.unwrap_or_default();
    Ok(serde_json::from_slice(&queue).unwrap_or_default())
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

    #[test]
    fn a_device_waits_until_the_operator_says_yes() {
        assert_eq!(register(&AllowList::default(), ID, "right"), waits());
        assert_eq!(register(&AllowList::default(), ID, "right"), waits());
        assert_eq!(waiting(), Ok(vec![ID.to_owned()]));
        let policy = AllowList { allow: vec![ID.into()] };
        assert_eq!(register(&policy, ID, "right"), Verdict::Admit);
    }

    #[test]
    fn approval_does_not_replace_the_password() {
        let policy = AllowList { allow: vec!["3707*".into()] };
        assert_eq!(register(&policy, ID, "right"), Verdict::Admit);
        assert_eq!(register(&policy, ID, "wrong"), Verdict::refuse(403, "Forbidden"));
        let never_issued = policy.register(&request(ID, "right"), None);
        assert_eq!(never_issued, Ok(Verdict::refuse(403, "Forbidden")));
        assert_eq!(register(&policy, "34020000001110000001", "right"), waits());
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
    fn invented_ids_push_out_the_oldest_and_no_more() {
        let policy = AllowList::default();
        for number in 0..=WAITING {
            assert_eq!(register(&policy, &format!("{number:020}"), "wrong"), waits());
        }
        register(&policy, "no id/at all", "wrong");
        let waiting = waiting().unwrap();
        assert_eq!((waiting.len(), &*waiting[0]), (WAITING, "00000000000000000001"));
    }

    #[test]
    fn what_is_no_id_is_refused_in_the_configuration() {
        let mut policy = AllowList { allow: vec!["37x".into()] };
        let error = "`allow` has \"37x\"; write up to 20 digits, with * behind for a beginning";
        assert_eq!(policy.prepare(), Err(error.into()));
    }
}

//! A plugin that exports every interface of `sluice:policy@0.1.0` and calls every function of its `host`, so that a
//! gateway that changed any of them does not link it, or gives other answers than the test expects.

wit_bindgen::generate!({ path: "../../../../wit", world: "policies", generate_all });

use exports::sluice::policy::{auth, cleanup, lifecycle, notify, sign, vendor};
use sluice::policy::{
    host::{self, Algorithm, Credential, DigestInput, Key, Level, Piece, QopInput},
    types::{Attribute, Refusal},
};

struct Frozen;

export!(Frozen);

impl lifecycle::Guest for Frozen {
    fn init(config: String) -> Result<lifecycle::Info, String> {
        host::log(Level::Info, &config);
        let told = Attribute { name: "config".into(), value: config };
        Ok(lifecycle::Info {
            name: "frozen".into(),
            version: "0.1.0".into(),
            description: "Uses every function of sluice:policy@0.1.0".into(),
            attributes: vec![told],
        })
    }

    fn self_test() -> Result<(), String> {
        host::kv_write("self-test", Some(b"passed"))?;
        let kept = host::kv_read("self-test")?;
        host::kv_write("self-test", None)?;
        let forgotten = host::kv_read("self-test")?;
        if kept.as_deref() != Some(b"passed") || forgotten.is_some() {
            return Err("the store does not keep what it is given".into());
        }
        if host::now() < 1_700_000_000_000 { Err("the clock is wrong".into()) } else { Ok(()) }
    }
}

/// Challenges with MD5 and without `qop`, takes what was answered to any challenge under a fresh nonce, and counts in
/// its store whom it let in.
impl auth::Guest for Frozen {
    fn register(
        request: auth::Registration,
        credential: Option<&Credential>,
    ) -> Result<auth::Verdict, String> {
        let fresh = |digest: &auth::Digest| matches!(digest.nonce_state, auth::NonceState::Fresh);
        let Some(digest) = request.digest.filter(fresh) else {
            return Ok(auth::Verdict::Challenge(vec![auth::Challenge {
                realm: request.realm,
                algorithm: "MD5".into(),
                qop: None,
                stale: false,
            }]));
        };
        let Some(credential) = credential else {
            return Ok(auth::Verdict::Refuse(Refusal { status: 404, reason: "Unknown".into() }));
        };
        if !credential.verify(&input(&request.method, &digest), &digest.response)? {
            return Ok(auth::Verdict::Refuse(Refusal { status: 403, reason: "Wrong".into() }));
        }
        let admitted = host::kv_read("admitted")?.map_or(0, |count| count[0]).wrapping_add(1);
        host::kv_write("admitted", Some(&[admitted]))?;
        Ok(auth::Verdict::Admit)
    }
}

fn input(method: &str, digest: &auth::Digest) -> DigestInput {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let sha256 = digest.algorithm.as_deref() == Some("SHA-256");
    DigestInput {
        algorithm: if sha256 { Algorithm::Sha256 } else { Algorithm::Md5 },
        username: digest.username.clone(),
        realm: digest.realm.clone(),
        nonce: digest.nonce.clone(),
        method: method.into(),
        uri: digest.uri.clone(),
        qop: digest.qop.clone().map(|qop| QopInput { qop, nc: text(&digest.nc), cnonce: text(&digest.cnonce) }),
    }
}

/// Allows what is signed in any of three ways; a refusal tells what would have been right.
impl sign::Guest for Frozen {
    fn check(request: sign::Request, key: &Key) -> Result<sign::Verdict, String> {
        let path = request.path.as_bytes();
        let signs = [
            key.digest(Algorithm::Md5, path, b"")?,
            key.hmac(Algorithm::Sha256, path)?,
            key.hmac_of(Algorithm::Sha256, &[Piece::Key], &[Piece::Bytes(path.into()), Piece::Key])?,
        ];
        let given = request.query.iter().find(|(name, _)| name == "sign");
        Ok(match given {
            Some((_, sign)) if signs.contains(sign) => sign::Verdict::Allow,
            _ => sign::Verdict::Refuse(signs.join(" ")),
        })
    }
}

impl notify::Guest for Frozen {
    fn format(event: notify::Event, key: &Key) -> Result<Vec<notify::HttpRequest>, String> {
        let sign = key.hmac(Algorithm::Md5, event.data.as_bytes())?;
        Ok(vec![notify::HttpRequest {
            method: "PUT".into(),
            headers: vec![("X-Event".into(), event.method), ("X-Sign".into(), sign)],
            body: event.data.into_bytes(),
            query: vec![("id".into(), event.id), ("time".into(), event.time.to_string())],
        }])
    }

    fn accepted(event: notify::Event, answer: notify::Answer) -> Result<bool, String> {
        if answer.index > 0 {
            return Err("there was one request".into());
        }
        Ok(answer.status == 200 && answer.body == event.id.as_bytes())
    }
}

/// What was finished more than a day ago goes.
impl cleanup::Guest for Frozen {
    fn select(sweep: cleanup::Sweep) -> Result<Vec<cleanup::Deletion>, String> {
        let old = |file: &cleanup::Recording| file.end + 86_400 < sweep.now;
        let deletion = |file: cleanup::Recording| cleanup::Deletion { reason: file.path, id: file.id };
        Ok(sweep.recordings.into_iter().filter(old).map(deletion).collect())
    }
}

impl vendor::Guest for Frozen {
    fn claim(device: vendor::Device) -> Result<Option<vendor::Recognition>, String> {
        let ours = device.manufacturer.filter(|manufacturer| manufacturer == "Frozen");
        Ok(ours.map(|reason| vendor::Recognition { certainty: 90, reason, profile: profile(device.attributes) }))
    }

    fn repair(_: vendor::Device, cmd_type: String, mut body: Vec<u8>) -> Result<Vec<u8>, String> {
        body.extend(cmd_type.into_bytes());
        Ok(body)
    }

    fn catalog(_: vendor::Device, mut items: Vec<vendor::Item>) -> Result<Vec<vendor::Item>, String> {
        items.reverse();
        Ok(items)
    }

    fn offer(_: vendor::Device, channel: String, sdp: String) -> Result<String, String> {
        Ok(sdp + "a=offered:" + &channel)
    }

    fn answer(_: vendor::Device, channel: String, sdp: String) -> Result<String, String> {
        Ok(sdp + "a=answered:" + &channel)
    }

    fn control(_: vendor::Device, channel: String, cmd_type: String, body: String) -> Result<String, String> {
        Err(cmd_type + " of " + &channel + ": " + &body)
    }
}

/// Nothing of it is as it is by default.
fn profile(attributes: Vec<Attribute>) -> vendor::Profile {
    vendor::Profile {
        charset: vendor::Charset::Utf8,
        transport: vendor::Transport::TcpPassive,
        sdp_owner: vendor::Owner::Platform,
        sdp_payloads: vec![98, 96],
        sdp_stream_attribute: Some("streamMode".into()),
        sdp_format: Some("v/2/5".into()),
        invite_target: vendor::Owner::Device,
        config_target: vendor::Owner::Channel,
        record_type: "time".into(),
        ssrc_change: vendor::SsrcChange::Refuse,
        query_delay_ms: 1_500,
        invite_timeout_secs: 7,
        date: false,
        repair: vec!["Catalog".into()],
        hooks: vendor::Hooks::ANSWER | vendor::Hooks::CONTROL,
        attributes,
    }
}

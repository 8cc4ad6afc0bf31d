//! What was built for a frozen version of the contract still loads and still gets and gives the same. See
//! `tests/data/frozen/0.1.0/README.md`.

use std::path::Path;

use sluice::plugin::{
    Credential, Limits, Role, Secret, Trial, auth, cleanup, inspect, notify, sign,
    types::{Attribute, Refusal},
    vendor,
};

use crate::bundled::answered;
use crate::cleanup::page;
use crate::guest::registration;
use crate::hostile::publish;

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), value: value.into() }
}

/// The component that was built for 0.1.0.
fn frozen() -> Trial {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/frozen/0.1.0/frozen.wasm");
    let inspection = inspect(&file, &serde_json::json!({ "n": 1 }), Limits::default()).unwrap();
    let interfaces = ["auth", "cleanup", "lifecycle", "notify", "sign", "vendor"];
    assert_eq!(inspection.exports, interfaces.map(|name| format!("sluice:policy/{name}@0.1.0")));
    inspection.outcome.unwrap()
}

#[test]
fn it_is_taken_for_every_role() {
    let trial = frozen();
    let info = &trial.info;
    assert_eq!((info.name.as_str(), info.version.as_str()), ("frozen", "0.1.0"));
    let told: Vec<_> = info.attributes.iter().map(|told| (&*told.name, &*told.value)).collect();
    assert_eq!(told, [("config", "{\"n\":1}")]);
    let mut roles = trial.roles;
    roles.sort_unstable();
    assert_eq!(roles, [Role::Auth, Role::Cleanup, Role::Notify, Role::Sign, Role::Vendor]);
}

#[test]
fn it_challenges_admits_and_refuses() {
    let plugin = frozen().plugin;
    let challenge =
        auth::Challenge { realm: "3707000008".into(), algorithm: "MD5".into(), qop: None, stale: false };
    assert_eq!(plugin.register(&registration(), None), Ok(auth::Verdict::Challenge(vec![challenge])));
    let judged = |password: Option<&str>| {
        plugin.register(&answered(auth::NonceState::Fresh), password.map(Credential::new)).unwrap()
    };
    let refused = |status, reason: &str| auth::Verdict::Refuse(Refusal { status, reason: reason.into() });
    assert_eq!(judged(Some("123456")), auth::Verdict::Admit);
    assert_eq!(judged(Some("654321")), refused(403, "Wrong"));
    assert_eq!(judged(None), refused(404, "Unknown"));
}

/// The right signs, of coreutils' md5sum and of `openssl dgst -hmac key`.
#[test]
fn it_knows_what_is_signed() {
    let plugin = frozen().plugin;
    let signs = [
        "5c48c13417cbe032744b1d290fd89b9c",
        "9c36703a9e689e2ce5236094bc00031b183dcf1c17a311a1bc487c41f167eff8",
        "d26388ff83863720323c0526a1c0855e55daac86eb2aa0b91fb2a6209950474e",
    ];
    let check = |sign: &str| {
        let query = vec![("sign".to_owned(), sign.to_owned())];
        let request = sign::Request { path: "/users".into(), query, ..publish() };
        plugin.check_sign(&request, &Secret::new("key")).unwrap()
    };
    for sign in signs {
        assert_eq!(check(sign), sign::Verdict::Allow);
    }
    assert_eq!(check("another"), sign::Verdict::Refuse(signs.join(" ")));
}

#[test]
fn it_words_an_event_and_judges_the_answer() {
    let plugin = frozen().plugin;
    let event = notify::Event {
        id: "7".into(),
        method: "users.active".into(),
        time: 1_795_327_767,
        data: "{\"a\":1}".into(),
        url: "http://192.0.2.1/".into(),
        attributes: vec![],
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = notify::HttpRequest {
        method: "PUT".into(),
        headers: vec![pair("X-Event", "users.active"), pair("X-Sign", "2177cc8b8d24a28cd536621dd0355a1c")],
        body: b"{\"a\":1}".to_vec(),
        query: vec![pair("id", "7"), pair("time", "1795327767")],
    };
    assert_eq!(plugin.format(&event, &Secret::new("key")), Ok(vec![request]));
    let accepted = |index, status, body: &str| {
        let answer = notify::Answer { index, status, body: body.into() };
        plugin.accepted(&event, &answer).map_err(|error| error.fault.to_string())
    };
    assert_eq!(accepted(0, 200, "7"), Ok(true));
    assert_eq!(accepted(0, 200, "8"), Ok(false));
    assert_eq!(accepted(1, 200, "7"), Err("there was one request".into()));
}

#[test]
fn it_chooses_files() {
    let chosen = frozen().plugin.select(&page(&[2, 0])).unwrap();
    let reason = "rtp/0BEBC201/2026-11-22/2.mp4".into();
    assert_eq!(chosen, [cleanup::Deletion { id: "2".into(), reason }]);
}

#[test]
fn it_knows_its_devices_and_has_a_word_in_everything() {
    let plugin = frozen().plugin;
    let device = |manufacturer: &str| vendor::Device {
        id: "37070000081118000001".into(),
        user_agent: Some("Embedded Net".into()),
        manufacturer: Some(manufacturer.into()),
        model: None,
        firmware: None,
        version: None,
        attributes: vec![attribute("ssrc-changed", "1")],
    };
    assert_eq!(plugin.claim(&device("Acme")), Ok(None));
    let recognition = vendor::Recognition { certainty: 90, reason: "Frozen".into(), profile: profile() };
    let ours = device("Frozen");
    assert_eq!(plugin.claim(&ours), Ok(Some(recognition)));
    let item = |name: &str| vendor::Item { fields: vec![attribute("Name", name)] };
    assert_eq!(plugin.catalog(&ours, &[item("1"), item("2")]), Ok(vec![item("2"), item("1")]));
    assert_eq!(plugin.repair(&ours, "Catalog", b"<?>"), Ok(b"<?>Catalog".to_vec()));
    assert_eq!(plugin.offer(&ours, "7", "v=0\r\n"), Ok("v=0\r\na=offered:7".into()));
    assert_eq!(plugin.answer(&ours, "7", "v=0\r\n"), Ok("v=0\r\na=answered:7".into()));
    let failed = plugin.control(&ours, "7", "DeviceControl", "<x/>").unwrap_err();
    assert_eq!(failed.to_string(), "plugin frozen: DeviceControl of 7: <x/>");
}

fn profile() -> vendor::Profile {
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
        attributes: vec![attribute("ssrc-changed", "1")],
    }
}

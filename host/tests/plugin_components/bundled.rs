//! The bundled policies, as the components that the gateway runs.

use std::collections::HashMap;

use sluice::plugin::{
    Credential, Formatted, LoadError, Plugins, Secret, Settings,
    auth::{Challenge, Digest, NonceState, Registration, Verdict},
    notify::{Answer, Event, HttpRequest},
    sign::{self, Subject},
    types::Refusal,
};

use crate::guest::{bundled, registration};

fn plugins() -> Plugins {
    Plugins::load(&bundled()).unwrap()
}

/// Credentials for the password `123456`, made with coreutils' md5sum: HA1 is
/// MD5(`37070000081118000001:3707000008:123456`), HA2 MD5(`REGISTER:sip:37070000082008000001@3707000008`), and the
/// response MD5(HA1 `:9f2c:` HA2).
pub(crate) fn answered(nonce_state: NonceState) -> Registration {
    let digest = Digest {
        username: "37070000081118000001".into(),
        realm: "3707000008".into(),
        nonce: "9f2c".into(),
        nonce_state,
        uri: "sip:37070000082008000001@3707000008".into(),
        response: "4697d5ed519630b28a78200a8349906a".into(),
        algorithm: Some("MD5".into()),
        qop: None,
        nc: None,
        cnonce: None,
        opaque: None,
    };
    Registration { digest: Some(digest), ..registration() }
}

fn password(text: &str) -> Option<Credential> {
    Some(Credential::new(text))
}

fn challenge(algorithm: &str, stale: bool) -> Challenge {
    Challenge { realm: "3707000008".into(), algorithm: algorithm.into(), qop: Some("auth".into()), stale }
}

#[test]
fn a_device_is_challenged_and_then_admitted() {
    let plugins = plugins();
    let challenged = Verdict::Challenge(vec![challenge("MD5", false)]);
    assert_eq!(plugins.register(&registration(), password("123456")), Ok(challenged.clone()));
    assert_eq!(plugins.register(&registration(), None), Ok(challenged));
    assert_eq!(plugins.register(&answered(NonceState::Fresh), password("123456")), Ok(Verdict::Admit));
}

#[test]
fn a_wrong_password_and_an_unknown_device_are_refused_alike() {
    let plugins = plugins();
    let refused = Ok(Verdict::Refuse(Refusal { status: 403, reason: "Forbidden".into() }));
    assert_eq!(plugins.register(&answered(NonceState::Fresh), password("1234567")), refused);
    assert_eq!(plugins.register(&answered(NonceState::Fresh), None), refused);
}

#[test]
fn a_used_or_old_nonce_does_not_admit() {
    let plugins = plugins();
    for state in [NonceState::Replayed, NonceState::Stale, NonceState::Unknown] {
        let again = Verdict::Challenge(vec![challenge("MD5", true)]);
        assert_eq!(plugins.register(&answered(state), password("123456")), Ok(again));
    }
}

#[test]
fn configuration_reaches_the_plugin() {
    let configs =
        |json: &str| HashMap::from([("gosip-auth".to_owned(), serde_json::from_str(json).unwrap())]);
    let settings = Settings { configs: configs(r#"{"algorithms":["SHA-256","MD5"]}"#), ..bundled() };
    let both = Verdict::Challenge(vec![challenge("SHA-256", false), challenge("MD5", false)]);
    assert_eq!(Plugins::load(&settings).unwrap().register(&registration(), None), Ok(both));

    let settings = Settings { configs: configs(r#"{"algoritms":[]}"#), ..bundled() };
    let error = Plugins::load(&settings).err().unwrap();
    assert!(matches!(error, LoadError::Init { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "plugin gosip-auth does not start with its configuration, [plugins.config.gosip-auth]: could not be started: \
         unknown field `algoritms`, expected one of `algorithms`, `qop`, `sha256_for_2022`"
    );
}

/// The sign is MD5(`/devices/37070000081318000001/play` `token=a b&user=1` `s3cret`), made with md5sum.
#[test]
fn a_call_is_allowed_by_its_sign_alone() {
    let call = |sign: &str| sign::Request {
        subject: Subject::Api,
        method: "GET".into(),
        path: "/devices/37070000081318000001/play".into(),
        query: [("user", "1"), ("sign", sign), ("token", "a b")].map(|(k, v)| (k.into(), v.into())).to_vec(),
        source: "192.0.2.9".into(),
        stream: None,
        attributes: vec![],
    };
    let plugins = plugins();
    let check = |sign: &str, key: &str| plugins.check_sign(&call(sign), &Secret::new(key)).unwrap();
    let wrong = sign::Verdict::Refuse("签名错误 (sign is wrong)".into());
    assert_eq!(check("d1a38ed587a5ac3742f485edd1c5b624", "s3cret"), sign::Verdict::Allow);
    assert_eq!(check("d1a38ed587a5ac3742f485edd1c5b624", "other"), wrong);
    assert_eq!(check(&"d1a38ed587a5ac3742f485edd1c5b624".to_uppercase(), "s3cret"), wrong);
    assert_eq!(check("", "s3cret"), sign::Verdict::Refuse("缺少签名 (sign is missing)".into()));
    let error = plugins.check_sign(&call("d1a38ed587a5ac3742f485edd1c5b624"), &Secret::new("")).unwrap_err();
    assert_eq!(error.to_string(), "plugin gosip-sign: the operator configured no key");
}

#[test]
fn an_event_is_told_as_json_and_taken_by_ok() {
    let event = Event {
        id: "1".into(),
        method: "users.active".into(),
        time: 1_618_043_462,
        data: r#"{"deviceid":"37070000081118000001","status":"ON","time":1618043462}"#.into(),
        url: "http://192.0.2.9/notify".into(),
        attributes: vec![],
    };
    let plugins = plugins();
    let request = HttpRequest {
        method: "POST".into(),
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: format!(r#"{{"method":"users.active","data":{}}}"#, event.data).into_bytes(),
        query: vec![],
    };
    let told = Formatted { plugin: "gosip-notify".into(), requests: vec![request] };
    assert_eq!(plugins.format(&["gosip-notify".to_owned()], &event, &Secret::new("")), Ok(vec![told]));
    let answer = |status, body: &str| Answer { index: 0, status, body: body.into() };
    assert_eq!(plugins.accepted("gosip-notify", &event, &answer(200, "ok\n")), Ok(true));
    assert_eq!(plugins.accepted("gosip-notify", &event, &answer(500, "ok")), Ok(false));
    assert_eq!(plugins.accepted("gosip-notify", &event, &answer(200, "error")), Ok(false));
}

#[test]
fn calls_are_counted() {
    let plugins = plugins();
    for _ in 0..3 {
        plugins.register(&registration(), None).unwrap();
    }
    let figures = plugins.figures();
    let calls: Vec<_> = figures.iter().map(|figures| (&*figures.plugin, figures.calls["ok"])).collect();
    assert_eq!(calls, [("expire", 0), ("gosip-auth", 3), ("gosip-notify", 0), ("gosip-sign", 0)]);
}

//! Candidates: asked beside what is in force, compared, promoted and taken back.

use std::{fs, thread};

use sluice::plugin::{
    Fault, MoveError, Plugins, State, SwapError,
    auth::{Digest, NonceState, Registration},
    demote, promote,
};

use crate::{
    guest::{guest, registration},
    watched::{Watched, hash, refuses, refusing, wait_until},
};

/// A plugin in force that refuses with 401, and this candidate at work beside it.
fn beside(candidate: &[u8]) -> Watched {
    let watched = Watched::with(&refuses(401));
    put(&watched, candidate);
    watched
}

/// Puts a candidate to work.
fn put(watched: &Watched, candidate: &[u8]) {
    fs::create_dir_all(watched.folder.path().join("shadow")).unwrap();
    watched.put("shadow/guest.wasm", candidate);
    let wanted = hash(candidate);
    let at_work = || watched.candidate().version.is_some_and(|version| version.sha256 == wanted);
    wait_until("the candidate is at work", at_work);
}

/// Waits until so many calls are compared; how many were the same, and how many were not.
fn compared(watched: &Watched, calls: u64) -> (u64, u64) {
    let counts = || (watched.candidate().same, watched.candidate().different);
    wait_until("all calls are compared", || counts().0 + counts().1 == calls);
    counts()
}

/// A plugin that refuses with 401, or 402 when it finds something stored; it stores something if told to.
fn remembers(stores: bool) -> Vec<u8> {
    let store = "(call $kv-write (i32.const 48) (i32.const 1) (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 96))";
    refusing(&format!(
        "(block (result i32) (i32.store8 (i32.const 48) (i32.const 107))
            (call $kv-read (i32.const 48) (i32.const 1) (i32.const 64))
            {}
            (i32.add (i32.const 401) (i32.load8_u (i32.const 68))))",
        if stores { store } else { "" }
    ))
}

fn hashes(watched: &Watched) -> [Option<String>; 3] {
    ["shadow/guest.wasm", "guest.wasm", "previous/guest.wasm"].map(|file| watched.hash_of(file))
}

fn version(watched: &Watched) -> String {
    watched.status("guest").version.unwrap().sha256
}

#[test]
fn what_a_candidate_answers_is_compared_and_never_used() {
    // 402 for every second call.
    let every_second = "(i32.add (i32.const 401) (i32.and (global.get $calls) (i32.const 1)))";
    let watched = beside(&refusing(every_second));
    for _ in 0..100 {
        assert_eq!(watched.ask(), Ok(401));
    }
    assert_eq!(compared(&watched, 100), (50, 50));
    let candidate = watched.candidate();
    assert_eq!((candidate.failed, candidate.skipped), (0, 0));
    assert_eq!(candidate.differences.len(), 10);
    let first = &candidate.differences[0];
    assert_eq!(first.function, "auth.register");
    assert_eq!(first.in_force, r#"Verdict::Refuse(Refusal { status: 401, reason: "" })"#);
    assert_eq!(first.candidate, r#"Verdict::Refuse(Refusal { status: 402, reason: "" })"#);
    assert!(first.input.contains("37070000081118000001"), "{}", first.input);
}

#[test]
fn a_difference_shows_no_secret() {
    let watched = beside(&refuses(402));
    let digest = Digest {
        username: "37070000081118000001".into(),
        realm: "3707000008".into(),
        nonce: "9f2c".into(),
        nonce_state: NonceState::Fresh,
        uri: "sip:37070000082008000001@3707000008".into(),
        response: "4697d5ed519630b28a78200a8349906a".into(),
        algorithm: None,
        qop: None,
        nc: None,
        cnonce: None,
        opaque: None,
    };
    let request = Registration { digest: Some(digest), ..registration() };
    watched.plugins.register(&request, None).unwrap();
    wait_until("it is compared", || watched.candidate().different == 1);
    let shown = format!("{:?}", watched.candidate().differences);
    assert!(shown.contains("9f2c"), "{shown}");
    assert!(!shown.contains("4697d5ed"), "{shown}");
}

/// A candidate that takes its whole time for each call costs live calls a place in a queue, and nothing once it is
/// full.
#[test]
fn a_candidate_that_hangs_holds_nobody_up() {
    let watched = beside(&guest("register", "loops"));
    for _ in 0..200 {
        assert_eq!(watched.ask(), Ok(401));
    }
    let outcome = || {
        let candidate = watched.candidate();
        (candidate.same + candidate.different, candidate.failed + candidate.skipped)
    };
    wait_until("all calls are accounted for", || outcome() == (0, 200));
    let candidate = watched.candidate();
    assert!(candidate.failed > 0, "{candidate:?}");
    assert_eq!(watched.status("guest").calls["ok"], 200);
    assert_eq!(watched.status("guest").state, State::InForce);

    let error = watched.plugins.promote("guest").unwrap_err();
    let said = "the candidate keeps failing beside what is in force: ended after 5ms of CPU time; put a repaired one in its place";
    assert_eq!(error.to_string(), said);
    assert_eq!(watched.ask(), Ok(401));
}

#[test]
fn a_candidate_stores_for_itself_and_finds_what_the_plugin_has_stored() {
    let watched = beside(&remembers(true));
    for _ in 0..3 {
        assert_eq!(watched.ask(), Ok(401));
    }
    assert_eq!(compared(&watched, 3), (1, 2), "it finds what it stored itself");
    watched.plugins.promote("guest").unwrap();
    assert_eq!((watched.ask(), watched.ask()), (Ok(401), Ok(402)), "the plugin's own store was empty");
    put(&watched, &remembers(false));
    assert_eq!(watched.ask(), Ok(402));
    assert_eq!(compared(&watched, 1), (1, 0));
}

/// The candidate is asked later than the one in force, and what either says may depend on the time.
#[test]
fn a_candidate_sees_the_time_of_the_live_call() {
    let now = "(i32.add (i32.const 400) (i32.wrap_i64 (i64.rem_u (call $now) (i64.const 250))))";
    // Some milliseconds of work before it looks at the clock, so that it falls behind.
    let work = "(loop $on (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $on (i32.lt_u (local.get 0) (i32.const 1000000))))";
    let watched = Watched::with(&refusing(now));
    put(&watched, &refusing(&format!("(block (result i32) (local.set 0 (i32.const 0)) {work} {now})")));
    for _ in 0..40 {
        watched.ask().unwrap();
    }
    let (same, different) = compared(&watched, 40);
    // A call may last from one millisecond into the next.
    assert!(same > 2 * different, "{same} the same, {different} different");
}

#[test]
fn a_candidate_that_mends_what_is_in_force_shows_it() {
    let watched = Watched::with(&guest("register", "declines"));
    put(&watched, &refuses(401));
    assert_eq!(watched.ask(), Err(Fault::Guest("no".to_owned())));
    assert_eq!(compared(&watched, 1), (0, 1));
    let shown = watched.candidate().differences.remove(0);
    assert_eq!(shown.in_force, "no answer: no");
    assert_eq!(shown.candidate, r#"Verdict::Refuse(Refusal { status: 401, reason: "" })"#);
}

#[test]
fn the_comparison_begins_anew_with_either_of_the_two() {
    let watched = beside(&refuses(402));
    watched.ask().unwrap();
    assert_eq!(compared(&watched, 1), (0, 1));
    put(&watched, &refuses(401));
    watched.ask().unwrap();
    assert_eq!(compared(&watched, 1), (1, 0));
    watched.put("guest.wasm", &refuses(403));
    wait_until("another is in force", || version(&watched) == hash(&refuses(403)));
    watched.ask().unwrap();
    assert_eq!(compared(&watched, 1), (0, 1));
    watched.remove("shadow/guest.wasm");
    wait_until("the candidate is gone", || watched.status("guest").candidate.is_none());
}

#[test]
fn a_candidate_is_found_at_the_start_and_holds_nobody_up() {
    let watched = Watched::change(&refuses(401), |settings| {
        fs::create_dir(settings.folder.join("shadow")).unwrap();
        fs::write(settings.folder.join("shadow/guest.wasm"), refuses(402)).unwrap();
        let loaded = Plugins::load(settings).unwrap().status();
        assert!(loaded.iter().all(|status| status.candidate.is_none()), "{loaded:?}");
    });
    wait_until("the candidate is at work", || watched.candidate().version.is_some());
}

#[test]
fn a_candidate_for_no_plugin_is_shown_with_the_reason() {
    let watched = Watched::with(&refuses(401));
    fs::create_dir(watched.folder.path().join("shadow")).unwrap();
    watched.put("shadow/gest.wasm", &refuses(402));
    wait_until("it is shown", || watched.find("gest").is_some());
    let status = watched.status("gest");
    assert_eq!(status.state, State::Refused);
    assert_eq!(status.file, watched.folder.path().join("shadow/gest.wasm").display().to_string());
    let reason = status.refused.unwrap().reason;
    assert_eq!(reason, "no plugin of this name is in force, beside which it could run");
    let error = watched.plugins.promote("gest").unwrap_err();
    assert!(error.to_string().starts_with("no plugin `gest` is in force; these are: "), "{error}");
}

#[test]
fn a_candidate_is_promoted_and_taken_back() {
    let (old, new) = (hash(&refuses(401)), hash(&refuses(402)));
    let watched = beside(&refuses(402));
    assert_eq!(hashes(&watched), [Some(new.clone()), Some(old.clone()), None]);
    let status = watched.plugins.promote("guest").unwrap();
    assert_eq!((status.version.unwrap().sha256, status.candidate), (new.clone(), None));
    assert_eq!(watched.ask(), Ok(402));
    assert_eq!(hashes(&watched), [None, Some(new.clone()), Some(old.clone())]);
    let error = watched.plugins.promote("guest").unwrap_err();
    assert!(matches!(error, MoveError::Swap(SwapError::NoCandidate(_))), "{error:?}");

    watched.plugins.demote("guest").unwrap();
    assert_eq!((watched.ask(), version(&watched)), (Ok(401), old.clone()));
    assert_eq!(hashes(&watched), [None, Some(old.clone()), Some(new)]);
    let again = Plugins::load(&watched.folder.settings()).unwrap();
    let again = again.status().into_iter().find(|status| status.name == "guest").unwrap();
    assert_eq!(again.version.unwrap().sha256, old, "a restart finds what is in force");
}

#[test]
fn a_gateway_follows_files_that_somebody_else_moves() {
    let watched = beside(&refuses(402));
    promote(&watched.folder.settings(), "guest").unwrap();
    wait_until("the candidate is in force", || watched.ask() == Ok(402));
    demote(&watched.folder.settings(), "guest").unwrap();
    wait_until("the one before is back", || watched.ask() == Ok(401));
}

/// The file of what is in force was overwritten with one that is not taken. That one is not what to go back to.
#[test]
fn what_was_really_in_force_is_what_demoting_brings_back() {
    let watched = Watched::with(&refuses(401));
    watched.put("guest.wasm", &guest("self-test", "declines"));
    wait_until("it is refused", || watched.status("guest").refused.is_some());
    put(&watched, &refuses(402));
    watched.plugins.promote("guest").unwrap();
    assert_eq!(hashes(&watched), [None, Some(hash(&refuses(402))), Some(hash(&refuses(401)))]);
    watched.plugins.demote("guest").unwrap();
    assert_eq!(watched.ask(), Ok(401));
}

#[test]
fn what_cannot_be_taken_back_leaves_everything_where_it_is() {
    let watched = beside(&refuses(402));
    let error = watched.plugins.demote("guest").unwrap_err();
    assert!(matches!(error, MoveError::Swap(SwapError::NoPrevious(_))), "{error:?}");
    fs::create_dir(watched.folder.path().join("previous")).unwrap();
    watched.put("previous/guest.wasm", &guest("self-test", "declines"));
    let before = hashes(&watched);
    let error = watched.plugins.demote("guest").unwrap_err();
    assert_eq!(error.to_string(), "it is not taken: plugin guest fails its self-test: no");
    assert_eq!((watched.ask(), hashes(&watched)), (Ok(401), before));
}

#[test]
fn a_promoted_plugin_that_keeps_failing_is_rolled_back() {
    let bad = guest("register", "loops");
    let watched = beside(&bad);
    watched.plugins.promote("guest").unwrap();
    while watched.ask().is_err() {
        thread::yield_now();
    }
    wait_until("it is rolled back", || version(&watched) == hash(&refuses(401)));
    wait_until("the files are back too", || {
        hashes(&watched) == [None, Some(hash(&refuses(401))), Some(hash(&bad))]
    });
}

#[test]
fn a_candidate_that_cannot_be_taken_says_why() {
    let watched = Watched::with(&refuses(401));
    fs::create_dir(watched.folder.path().join("shadow")).unwrap();
    watched.put("shadow/guest.wasm", &guest("self-test", "declines"));
    let before = hashes(&watched);
    wait_until("the candidate is refused", || watched.candidate().refused.is_some());
    let refused = watched.candidate().refused.unwrap();
    assert_eq!(refused.reason, "plugin guest fails its self-test: no");
    let error = watched.plugins.promote("guest").unwrap_err();
    assert_eq!(error.to_string(), "it is not taken: plugin guest fails its self-test: no");
    let error = promote(&watched.folder.settings(), "guest").unwrap_err();
    assert_eq!(error.to_string(), "it is not taken: plugin guest fails its self-test: no");
    assert_eq!(hashes(&watched), before);
    watched.remove("shadow/guest.wasm");
    wait_until("the candidate is gone", || watched.status("guest").candidate.is_none());
}

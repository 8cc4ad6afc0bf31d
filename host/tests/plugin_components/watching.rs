//! Files that come, change and go while the plugins are in force.

use std::{fs, io::Write, thread, time::Duration};

use sluice::plugin::State;

use crate::{
    guest::{guest, vendor},
    watched::{Watched, hash, refuses, refusing, wait_until},
};

#[test]
fn a_changed_file_takes_effect_whichever_way_it_was_written() {
    let watched = Watched::with(&refuses(401));
    assert_eq!(watched.ask(), Ok(401));
    watched.put("guest.wasm", &refuses(402));
    wait_until("the file moved into place is in force", || watched.ask() == Ok(402));
    watched.write("guest.wasm", &refuses(403));
    wait_until("the file written in place is in force", || watched.ask() == Ok(403));
    assert_eq!(watched.hash_of("previous/guest.wasm"), Some(hash(&refuses(402))), "the one before is kept");
}

#[test]
fn a_plugin_that_did_not_change_stays_warm() {
    let watched = Watched::with(&guest("register", "counts"));
    assert_eq!([watched.ask(), watched.ask()], [Ok(401), Ok(402)]);
    watched.put("gosip-sign.wasm", &fs::read(watched.folder.path().join("gosip-sign.wasm")).unwrap());
    watched.put("gosip-notify.wasm", &changed("gosip-notify"));
    wait_until("the other plugin is replaced", || watched.status("gosip-notify").before.is_some());
    assert_eq!(watched.ask(), Ok(403), "a fresh instance would begin at 401");
}

/// The bundled component with another hash: with a custom section named `x`.
fn changed(plugin: &str) -> Vec<u8> {
    let mut component = fs::read(sluice_build::plugins().unwrap().join(format!("{plugin}.wasm"))).unwrap();
    component.extend(*b"\0\x03\x01x!");
    component
}

#[test]
fn what_cannot_be_taken_leaves_the_one_before_in_force() {
    let watched = Watched::with(&refuses(401));
    let whole = refuses(402);
    for bad in [
        &b"not a component"[..],
        &whole[..whole.len() / 2],
        &guest("init", "declines"),
        &guest("self-test", "declines"),
        &guest("self-test", "loops"),
        &wat::parse_str(r#"(component (import "wasi:cli/environment@0.3.0" (instance)))"#).unwrap(),
        &fs::read(watched.folder.path().join("gosip-sign.wasm")).unwrap(),
    ] {
        watched.put("guest.wasm", bad);
        wait_until("the bad file is refused", || {
            watched.status("guest").refused.is_some_and(|refused| refused.sha256 == hash(bad))
        });
        assert_eq!(watched.status("guest").state, State::InForce);
        assert_eq!(watched.ask(), Ok(401));
    }
    watched.put("guest.wasm", &whole);
    wait_until("the good file is in force", || watched.ask() == Ok(402));
}

#[test]
fn a_truncated_file_is_not_taken_and_its_rest_is_waited_for() {
    let watched = Watched::with(&refuses(401));
    let whole = refuses(402);
    let mut file = fs::File::create(watched.folder.path().join("guest.wasm")).unwrap();
    for part in whole.chunks(whole.len() / 20 + 1) {
        file.write_all(part).unwrap();
        // Slower than the gateway would be, if it took what is there.
        #[expect(clippy::disallowed_methods, reason = "a slow copy is what is tested")]
        thread::sleep(Duration::from_millis(20));
        assert_eq!(watched.ask(), Ok(401));
    }
    drop(file);
    wait_until("the whole file is in force", || watched.ask() == Ok(402));
}

#[test]
fn what_the_configuration_names_stays_when_its_file_goes_and_comes_back() {
    let watched = Watched::with(&guest("register", "counts"));
    assert_eq!(watched.ask(), Ok(401));
    watched.remove("guest.wasm");
    wait_until("the loss is seen", || watched.status("guest").state == State::Kept);
    assert_eq!(watched.ask(), Ok(402));
    watched.put("guest.wasm", &guest("register", "counts"));
    wait_until("the file is seen", || watched.status("guest").state == State::InForce);
    assert_eq!(watched.ask(), Ok(403), "it is what was in force all the time");
}

#[test]
fn vendor_modules_come_and_go_with_their_files() {
    let watched = Watched::change(&refuses(401), |settings| settings.vendor = vec!["*".into()]);
    assert_eq!(watched.find("maker"), None);
    watched.put("maker.wasm", b"rubbish");
    wait_until("the bad file is seen", || {
        watched.find("maker").is_some_and(|maker| maker.state == State::Refused)
    });
    let module = vendor();
    watched.put("maker.wasm", &module);
    wait_until("the module is in force", || watched.status("maker").state == State::InForce);
    assert_eq!(watched.status("maker").used_for, ["vendor"]);
    watched.put("stray.wasm", &fs::read(watched.folder.path().join("gosip-sign.wasm")).unwrap());
    wait_until("the stray file is seen", || {
        watched.find("stray").is_some_and(|stray| stray.state == State::Unused)
    });
    watched.remove("maker.wasm");
    wait_until("the module is gone", || watched.find("maker").is_none());
}

#[test]
fn one_that_keeps_failing_soon_after_a_swap_is_rolled_back() {
    let watched = Watched::with(&refuses(401));
    let bad = guest("register", "loops");
    watched.put("guest.wasm", &bad);
    wait_until("the bad one is in force", || watched.status("guest").before.is_some());
    wait_until("the one before is back", || watched.ask() == Ok(401));
    let status = watched.status("guest");
    assert_eq!((status.state, status.before), (State::InForce, None));
    let refused = status.refused.unwrap();
    assert_eq!(refused.sha256, hash(&bad));
    assert_eq!(refused.reason, "rolled back, since it kept failing: ended after 5ms of CPU time");
    wait_until("the files are back too", || watched.hash_of("guest.wasm") == Some(hash(&refuses(401))));
    assert_eq!(watched.hash_of("previous/guest.wasm"), Some(hash(&bad)));
}

#[test]
fn what_a_plugin_stored_outlives_its_replacement_and_so_do_its_figures() {
    let name = "(i32.const 2048) (i32.const 1)";
    let writes = format!(
        "(block (result i32) (call $kv-write {name} (i32.const 1) {name} (i32.const 3072)) (i32.const 401))"
    );
    // 402 where there is a value.
    let reads = format!(
        "(block (result i32) (call $kv-read {name} (i32.const 3072)) (i32.sub (i32.const 403) (i32.load8_u (i32.const 3076))))"
    );
    let watched = Watched::with(&refusing(&writes));
    assert_eq!(watched.ask(), Ok(401));
    watched.put("guest.wasm", &refusing(&reads));
    wait_until("the other one is in force", || watched.status("guest").before.is_some());
    assert_eq!(watched.ask(), Ok(402));
    assert_eq!(watched.status("guest").calls["ok"], 2);
}

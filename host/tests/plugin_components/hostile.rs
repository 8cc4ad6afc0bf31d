//! Guests that loop, hoard, trap, pester and gush: each is ended by itself, and the next call works.

use std::{collections::HashMap, sync::Barrier, thread, time::Duration};

use sluice::plugin::{
    Error, Fault, Limits, Plugins, Secret, Settings,
    auth::Verdict,
    sign::{self, Subject},
    types::Refusal,
};

use crate::guest::{Folder, guest, registration};

/// The guest `name` in force, with time enough by the wall clock for a busy machine.
fn plugins(name: &str) -> Plugins {
    let folder = Folder::with(&guest("register", name));
    let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
    Plugins::load(&Settings { limits, ..folder.settings() }).unwrap()
}

fn faults(plugins: &Plugins, calls: usize) -> Vec<Fault> {
    (0..calls).map(|_| plugins.register(&registration(), None).unwrap_err().fault).collect()
}

fn publish() -> sign::Request {
    sign::Request {
        subject: Subject::Publish,
        method: "GET".into(),
        path: "/rtp/0BEBC200".into(),
        query: vec![],
        source: "192.0.2.9".into(),
        stream: None,
        attributes: vec![],
    }
}

#[test]
fn an_endless_loop_ends_after_its_cpu_time_while_others_work() {
    let plugins = plugins("loops");
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let looping = scope.spawn(|| {
            together.wait();
            faults(&plugins, 3)
        });
        together.wait();
        let key = Secret::new("key");
        while !looping.is_finished() {
            assert_eq!(plugins.check_sign(&publish(), &key), Ok(sign::Verdict::Allow));
        }
        assert_eq!(looping.join().unwrap(), vec![Fault::Cpu(Duration::from_millis(5)); 3]);
    });
}

#[test]
fn waiting_long_ends_by_the_wall_clock() {
    let folder = Folder::with(&guest("register", "loops"));
    let limits =
        Limits { cpu: Duration::from_secs(60), wall: Duration::from_millis(20), ..Limits::default() };
    let plugin_limits = HashMap::from([("guest".to_owned(), limits)]);
    let plugins = Plugins::load(&Settings { plugin_limits, ..folder.settings() }).unwrap();
    assert_eq!(faults(&plugins, 1), [Fault::Wall(Duration::from_millis(20))]);
}

#[test]
fn hoarding_is_refused_and_told_apart_from_a_trap() {
    assert_eq!(faults(&plugins("hoards"), 3), vec![Fault::Memory(16 << 20); 3]);
}

#[test]
fn pestering_the_host_has_an_end() {
    assert_eq!(faults(&plugins("pesters"), 3), vec![Fault::HostCalls; 3]);
}

#[test]
fn a_full_stack_is_the_guests_own() {
    let fault = faults(&plugins("recurses"), 1).remove(0);
    assert_eq!(fault, Fault::Trap("wasm trap: call stack exhausted".into()));
}

#[test]
fn an_answer_has_a_size() {
    let fault = faults(&plugins("gushes"), 1).remove(0);
    assert!(matches!(&fault, Fault::Trap(text) if text.contains("too much data")), "{fault:?}");
}

#[test]
fn after_a_trap_the_next_call_gets_a_fresh_instance() {
    let plugins = plugins("falters");
    let trap = Error {
        plugin: "guest".into(),
        fault: Fault::Trap("wasm trap: wasm `unreachable` instruction executed".into()),
    };
    for _ in 0..2 {
        assert_eq!(plugins.register(&registration(), None), Ok(Verdict::Admit));
        assert_eq!(plugins.register(&registration(), None), Err(trap.clone()));
    }
    let figures = plugins.figures().into_iter().find(|figures| figures.plugin == "guest").unwrap();
    assert_eq!((figures.calls["ok"], figures.calls["trap"]), (2, 2));
}

#[test]
fn one_that_keeps_failing_is_set_aside() {
    let plugins = plugins("pesters");
    assert_eq!(faults(&plugins, 6), vec![Fault::HostCalls; 6]);
    let aside = faults(&plugins, 1).remove(0);
    assert!(matches!(aside, Fault::Unavailable(left) if left <= Duration::from_millis(200)), "{aside:?}");
}

#[test]
fn an_error_is_no_fault_of_the_sandbox() {
    let plugins = plugins("declines");
    assert_eq!(faults(&plugins, 20), vec![Fault::Guest("no".into()); 20]);
}

fn statuses(plugins: &Plugins) -> Vec<u16> {
    let refusal = |_| match plugins.register(&registration(), None).unwrap() {
        Verdict::Refuse(Refusal { status, .. }) => status,
        other => panic!("{other:?}"),
    };
    (0..4).map(refusal).collect()
}

#[test]
fn an_instance_stays_warm_until_its_memory_has_doubled() {
    assert_eq!(statuses(&plugins("counts")), [401, 402, 403, 404]);
    assert_eq!(statuses(&plugins("swells")), [401; 4]);
}

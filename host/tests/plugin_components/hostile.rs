//! Guests that misbehave: each is ended by itself, it is said exactly why, and the next call works.

use std::{
    collections::HashMap,
    fs, io,
    sync::{Barrier, Mutex},
    thread,
    time::{Duration, Instant},
};

use sluice::plugin::{
    Credential, Error, Fault, Limits, Plugins, Secret, Settings,
    auth::Verdict,
    notify,
    sign::{self, Subject},
    types::Refusal,
};

use crate::guest::{Folder, guest, registration};

/// The guest `name` in force, with time enough by the wall clock for a busy machine.
fn plugins(name: &str) -> Plugins {
    acting("register", name)
}

/// The guest `name` in force for what asks its function `hook`.
fn acting(hook: &str, name: &str) -> Plugins {
    let folder = Folder::with(&guest(hook, name));
    let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
    let settings = Settings { limits, ..folder.settings() };
    let bundled = Settings { folder: settings.folder.clone(), limits, ..crate::guest::bundled() };
    let settings = match hook {
        "check" => Settings { sign: "guest".into(), ..bundled },
        "format" => Settings { notify: vec!["guest".into()], ..bundled },
        _ => settings,
    };
    Plugins::load(&settings).unwrap()
}

/// What each guest is ended with; it is the same wherever it sits.
fn ends() -> Vec<(&'static str, Fault)> {
    let trap = |text: &str| Fault::Trap(text.into());
    vec![
        ("loops", Fault::Cpu(Duration::from_millis(5))),
        ("hoards", Fault::Memory(16 << 20)),
        ("recurses", trap("wasm trap: call stack exhausted")),
        ("traps", unreachable()),
        (
            "gushes",
            trap(
                "too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted",
            ),
        ),
        ("cuts", trap("incomplete utf-8 byte sequence from index 0")),
        ("overreaches", trap("string pointer/length out of bounds of memory")),
        ("garbles", trap("invalid utf-8 sequence of 1 bytes from index 0")),
        ("stuffs", Fault::Guest("the plugin's 1048576 bytes are full".into())),
        ("declines", Fault::Guest("no".into())),
        ("pesters", Fault::HostCalls),
    ]
}

/// How `(unreachable)` ends.
fn unreachable() -> Fault {
    Fault::Trap("wasm trap: wasm `unreachable` instruction executed".into())
}

/// What each guest is ended with as its function `hook`, the third time that it is asked: by then the store is full.
fn ended(hook: &str, ask: impl Fn(&Plugins) -> Option<Error>) -> Vec<(&'static str, Fault)> {
    let ended = |(name, _): (&'static str, Fault)| {
        let plugins = acting(hook, name);
        let third = (0..3).map(|_| ask(&plugins)).last().flatten();
        (name, third.expect("no decision").fault)
    };
    ends().into_iter().map(ended).collect()
}

#[test]
fn nobody_is_let_in_by_a_guest_that_fails() {
    let register = |plugins: &Plugins| plugins.register(&registration(), None).err();
    assert_eq!(ended("register", register), ends());
    let issued = || Some(Credential::new("12345678"));
    let register = |plugins: &Plugins| plugins.register(&registration(), issued()).err();
    assert_eq!(ended("register", register), ends());
}

#[test]
fn no_call_is_allowed_by_a_guest_that_fails() {
    let check = |plugins: &Plugins| plugins.check_sign(&publish(), &Secret::new("key")).err();
    assert_eq!(ended("check", check), ends());
}

#[test]
fn no_event_is_worded_by_a_guest_that_fails() {
    let format = |plugins: &Plugins| plugins.format(&["guest".into()], &event(), &Secret::new("key")).err();
    assert_eq!(ended("format", format), ends());
}

fn event() -> notify::Event {
    notify::Event {
        id: "1".into(),
        method: "users.active".into(),
        time: 1_795_327_767,
        data: "{}".into(),
        url: "http://192.0.2.1/".into(),
        attributes: vec![],
    }
}

fn faults(plugins: &Plugins, calls: usize) -> Vec<Fault> {
    (0..calls).map(|_| plugins.register(&registration(), None).unwrap_err().fault).collect()
}

pub(crate) fn publish() -> sign::Request {
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
fn after_a_trap_the_next_call_gets_a_fresh_instance() {
    let plugins = plugins("falters");
    let trap = Error { plugin: "guest".into(), fault: unreachable() };
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

/// A plugin that fails for one device only must not be taken away from all others by it.
#[test]
fn one_that_answers_more_than_it_fails_is_asked_on() {
    let plugins = plugins("stumbles");
    for call in 1..=90 {
        let answer = plugins.register(&registration(), None);
        match call % 3 {
            0 => assert_eq!(answer.unwrap_err().fault, unreachable(), "call {call}"),
            _ => assert_eq!(answer, Ok(Verdict::Admit), "call {call}"),
        }
    }
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

/// What is logged of the plugin `ranter`.
static PAGE: Mutex<String> = Mutex::new(String::new());

/// Writes to [`PAGE`]. The subscriber is the process's own: what a thread sets for itself may come too late for a line
/// that another thread has passed already.
struct Page;

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains("plugin=ranter") {
            PAGE.lock().unwrap().push_str(&line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flood_of_log_lines_is_cut_and_the_decision_counts() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Page).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    let folder = Folder::with(&[]);
    fs::write(folder.path().join("ranter.wasm"), guest("register", "rants")).unwrap();
    // Writing lines takes an unoptimised gateway longer than a call may take.
    let limits = Limits { cpu: Duration::from_secs(1), wall: Duration::from_secs(60), ..Limits::default() };
    let plugins = Plugins::load(&Settings { auth: "ranter".into(), limits, ..folder.settings() }).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the quota is one of real seconds")]
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(plugins.register(&registration(), None), Ok(Verdict::Admit));
    }
    let seconds = start.elapsed().as_secs();
    let page = PAGE.lock().unwrap();
    let lines = page.lines().filter(|line| line.contains("      ")).count() as u64;
    assert!((50..=50 * (seconds + 1)).contains(&lines), "{lines} of 10,000 lines in {seconds} s and a part");
    assert!(page.lines().all(|line| line.len() < 1_200), "a line is longer than 1 KiB");
}

//! Which recordings go: the bundled policies, and guests that choose what is not theirs or choose nothing.

use std::collections::HashMap;

use sluice::plugin::{
    Fault, Plugins, Settings,
    cleanup::{Deletion, Disk, Recording, Sweep},
    types::Attribute,
};

use crate::guest::{Folder, bundled, guest};

const DAY: u64 = 86_400;

/// A page of files named for how many days ago each was finished.
pub(crate) fn page(days: &[u64]) -> Sweep {
    const NOW: u64 = 1_795_327_767;
    let recording = |days: &u64| Recording {
        id: days.to_string(),
        stream: "0BEBC201".into(),
        channel: "37070000081318000001".into(),
        path: format!("rtp/0BEBC201/2026-11-22/{days}.mp4"),
        size: 1 << 30,
        start: NOW - days * DAY - 600,
        end: NOW - days * DAY,
        attributes: vec![],
    };
    Sweep {
        now: NOW,
        disk: Disk { total: 100 << 30, free: 5 << 30 },
        recordings: days.iter().map(recording).collect(),
        more: false,
        attributes: vec![],
    }
}

fn deletion(id: &str, reason: &str) -> Deletion {
    Deletion { id: id.into(), reason: reason.into() }
}

fn of_guest(name: &str) -> Plugins {
    let folder = Folder::with(&guest("select", name));
    let settings = Settings { folder: folder.path().to_owned(), cleanup: Some("guest".into()), ..bundled() };
    Plugins::load(&settings).unwrap()
}

#[test]
fn what_is_too_old_goes() {
    let plugins = Plugins::load(&bundled()).unwrap();
    let mut page = page(&[40, 8, 6]);
    let [forty, eight] = [("40", "40 days old, kept for 7"), ("8", "8 days old, kept for 7")]
        .map(|(id, why)| deletion(id, why));
    assert_eq!(plugins.select_recordings(&page), Ok(vec![forty, eight]));
    page.attributes = vec![Attribute { name: "record.expire".into(), value: "30".into() }];
    assert_eq!(plugins.select_recordings(&page), Ok(vec![deletion("40", "40 days old, kept for 30")]));
}

#[test]
fn the_oldest_go_while_the_disk_is_too_full() {
    let percent = serde_json::json!({ "percent": 93 });
    let configs = HashMap::from([("disk-watermark".to_owned(), percent)]);
    let settings = Settings { cleanup: Some("disk-watermark".into()), configs, ..bundled() };
    let plugins = Plugins::load(&settings).unwrap();
    let why = "the disk is 95 % full, 93 % allowed";
    assert_eq!(
        plugins.select_recordings(&page(&[4, 3, 2, 1])),
        Ok(vec![deletion("4", why), deletion("3", why)])
    );
}

#[test]
fn where_nobody_decides_nothing_goes() {
    let plugins = Plugins::load(&Settings { cleanup: None, ..bundled() }).unwrap();
    assert_eq!(plugins.select_recordings(&page(&[9_999])), Ok(vec![]));
}

#[test]
fn a_choice_that_is_not_on_the_page_is_ignored_and_counted() {
    let plugins = of_guest("invents");
    assert_eq!(plugins.select_recordings(&page(&[2, 1])), Ok(vec![deletion("2", "no")]));
    let figures = plugins.figures().into_iter().find(|figures| figures.plugin == "guest").unwrap();
    assert_eq!((figures.calls["ok"], figures.calls["answer"]), (1, 1));
}

#[test]
fn without_a_decision_nothing_goes() {
    let fault = |name: &str| of_guest(name).select_recordings(&page(&[9_999])).unwrap_err().fault;
    assert_eq!(fault("traps"), Fault::Trap("wasm trap: wasm `unreachable` instruction executed".into()));
    assert_eq!(fault("declines"), Fault::Guest("no".into()));
}

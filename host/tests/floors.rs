//! Holds the house together: imports point downward only, each outside crate has one home, files stay small.
//! A new fence is a line in [`FENCES`].

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file below `src`, and words that its code must not say.
const FENCES: &[(&str, &[&str])] = &[
    // Floor 0: codecs and machines, without input, output or a clock.
    (
        "gb28181",
        &["tokio::", "net::Udp", "net::Tcp", "std::fs", "Instant::now", "crate::sip", "crate::store"],
    ),
    ("sip/core", &["tokio::", "net::Udp", "net::Tcp", "std::fs", "Instant::now", "crate::gb28181"]),
    // Doors are strangers to one another and know nothing above them.
    (
        "sip",
        &["crate::store", "crate::media", "crate::plugin", "crate::gateway", "crate::http", "crate::config"],
    ),
    (
        "store",
        &["crate::sip", "crate::media", "crate::plugin", "crate::gateway", "crate::http", "crate::config"],
    ),
    (
        "media",
        &["crate::sip", "crate::store", "crate::plugin", "crate::gateway", "crate::http", "crate::config"],
    ),
    (
        "plugin",
        &["crate::sip", "crate::store", "crate::media", "crate::gateway", "crate::http", "crate::config"],
    ),
    // The domain knows no face, and a face no device and no policy.
    ("gateway", &["crate::http"]),
    ("http", &["crate::sip", "crate::plugin"]),
];

/// An outside crate or a dangerous word, and where alone it may be named.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow::", &["cli", "main.rs"]),
    ("axum::", &["http"]),
    ("hyper::", &["http"]),
    ("prometheus_client::", &["http/metrics.rs"]),
    ("quick_xml::", &["gb28181"]),
    ("reqwest::", &["gateway/event.rs", "media"]),
    ("rsip::", &["sip/core/message.rs"]),
    ("rusqlite::", &["store"]),
    ("toml::", &["cli/cases", "config"]),
    ("unlinkat", &["media/folder.rs"]),
    ("wasmparser::", &["plugin/peek.rs"]),
    ("wasmtime::", &["plugin"]),
];

/// Lines of one file, its tests counted.
const LONGEST: usize = 500;

#[test]
fn no_file_says_a_word_that_its_floor_forbids() {
    let mut broken = Vec::new();
    for (place, words) in FENCES {
        for (path, code) in sources().into_iter().filter(|(path, _)| path.starts_with(place)) {
            let said = words.iter().filter(|word| code.contains(**word));
            broken.extend(said.map(|word| format!("{} says {word}", path.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_outside_crate_stays_at_home() {
    let mut broken = Vec::new();
    for (path, code) in sources() {
        for (word, homes) in HOMES {
            let at_home = homes.iter().any(|home| path.starts_with(home));
            if !at_home && code.contains(word) {
                broken.push(format!("{} says {word}, whose home is {homes:?}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn files_fit_in_the_head() {
    let long = sources().into_iter().filter(|(_, code)| code.lines().count() > LONGEST);
    let long: Vec<_> = long.map(|(path, code)| (path, code.lines().count())).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_fences_stand_around_something() {
    let sources = sources();
    let places = FENCES.iter().map(|(place, _)| place).chain(HOMES.iter().flat_map(|(_, homes)| *homes));
    for place in places {
        assert!(sources.iter().any(|(path, _)| path.starts_with(place)), "nothing is left in {place}");
    }
}

/// Every source below `src`, by its path there, without comments and tests: they may name what they like.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = fs::read_to_string(&path).expect("sources are UTF-8");
                let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                sources.push((path.strip_prefix(&root).expect("it is below").to_owned(), code.join("\n")));
            }
        }
    }
    sources
}

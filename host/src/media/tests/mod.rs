//! Tests against recordings of a real media server, in `tests/data/zlm`.

mod calls;
mod failures;
mod folder;
mod hooks;
mod server;

use std::{fs, path::PathBuf};

use serde_json::Value;

/// The recordings of a kind, `api` or `hooks`, whose name begins with `prefix`: name without `.json`, and
/// contents, in the order of the names.
fn recordings(kind: &str, prefix: &str) -> Vec<(String, Value)> {
    let folder = folder(kind);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .map(|name| name.trim_end_matches(".json").to_owned())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), recording(kind, &name))).collect()
}

fn recording(kind: &str, name: &str) -> Value {
    let bytes = fs::read(folder(kind).join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn folder(kind: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/zlm")).join(kind)
}

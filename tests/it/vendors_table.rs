//! `docs/vendors.md` says of every observation where it belongs and which test proves it: that there is a row for
//! each, that the tests exist, and that what is open is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many observations there are.
const OBSERVATIONS: u32 = 65;

/// Where an observation can belong.
const PLACES: [&str; 5] = ["host tolerance", "host behaviour", "profile", "hook", "not ours"];

/// What is looked at of a row: number, what, who, where it belongs, what sluice does, proof.
struct Row {
    number: u32,
    place: String,
    proof: String,
}

#[test]
fn every_observation_has_its_row_and_every_row_its_proof() {
    let document = read("docs/vendors.md");
    let rows = rows(&document);
    let numbers: BTreeSet<u32> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=OBSERVATIONS).collect());

    let tests = tests();
    for Row { number, place, proof } in &rows {
        assert!(PLACES.iter().any(|known| place.starts_with(known)), "{number} belongs to {place:?}");
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(tests.contains(*name), "{number} is to be proved by {name}, which is not there");
        }
        let stated = !named.is_empty() || proof.starts_with("to come: ");
        assert_eq!(stated, !place.starts_with("not ours"), "{number}: {proof:?}");
    }
}

#[test]
fn what_is_open_is_listed() {
    let document = read("docs/vendors.md");
    let mut open: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for row in rows(&document) {
        let modules = row.proof.split_once("to come: ").map_or("", |(_, modules)| modules);
        for module in modules.split(", ").filter(|module| !module.is_empty()) {
            open.entry(module.to_owned()).or_default().insert(row.number);
        }
    }
    let (_, list) = document.split_once("\n## Open\n").expect("the list of what is open");
    let mut listed = BTreeMap::new();
    for line in list.lines().filter_map(|line| line.strip_prefix("- ")) {
        let (module, numbers) = line.split_once(": ").expect("a module and its numbers");
        let numbers = numbers.split(", ").map(|number| number.parse().expect("a number")).collect();
        listed.insert(module.to_owned(), numbers);
    }
    assert_eq!(listed, open);
}

fn rows(document: &str) -> Vec<Row> {
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::trim);
        let number = cells.next()?.parse().ok()?;
        let cells: Vec<&str> = cells.collect();
        assert_eq!(cells.len(), 5, "{line}");
        Some(Row { number, place: cells[2].to_owned(), proof: cells[4].to_owned() })
    });
    rows.collect()
}

/// The names of all test functions of the project.
pub(crate) fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["host", "plugins", "tests"] {
        collect(&root().join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("readable");
            let after = |mark: &'static str| source.split(mark).skip(1);
            let tested = after("#[test]").chain(after("#[tokio::test"));
            let name = |after: &str| Some(after.split_once("fn ")?.1.split_once('(')?.0.to_owned());
            names.extend(tested.filter_map(name));
        }
    }
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("part of the project")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

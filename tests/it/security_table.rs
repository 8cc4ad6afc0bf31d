//! `docs/security.md` says of every threat and of every line of its checklist what is done and which test proves it:
//! that the tests exist, that no line is missing, and that what is not done has a reason.

use std::collections::BTreeSet;

use crate::vendors_table::{read, tests};

/// The lines of the checklist: how many there are under each heading.
const LINES: [(&str, u32); 5] =
    [("authentication", 5), ("parsing", 3), ("robustness", 4), ("scanners", 1), ("traffic", 6)];

/// The cells of every row of a table whose head begins so.
fn rows(document: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut within = false;
    for line in document.lines() {
        if !line.starts_with('|') {
            within = false;
        } else if line.starts_with(head) {
            within = true;
        } else if within && !line.starts_with("| ---") {
            let cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
    }
    rows
}

/// The tests that a proof names; what has a space in it is a command.
fn named(proof: &str) -> Vec<&str> {
    proof.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')).collect()
}

#[test]
fn every_defence_has_a_proof_that_exists() {
    let document = read("docs/security.md");
    let tests = tests();
    let defences = [rows(&document, "| threat |"), rows(&document, "| where |")].concat();
    assert!(defences.len() > 20, "{} rows", defences.len());
    for row in &defences {
        assert_eq!(row.len(), 3, "{row:?}");
        assert!(!named(&row[2]).is_empty(), "{} has no proof", row[0]);
        for name in named(&row[2]) {
            assert!(tests.contains(name), "{} is to be proved by {name}, which is not there", row[0]);
        }
    }
}

#[test]
fn every_line_of_the_checklist_is_done_refused_or_waits() {
    let document = read("docs/security.md");
    let tests = tests();
    let rows = rows(&document, "| line |");
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.len(), 5, "{row:?}");
        let [line, what, state, how, proof] = [0, 1, 2, 3, 4].map(|cell| row[cell].as_str());
        seen.insert(line);
        assert!(!how.is_empty(), "{line}: {what}");
        match state {
            "done" => assert!(proof.contains('`'), "{what} is done without a proof"),
            "refused" | "waits" => {}
            other => panic!("{what} is {other}"),
        }
        for name in named(proof) {
            assert!(tests.contains(name), "{what} is to be proved by {name}, which is not there");
        }
    }
    let lines =
        LINES.iter().flat_map(|(heading, count)| (1..=*count).map(move |line| format!("{heading} {line}")));
    assert_eq!(seen, lines.collect::<BTreeSet<_>>().iter().map(String::as_str).collect());
}

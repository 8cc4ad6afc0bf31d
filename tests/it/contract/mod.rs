//! The contract from outside: a test named for each row of its tables, on the running binary.
//!
//! The contract itself is `tests/data/contract/gosip-api.md`; [`every_row_has_its_test`] reads it.

mod api;
mod code;
mod hook;
mod house;
mod notify;

use std::collections::HashSet;

use serde_json::{Value, json};
use sluice_tests::site::Reply;

use crate::envelope::bare;
use house::{alone, shared};

const CONTRACT: &str = include_str!("../../data/contract/gosip-api.md");

const TESTS: [&str; 4] =
    [include_str!("api.rs"), include_str!("code.rs"), include_str!("hook.rs"), include_str!("notify.rs")];

/// HTTP status and envelope of an answer, without `time` and `id`, which are looked at.
fn whole(reply: Reply) -> (u16, Value) {
    bare(reply, &mut HashSet::new())
}

fn success(data: Value) -> (u16, Value) {
    (200, json!({ "code": "0", "data": data, "time": null, "id": null }))
}

/// The first cells of a section's table, and where a section has none, the hooks that it names.
fn rows(section: &str) -> Vec<&'static str> {
    let heading = format!("\n## {section}");
    let (_, text) = CONTRACT.split_once(&heading).expect("a section of the contract");
    let text = text.split("\n## ").next().expect("a first piece");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let cells: Vec<_> = cells.skip(2).collect();
    if !cells.is_empty() {
        return cells;
    }
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.starts_with("on_")).collect()
}

/// `/users/:id/update` is tested by `api_users_id_update`, `users.active` by `notify_users_active`.
fn test_of(kind: &str, row: &str) -> String {
    let name = row.split(' ').next().unwrap_or_default().replace([':', '`', '"'], "");
    format!("fn {kind}_{}()", name.trim_matches('/').replace(['/', '.'], "_"))
}

#[test]
fn every_row_has_its_test() {
    let mut count = 0;
    for (kind, section) in
        [("api", "API"), ("code", "Envelope"), ("hook", "ZLMediaKit"), ("notify", "Notify")]
    {
        for row in rows(section) {
            let test = test_of(kind, row);
            assert!(TESTS.iter().any(|tests| tests.contains(&test)), "{row} needs {test}");
            count += 1;
        }
    }
    assert_eq!(count, 11 + 5 + 11 + 4, "rows of the contract");
}

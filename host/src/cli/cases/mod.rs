//! Files of cases: what a plugin is given, and what it is expected to answer.
//!
//! ```toml
//! config = { networks = ["10."] }                 # as [plugins.config.<name>]
//!
//! [[sign.check]]                                  # interface and function, as in wit/
//! name = "a viewer from inside"
//! given = { subject = "play", source = "10.0.0.7" }   # the rest has defaults
//! expect = "allow"                                # or error = "part of its text"
//! ```
//!
//! Each case has a fresh instance. `kv` is what the plugin finds stored, `now-ms` is what its clock shows.
//!
//! | file | job |
//! | --- | --- |
//! | `row` | one case: ask, compare |
//! | `auth`, `cleanup`, `notify`, `sign`, `vendor` | what each function is given and answers |
//! | `words` | the contract's enums by their names |
//! | `difference` | expected and actual, side by side |

mod auth;
mod cleanup;
mod difference;
mod notify;
mod row;
mod sign;
mod vendor;
mod words;

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use sluice::plugin::Role;

pub(crate) use difference::Difference;
use row::Row;
pub(crate) use row::{Ask, Case, Outcome, sample};

/// A file of cases, in the order of the interfaces.
pub(crate) struct Suite {
    /// The plugin's configuration.
    pub(crate) config: Value,
    pub(crate) cases: Vec<Box<dyn Case>>,
    text: String,
}

impl Suite {
    /// Reads a file.
    ///
    /// Errors: it cannot be read, is not TOML, holds a key that is not known (with its line), or no case.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(text).with_context(|| path.display().to_string())
    }

    fn parse(text: String) -> anyhow::Result<Self> {
        let file: File = toml::from_str(&text)?;
        let config = serde_json::to_value(&file.config)?;
        let suite = Self { config, cases: file.cases(), text };
        ensure!(!suite.cases.is_empty(), "there is no case; begin one with `[[auth.register]]` or its like");
        for case in &suite.cases {
            if let Err(error) = case.check() {
                bail!("line {}: {error}", suite.line(&**case));
            }
        }
        Ok(suite)
    }

    /// The line that a case's name stands on.
    pub(crate) fn line(&self, case: &dyn Case) -> usize {
        let before = self.text.as_bytes().iter().take(case.offset());
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// Fails, naming the line, if a case asks for an interface that is not among `roles`.
    pub(crate) fn expect_roles(&self, roles: &[Role]) -> anyhow::Result<()> {
        let Some(case) = self.cases.iter().find(|case| !roles.contains(&case.role())) else { return Ok(()) };
        let (line, function) = (self.line(&**case), case.function());
        bail!("line {line} asks for {function}, but the component does not export {}", case.role())
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct File {
    config: toml::Table,
    auth: Auth,
    cleanup: Cleanup,
    notify: Notify,
    sign: Sign,
    vendor: Vendor,
}

impl File {
    fn cases(self) -> Vec<Box<dyn Case>> {
        let mut cases = Vec::new();
        append(&mut cases, self.auth.register);
        append(&mut cases, self.cleanup.select);
        append(&mut cases, self.notify.format);
        append(&mut cases, self.notify.accepted);
        append(&mut cases, self.sign.check);
        append(&mut cases, self.vendor.claim);
        append(&mut cases, self.vendor.repair);
        append(&mut cases, self.vendor.catalog);
        append(&mut cases, self.vendor.offer);
        append(&mut cases, self.vendor.answer);
        append(&mut cases, self.vendor.control);
        cases
    }
}

fn append<C: Case + 'static>(cases: &mut Vec<Box<dyn Case>>, rows: Vec<C>) {
    cases.extend(rows.into_iter().map(|row| Box::new(row) as Box<dyn Case>));
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Auth {
    register: Vec<Row<auth::Register>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cleanup {
    select: Vec<Row<cleanup::Select>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Notify {
    accepted: Vec<Row<notify::Accepted>>,
    format: Vec<Row<notify::Format>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sign {
    check: Vec<Row<sign::Check>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Vendor {
    answer: Vec<Row<vendor::Answer>>,
    catalog: Vec<Row<vendor::Catalog>>,
    claim: Vec<Row<vendor::Claim>>,
    control: Vec<Row<vendor::Control>>,
    offer: Vec<Row<vendor::Offer>>,
    repair: Vec<Row<vendor::Repair>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Suite::parse(text.to_owned()).err().expect("it is wrong").to_string()
    }

    #[test]
    fn a_file_has_a_configuration_and_cases_with_lines() {
        let text = "config = { a = [1] }\n\n[[sign.check]]\nname = \"one\"\nexpect = \"allow\"\n\n\
                    [[auth.register]]\nname = \"two\"\nexpect = \"admit\"\n";
        let suite = Suite::parse(text.to_owned()).unwrap();
        assert_eq!(suite.config, serde_json::json!({"a": [1]}));
        let cases: Vec<_> = suite.cases.iter().map(|case| (case.title(), suite.line(&**case))).collect();
        assert_eq!(cases, [("auth.register: two".to_owned(), 8), ("sign.check: one".to_owned(), 4)]);
        assert_eq!(
            suite.expect_roles(&[Role::Auth]).unwrap_err().to_string(),
            "line 4 asks for sign.check, but the component does not export sign"
        );
    }

    #[test]
    fn what_is_not_known_is_an_error_with_its_line() {
        let slips = [
            ("[[sign.chek]]\n", "line 1"),
            ("[[sign.check]]\nname = \"n\"\nexpct = \"allow\"\n", "line 3"),
            ("[[sign.check]]\nname = \"n\"\nexpect = \"allow\"\ngiven = { patch = \"/\" }\n", "line 4"),
            ("[[auth.register]]\nname = \"n\"\nexpect.refuse.staus = 403\n", "line 3"),
            ("[[auth.register]]\nname = \"n\"\nexpect = \"admitted\"\n", "line 3"),
        ];
        for (text, line) in slips {
            let error = error(text);
            assert!(error.contains(line) && error.contains("unknown"), "{text}: {error}");
        }
    }

    #[test]
    fn a_case_without_an_expectation_is_an_error() {
        let error = error("# one\n[[sign.check]]\nname = \"n\"\n");
        assert_eq!(error, "line 3: give either `expect` or `error`");
    }

    #[test]
    fn a_file_without_cases_is_an_error() {
        assert!(error("config = {}\n").starts_with("there is no case"));
    }
}

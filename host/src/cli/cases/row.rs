//! One case: what it asks, and how its answer is held against what is expected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice::plugin::{Error, Plugin, ResetError, Role, Trial, types::Attribute};
use toml::Spanned;

use super::{
    Difference, auth, cleanup,
    difference::{compare, shown},
    notify, sign, vendor,
};

/// A function of the contract: what it is given, with a sample for what a case leaves out, and what it answers.
pub(super) trait Question: Default + DeserializeOwned + 'static {
    const ROLE: Role;
    /// As in `wit/`.
    const FUNCTION: &'static str;
    /// The arguments.
    type Asked: 'static;
    type Answer: DeserializeOwned + Serialize + 'static;

    /// Errors: a case that makes no sense.
    fn asked(&self) -> Result<Self::Asked, String>;
    fn ask(asked: &Self::Asked, plugin: &Plugin) -> Result<Self::Answer, Error>;
}

/// One case as its file has it.
#[derive(Deserialize)]
#[serde(bound = "", deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Row<Q: Question> {
    name: Spanned<String>,
    #[serde(default)]
    kv: BTreeMap<String, String>,
    now_ms: Option<u64>,
    #[serde(default)]
    given: Q,
    expect: Option<Q::Answer>,
    error: Option<String>,
}

/// A case of whatever function.
pub(crate) trait Case {
    /// Where its name stands in the file.
    fn offset(&self) -> usize;
    fn role(&self) -> Role;
    /// Such as `auth.register`.
    fn function(&self) -> String;
    fn title(&self) -> String;
    /// Whether the case makes sense.
    fn check(&self) -> Result<(), String>;
    /// Gives it a fresh instance, with what the case says is stored, at the time that it says.
    fn set_up(&self, trial: &mut Trial) -> Result<(), ResetError>;
    /// Asks a fresh instance, and compares.
    fn run(&self, trial: &mut Trial) -> anyhow::Result<Outcome>;
    /// Something to measure: asks, whatever the answer.
    fn question(&self) -> Result<Ask, String>;
}

/// Asks a plugin; answers whether there was a decision.
pub(crate) type Ask = Box<dyn Fn(&Plugin) -> Result<(), Error>>;

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Different(Vec<Difference>),
    Same,
}

impl<Q: Question> Case for Row<Q> {
    fn offset(&self) -> usize {
        self.name.span().start
    }

    fn role(&self) -> Role {
        Q::ROLE
    }

    fn function(&self) -> String {
        format!("{}.{}", Q::ROLE, Q::FUNCTION)
    }

    fn title(&self) -> String {
        format!("{}: {}", self.function(), self.name.get_ref())
    }

    fn check(&self) -> Result<(), String> {
        if self.expect.is_some() == self.error.is_some() {
            return Err("give either `expect` or `error`".into());
        }
        self.given.asked().map(drop)
    }

    fn set_up(&self, trial: &mut Trial) -> Result<(), ResetError> {
        trial.reset(&self.kv, self.now_ms)
    }

    fn run(&self, trial: &mut Trial) -> anyhow::Result<Outcome> {
        self.set_up(trial)?;
        let asked = self.given.asked().map_err(anyhow::Error::msg)?;
        let differences = self.compare(Q::ask(&asked, &trial.plugin))?;
        Ok(if differences.is_empty() { Outcome::Same } else { Outcome::Different(differences) })
    }

    fn question(&self) -> Result<Ask, String> {
        question(&self.given)
    }
}

impl<Q: Question> Row<Q> {
    fn compare(&self, answer: Result<Q::Answer, Error>) -> anyhow::Result<Vec<Difference>> {
        let expected = serde_json::to_value(&self.expect)?;
        let differ = |place: &str, expected: String, actual: String| {
            vec![Difference { place: place.to_owned(), expected, actual }]
        };
        Ok(match (answer, &self.error) {
            (Ok(answer), None) => compare(&expected, &serde_json::to_value(answer)?),
            (Ok(answer), Some(error)) => differ(
                "error",
                error.clone(),
                format!("an answer: {}", shown(&serde_json::to_value(answer)?)),
            ),
            (Err(error), None) => differ("expect", shown(&expected), format!("no answer: {}", error.fault)),
            (Err(error), Some(part)) if error.fault.to_string().contains(part.as_str()) => Vec::new(),
            (Err(error), Some(part)) => differ("error", part.clone(), error.fault.to_string()),
        })
    }
}

fn question<Q: Question>(given: &Q) -> Result<Ask, String> {
    let asked = given.asked()?;
    Ok(Box::new(move |plugin| Q::ask(&asked, plugin).map(drop)))
}

/// Something to measure where there are no cases.
///
/// Errors: never, as long as the samples make sense.
pub(crate) fn sample(role: Role) -> Result<Ask, String> {
    match role {
        Role::Auth => question(&auth::Register::default()),
        Role::Cleanup => question(&cleanup::Select::default()),
        Role::Notify => question(&notify::Format::default()),
        Role::Sign => question(&sign::Check::default()),
        Role::Vendor => question(&vendor::Claim::default()),
    }
}

/// Attributes, by name.
pub(super) fn attributes(named: &BTreeMap<String, String>) -> Vec<Attribute> {
    named.iter().map(|(name, value)| Attribute { name: name.clone(), value: value.clone() }).collect()
}

/// The pairs of a query as it stands in a URL.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    serde_urlencoded::from_str(query).map_err(|error| format!("given.query: {error}"))
}

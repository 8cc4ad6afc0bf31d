//! The decisions.
//!
//! How many days a file is kept stands in two places: `days` here, and `record.expire`, which comes with each sweep.
//! Whoever changed one of them means that one, whichever it is; where both were changed, `days` is the closer word.

use serde::Deserialize;
use sluice_sdk::{
    Cleanup, Policy,
    cleanup::{Deletion, Recording, Sweep},
    samples::{recording, sweep},
    types::Attribute,
};

/// What both places say where nobody changed them.
const SHIPPED: u32 = 7;

/// The attribute of a sweep that holds `record.expire`.
const EXPIRE: &str = "record.expire";

const DAY: u64 = 86_400;

/// `[plugins.config.expire]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expire {
    /// Files go when they were finished this long ago. While it is the shipped one, `record.expire` counts.
    days: u32,
}

impl Default for Expire {
    fn default() -> Self {
        Self { days: SHIPPED }
    }
}

impl Policy for Expire {
    /// Two files of different age: the old one goes.
    fn self_test(&self) -> Result<(), String> {
        let sweep = sample(&[("old", 0), ("young", 2 * DAY)], 8 * DAY, &[]);
        let gone = Self::default().select(&sweep)?.into_iter().map(|deletion| deletion.id);
        let gone: Vec<String> = gone.collect();
        if gone == ["old"] { Ok(()) } else { Err(format!("of an old and a young file go {gone:?}")) }
    }
}

impl Cleanup for Expire {
    /// The files of a page that are too old, by when they were finished.
    ///
    /// Errors: `record.expire` is not a number.
    fn select(&self, sweep: &Sweep) -> Result<Vec<Deletion>, String> {
        let kept = self.kept(sweep)?;
        let expired = |recording: &Recording| {
            // A clock that was set back makes a file no older.
            let age = sweep.now.saturating_sub(recording.end);
            (age >= kept.saturating_mul(DAY)).then(|| Deletion {
                id: recording.id.clone(),
                reason: format!("{} days old, kept for {kept}", age / DAY),
            })
        };
        Ok(sweep.recordings.iter().filter_map(expired).collect())
    }
}

impl Expire {
    /// Days that a file is kept.
    fn kept(&self, sweep: &Sweep) -> Result<u64, String> {
        let expire = sweep.attributes.iter().find(|attribute| attribute.name == EXPIRE);
        match expire.filter(|_| self.days == SHIPPED) {
            Some(Attribute { value, .. }) => {
                value.parse().map_err(|_| format!("{EXPIRE} is `{value}`, which is no number of days"))
            }
            None => Ok(self.days.into()),
        }
    }
}

/// A sweep at `now` over files named with the time at which each was finished.
fn sample(files: &[(&str, u64)], now: u64, attributes: &[(&str, &str)]) -> Sweep {
    let attribute = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
    let recordings = files.iter().map(|(id, end)| recording(id, *end)).collect();
    Sweep { attributes: attributes.iter().map(attribute).collect(), ..sweep(now, recordings) }
}

#[cfg(test)]
mod tests {
    use sluice_sdk::configured;

    use super::*;

    /// Which of three files go that are 1, 10 and 40 days old.
    fn gone(config: &str, attributes: &[(&str, &str)]) -> Vec<String> {
        let files = [("40", 0), ("10", 30 * DAY), ("1", 39 * DAY)];
        let policy: Expire = configured(config).expect("a configuration");
        let gone = policy.select(&sample(&files, 40 * DAY, attributes)).expect("a decision");
        gone.into_iter().map(|deletion| deletion.id).collect()
    }

    #[test]
    fn a_file_goes_on_the_second_and_says_why() {
        let at = |now| Expire::default().select(&sample(&[("a", 100)], now, &[]));
        assert_eq!(at(100 + 7 * DAY - 1), Ok(vec![]));
        let deletion = Deletion { id: "a".into(), reason: "7 days old, kept for 7".into() };
        assert_eq!(at(100 + 7 * DAY), Ok(vec![deletion]));
        assert_eq!(at(0), Ok(vec![]), "a clock that was set back");
    }

    #[test]
    fn the_place_that_was_changed_counts() {
        let nobody: [&str; 2] = ["40", "10"];
        assert_eq!(gone("{}", &[]), nobody);
        assert_eq!(gone(r#"{"days":7}"#, &[(EXPIRE, "7")]), nobody);
        assert_eq!(gone(r#"{"days":7}"#, &[(EXPIRE, "30")]), ["40"], "record.expire alone, longer");
        assert_eq!(
            gone(r#"{"days":7}"#, &[(EXPIRE, "1")]),
            ["40", "10", "1"],
            "record.expire alone, shorter"
        );
        assert_eq!(gone(r#"{"days":30}"#, &[(EXPIRE, "7")]), ["40"], "days alone");
        assert_eq!(gone(r#"{"days":60}"#, &[(EXPIRE, "1")]), [""; 0], "both");
    }

    #[test]
    fn nothing_goes_where_the_days_cannot_be_read() {
        let sweep = sample(&[("a", 0)], 99 * DAY, &[(EXPIRE, "week")]);
        let error = "record.expire is `week`, which is no number of days";
        assert_eq!(Expire::default().select(&sweep), Err(error.into()));
        for wrong in [r#"{"days":-1}"#, r#"{"days":"7"}"#, r#"{"day":7}"#] {
            assert!(configured::<Expire>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_attributes_mean_nothing() {
        assert_eq!(gone("{}", &[("record.max", "1"), (EXPIRE, "30")]), ["40"]);
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(Expire::default().self_test(), Ok(()));
    }
}

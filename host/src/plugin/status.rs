//! What operators are shown of the plugins.

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed, time::Duration};

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Plugins,
    files::path,
    instance::Plugin,
    limits::now,
    set::{Member, Refusal, Release, Shadows},
    shadow::{self, Shadow},
    swap,
};

/// A file in the folder of plugins, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Status {
    /// The file's name without `.wasm`.
    pub name: String,
    /// Where it is.
    pub file: String,
    pub state: State,
    /// Milliseconds until a plugin that was set aside is asked again.
    pub set_aside_ms: Option<u64>,
    /// What is in force.
    pub version: Option<Version>,
    /// Since when, in Unix seconds.
    pub since: Option<u64>,
    /// The interfaces that it exports beside `lifecycle`.
    pub exports: Vec<&'static str>,
    /// The keys of `[plugins]` that it serves.
    pub used_for: Vec<&'static str>,
    /// What was in force before, as long as the gateway goes back to it by itself if this one keeps failing.
    pub before: Option<Version>,
    /// The last file of this name that was not taken, or was taken back.
    pub refused: Option<Refused>,
    /// Calls by outcome: `ok`, or what kind of failure. Counted since the gateway was started.
    pub calls: BTreeMap<&'static str, u64>,
    /// Half of all calls took no more than so many microseconds.
    pub p50_us: f64,
    /// 99 of 100 calls took no more than so many microseconds.
    pub p99_us: f64,
    /// Instances that are warm now.
    pub instances: usize,
    /// Their linear memory, in bytes.
    pub memory_bytes: usize,
    /// What went wrong last.
    pub last_error: Option<Mishap>,
    /// What runs beside it to be compared.
    pub candidate: Option<Candidate>,
}

/// A plugin that is asked what the one in force is asked, and whose answers are not used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Candidate {
    /// None for one that was not taken.
    pub version: Option<Version>,
    /// Since when, in Unix seconds.
    pub since: Option<u64>,
    pub refused: Option<Refused>,
    /// Answers that were the same.
    pub same: u64,
    /// Answers that were not.
    pub different: u64,
    /// Calls that it broke on.
    pub failed: u64,
    /// Calls that it was not asked, because too many waited or it kept failing.
    pub skipped: u64,
    /// Half of its calls took no more than so many microseconds.
    pub p50_us: f64,
    /// 99 of 100 calls took no more than so many microseconds.
    pub p99_us: f64,
    /// What went wrong last.
    pub last_error: Option<Mishap>,
    /// The first calls that were answered differently.
    pub differences: Vec<Difference>,
}

/// A call that two plugins answered differently. Secrets are blanked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// The function, as `auth.register`.
    pub function: &'static str,
    pub input: String,
    pub in_force: String,
    pub candidate: String,
    /// Unix seconds.
    pub time: u64,
}

/// Whether a plugin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is.
    InForce,
    /// It is, although its file is gone: the configuration names it.
    Kept,
    /// There is a file, but it cannot be taken.
    Refused,
    /// It failed too often and is not asked for a while.
    SetAside,
    /// It is a plugin, but nothing names it.
    Unused,
}

impl State {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::SetAside => "set-aside",
            Self::Unused => "unused",
        }
    }
}

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Version {
    /// Of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: usize,
    /// What it says of itself.
    pub name: String,
    pub version: String,
    pub description: String,
}

/// Why a file is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    pub sha256: String,
    pub reason: String,
    /// Unix seconds.
    pub time: u64,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mishap {
    pub text: String,
    /// Unix seconds.
    pub time: u64,
}

impl Plugins {
    /// Every file in the folder, and every plugin in force, by name.
    pub fn status(&self) -> Vec<Status> {
        let set = self.set.load();
        let file = |name: &str| path(&self.folder, name).display().to_string();
        let members = set.members.iter().map(|(name, member)| Status {
            candidate: Candidate::of(&set.shadows, name),
            ..Status::of(name, file(name), member)
        });
        let others = set.others.iter().map(|(name, refusal)| Status {
            candidate: Candidate::of(&set.shadows, name),
            ..Status::other(name, file(name), refusal)
        });
        let shadows = self.folder.join(swap::SHADOW);
        let stray = set.shadows.stray.iter().filter(|(name, _)| !set.others.contains_key(*name));
        let stray = stray
            .map(|(name, refusal)| Status::other(name, path(&shadows, name).display().to_string(), refusal));
        let mut all: Vec<Status> = members.chain(others).chain(stray).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

impl Status {
    fn of(name: &str, file: String, member: &Member) -> Self {
        let Release { plugin, .. } = &member.release;
        let figures = plugin.account.figures();
        let aside = plugin.account.aside(now());
        let state = match (aside, member.gone) {
            (Some(_), _) => State::SetAside,
            (None, true) => State::Kept,
            (None, false) => State::InForce,
        };
        let memory = plugin.memories();
        Self {
            name: name.to_owned(),
            file,
            state,
            set_aside_ms: aside.map(milliseconds),
            version: Some(Version::of(&member.release)),
            since: Some(member.since_date),
            exports: plugin.indices.roles().into_iter().map(|role| role.name()).collect(),
            used_for: member.roles.iter().map(|role| role.name()).collect(),
            before: member.before.as_ref().filter(|_| member.is_on_probation()).map(Version::of),
            refused: member.refusal.as_ref().map(Refused::of),
            p50_us: figures.quantile(0.5),
            p99_us: figures.quantile(0.99),
            calls: figures.calls,
            instances: memory.len(),
            memory_bytes: memory.into_iter().sum(),
            last_error: Mishap::of(plugin),
            candidate: None,
        }
    }

    /// A file that is not in force.
    fn other(name: &str, file: String, refusal: &Refusal) -> Self {
        Self {
            name: name.to_owned(),
            file,
            state: if refusal.unused { State::Unused } else { State::Refused },
            set_aside_ms: None,
            version: None,
            since: None,
            exports: Vec::new(),
            used_for: Vec::new(),
            before: None,
            refused: (!refusal.unused).then(|| Refused::of(refusal)),
            calls: BTreeMap::new(),
            p50_us: 0.0,
            p99_us: 0.0,
            instances: 0,
            memory_bytes: 0,
            last_error: None,
            candidate: None,
        }
    }
}

impl Candidate {
    fn of(shadows: &Shadows, name: &str) -> Option<Self> {
        if let Some(shadow) = shadows.at_work.get(name) {
            return Some(Self::at_work(shadow));
        }
        let refusal = shadows.refused.get(name).or_else(|| shadows.stray.get(name))?;
        Some(Self { refused: Some(Refused::of(refusal)), ..Self::default() })
    }

    fn at_work(Shadow { release, since, tally, .. }: &Shadow) -> Self {
        let figures = release.plugin.account.figures();
        Self {
            version: Some(Version::of(release)),
            since: Some(*since),
            refused: None,
            same: tally.same.load(Relaxed),
            different: tally.different.load(Relaxed),
            failed: tally.failed.load(Relaxed),
            skipped: tally.skipped.load(Relaxed),
            p50_us: figures.quantile(0.5),
            p99_us: figures.quantile(0.99),
            last_error: Mishap::of(&release.plugin),
            differences: tally.differences().into_iter().map(Difference::from).collect(),
        }
    }
}

impl Mishap {
    fn of(plugin: &Plugin) -> Option<Self> {
        plugin.account.last_error().map(|(fault, time)| Self { text: fault.to_string(), time })
    }
}

impl From<shadow::Difference> for Difference {
    fn from(shadow::Difference { function, input, in_force, candidate, date }: shadow::Difference) -> Self {
        Self { function, input, in_force, candidate, time: date }
    }
}

impl Version {
    pub(super) fn of(release: &Release) -> Self {
        let Release { info, content, .. } = release;
        Self {
            sha256: content.sha256.clone(),
            size: content.bytes.len(),
            name: info.name.clone(),
            version: info.version.clone(),
            description: info.description.clone(),
        }
    }
}

impl Refused {
    fn of(refusal: &Refusal) -> Self {
        Self { sha256: refusal.sha256.clone(), reason: refusal.reason.clone(), time: refusal.date }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! What is in force: which plugin decides what, and what became of each file.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    error::Role,
    files::{Content, Stamp},
    instance::Plugin,
    lifecycle::Info,
    limits::{Limits, date, now},
    secret::Secret,
    shadow::{Case, Shadow},
    vendors,
};

/// What `[plugins]` says. A plugin's name is its file's, without `.wasm`. Not printable: `configs` may hold secrets.
#[derive(Clone, Default)]
pub struct Settings {
    /// Where the components are.
    pub folder: PathBuf,
    /// Who may register.
    pub auth: String,
    /// Which calls and playbacks go on.
    pub sign: String,
    /// What notifications look like; all of these are asked.
    pub notify: Vec<String>,
    /// Which recordings go; none deletes nothing.
    pub cleanup: Option<String>,
    /// Vendor modules; `*` is every one in the folder that is not named elsewhere.
    pub vendor: Vec<String>,
    /// What a call may use.
    pub limits: Limits,
    /// What a call of one plugin may use, by its name.
    pub plugin_limits: HashMap<String, Limits>,
    /// What each plugin gets as its own configuration, by its name.
    pub configs: HashMap<String, serde_json::Value>,
    /// The keys of plugins that have their own, by their names.
    pub keys: HashMap<String, Secret>,
    /// Where compiled code is kept, private to this user; none keeps nothing.
    pub cache: Option<PathBuf>,
}

impl Settings {
    /// Stands in `vendor` for every module that is not named elsewhere.
    const EVERY: &str = "*";

    /// Whether vendor modules need not be named.
    pub(super) fn takes_every_vendor(&self) -> bool {
        self.vendor.iter().any(|name| name == Self::EVERY)
    }

    /// A plugin's own configuration, a JSON object.
    pub fn config_of(&self, plugin: &str) -> serde_json::Value {
        self.configs.get(plugin).cloned().unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()))
    }

    /// What a call of a plugin may use.
    pub fn limits_of(&self, plugin: &str) -> Limits {
        self.plugin_limits.get(plugin).copied().unwrap_or(self.limits)
    }

    /// The plugins that the configuration names, each with all it is named for.
    pub(super) fn named(&self) -> Vec<(&str, Vec<Role>)> {
        let one = |role, name| [(role, name)].into_iter();
        let names = one(Role::Auth, &self.auth)
            .chain(one(Role::Sign, &self.sign))
            .chain(self.notify.iter().map(|name| (Role::Notify, name)))
            .chain(self.cleanup.iter().map(|name| (Role::Cleanup, name)))
            .chain(self.vendor.iter().filter(|name| *name != Self::EVERY).map(|name| (Role::Vendor, name)));
        let mut named: Vec<(&str, Vec<Role>)> = Vec::new();
        for (role, name) in names {
            match named.iter_mut().find(|(known, _)| known == name) {
                Some((_, roles)) => roles.push(role),
                None => named.push((name, vec![role])),
            }
        }
        named
    }
}

/// Plugins in force. Immutable: another set takes its place.
#[derive(Clone)]
pub(super) struct PluginSet {
    pub(super) auth: Arc<Plugin>,
    pub(super) sign: Arc<Plugin>,
    pub(super) notify: Vec<Arc<Plugin>>,
    pub(super) cleanup: Option<Arc<Plugin>>,
    /// All of these and those that nothing asks yet, by name.
    pub(super) members: BTreeMap<String, Member>,
    /// The folder's other files, by name, and why they are not in force.
    pub(super) others: BTreeMap<String, Refusal>,
    /// Which vendor modules are among them.
    pub(super) vendor_edition: u64,
    /// What runs beside them, by the same names.
    pub(super) shadows: Shadows,
}

/// The candidates.
#[derive(Clone, Default)]
pub(super) struct Shadows {
    pub(super) at_work: BTreeMap<String, Arc<Shadow>>,
    /// Those that were not taken.
    pub(super) refused: BTreeMap<String, Refusal>,
    /// Those that no plugin in force has the name of.
    pub(super) stray: BTreeMap<String, Refusal>,
}

impl PluginSet {
    /// `members` holds every plugin that the settings name.
    pub(super) fn new(
        settings: &Settings,
        members: BTreeMap<String, Member>,
        others: BTreeMap<String, Refusal>,
        shadows: Shadows,
    ) -> Self {
        let plugin = |name: &String| members[name].release.plugin.clone();
        let (auth, sign) = (plugin(&settings.auth), plugin(&settings.sign));
        let notify = settings.notify.iter().map(plugin).collect();
        let cleanup = settings.cleanup.as_ref().map(plugin);
        let vendor_edition = vendors::edition(&members);
        Self { auth, sign, notify, cleanup, members, others, vendor_edition, shadows }
    }

    /// The same with other members. They have to be all that the settings name.
    pub(super) fn with(
        self,
        settings: &Settings,
        change: impl FnOnce(&mut BTreeMap<String, Member>),
    ) -> Self {
        let Self { mut members, others, shadows, .. } = self;
        change(&mut members);
        Self::new(settings, members, others, shadows)
    }

    /// Hands a call that `plugin` was asked to the candidate beside it, if there is one.
    pub(super) fn compare(&self, plugin: &Plugin, case: impl FnOnce() -> Case) {
        if let Some(shadow) = self.shadows.at_work.get(&plugin.name) {
            shadow.offer(case);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Plugin> {
        self.members.values().map(|member| &*member.release.plugin)
    }
}

/// A plugin and the file that it was made of.
#[derive(Clone)]
pub(super) struct Release {
    pub(super) plugin: Arc<Plugin>,
    /// What it says of itself.
    pub(super) info: Info,
    pub(super) content: Content,
}

/// A place in the set.
#[derive(Clone)]
pub(super) struct Member {
    /// What is in force.
    pub(super) release: Release,
    /// What it is used for.
    pub(super) roles: Vec<Role>,
    /// What was in force before it, kept while it is on probation.
    pub(super) before: Option<Release>,
    /// When it came into force.
    pub(super) since: Instant,
    /// The same as a date, in Unix seconds.
    pub(super) since_date: u64,
    /// Its file is not there any more.
    pub(super) gone: bool,
    /// The last file that was not taken, or was rolled back.
    pub(super) refusal: Option<Refusal>,
}

impl Member {
    /// How long a replacement that keeps failing is rolled back instead of set aside.
    const PROBATION: Duration = Duration::from_secs(600);

    pub(super) fn new(release: Release, roles: Vec<Role>) -> Self {
        let (since, since_date) = (now(), date());
        Self { release, roles, before: None, since, since_date, gone: false, refusal: None }
    }

    /// This place with another plugin in it.
    pub(super) fn succeeded_by(self, release: Release) -> Self {
        Self { before: Some(self.release), ..Self::new(release, self.roles) }
    }

    /// Whether it may still be rolled back.
    pub(super) fn is_on_probation(&self) -> bool {
        self.before.is_some() && now().saturating_duration_since(self.since) < Self::PROBATION
    }

    /// This place with the plugin in it that was there before; none if there was none.
    pub(super) fn rolled_back(self, refusal: Refusal) -> Option<Self> {
        Some(Self { refusal: Some(refusal), ..Self::new(self.before?, self.roles) })
    }
}

/// Why a file is not in force. The same content is not tried again.
#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) sha256: String,
    pub(super) stamp: Stamp,
    pub(super) reason: String,
    /// Unix seconds.
    pub(super) date: u64,
    /// It is sound, but nobody asks for it.
    pub(super) unused: bool,
}

impl Refusal {
    pub(super) fn new(content: &Content, reason: String) -> Self {
        let (sha256, stamp) = (content.sha256.clone(), content.stamp);
        Self { sha256, stamp, reason, date: date(), unused: false }
    }
}

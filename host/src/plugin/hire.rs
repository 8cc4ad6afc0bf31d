//! From the folder to plugins in force: what is new is loaded, what has not changed stays, and what cannot be
//! taken leaves the one before it in place.

use std::{collections::BTreeMap, path::PathBuf};

use tracing::{error, info, warn};

use super::{
    account::Account,
    error::{LoadError, Role, full},
    files::{Content, Stamp, components, path},
    instance::slots,
    load::Loader,
    memory::Memories,
    peek::peek,
    set::{Member, PluginSet, Refusal, Release, Settings, Shadows},
    shadow,
    swap::Places,
};

/// Makes sets: the configuration, and what loading needs.
pub(super) struct Office {
    pub(super) settings: Settings,
    memories: Memories,
    loader: Loader,
}

/// A set that is to come into force.
pub(super) struct Hired {
    pub(super) set: PluginSet,
    /// A file was written to while it was read, so that it is worth looking again soon.
    pub(super) unsettled: bool,
}

impl Office {
    pub(super) fn new(settings: &Settings, memories: Memories) -> Result<Self, LoadError> {
        let loader = Loader::new(settings.cache.as_deref())?;
        Ok(Self { settings: settings.clone(), memories, loader })
    }

    /// The set that the folder's files make now. `before` is what is in force; where there is something, its
    /// plugins stay wherever a file cannot be taken. Candidates come with the second look: nobody waits for them.
    ///
    /// Errors: the folder cannot be read, or nothing is in force yet and a named plugin cannot be taken.
    pub(super) fn hire(&self, before: Option<&PluginSet>) -> Result<Hired, LoadError> {
        let folder = &self.settings.folder;
        let found =
            components(folder).map_err(|source| LoadError::Folder { folder: folder.clone(), source })?;
        let (members, others) = Default::default();
        let mut hiring = Hiring { office: self, before, found, members, others, unsettled: false };
        let named = self.settings.named();
        for (name, roles) in &named {
            hiring.name(name, roles)?;
        }
        if self.settings.takes_every_vendor() {
            hiring.volunteers();
        }
        let Hiring { members, others, unsettled, .. } = hiring;
        let (shadows, more) = before.map_or_else(
            || (Shadows::default(), true),
            |before| shadow::candidates(self, &members, &before.shadows),
        );
        Ok(Hired {
            set: PluginSet::new(&self.settings, members, others, shadows),
            unsettled: unsettled || more,
        })
    }

    /// Loads a plugin that is to do `roles`. It takes over `account` once it has shown what it is worth.
    pub(super) fn load(
        &self,
        path: PathBuf,
        name: &str,
        roles: &[Role],
        content: Content,
        account: Account,
    ) -> Result<Release, LoadError> {
        let (config, limits) = (self.settings.config_of(name).to_string(), self.settings.limits_of(name));
        let (mut plugin, info) = self.loader.load(path, &content, name, config, limits)?;
        match roles.iter().find(|role| !plugin.indices.roles().contains(role)) {
            Some(role) => Err(LoadError::Role { plugin: name.to_owned(), role: *role }),
            None => {
                plugin.account = account.into();
                Ok(Release { plugin: plugin.into(), info, content })
            }
        }
    }

    /// The account of a plugin that is not in force yet; what it stored before is still there.
    pub(super) fn account(&self, name: &str) -> Account {
        Account::new(name, slots(), self.memories.of(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        path(&self.settings.folder, name)
    }
}

/// A set that is being filled.
struct Hiring<'a> {
    office: &'a Office,
    before: Option<&'a PluginSet>,
    found: BTreeMap<String, Stamp>,
    members: BTreeMap<String, Member>,
    others: BTreeMap<String, Refusal>,
    unsettled: bool,
}

impl Hiring<'_> {
    /// Fills the place of a plugin that the configuration names.
    fn name(&mut self, name: &str, roles: &[Role]) -> Result<(), LoadError> {
        let member = match self.before.and_then(|set| set.members.get(name)) {
            Some(before) if self.found.contains_key(name) => self.renew(name, before.clone()),
            Some(before) => orphan(name, before.clone()),
            None => self.first(name, roles)?,
        };
        self.members.insert(name.to_owned(), member);
        Ok(())
    }

    fn first(&self, name: &str, roles: &[Role]) -> Result<Member, LoadError> {
        if !self.found.contains_key(name) {
            return Err(self.missing(name, roles));
        }
        let content = Content::read(&self.office.path(name))?;
        self.enlist(name, roles, content)
    }

    fn enlist(&self, name: &str, roles: &[Role], content: Content) -> Result<Member, LoadError> {
        let account = self.office.account(name);
        let release = self.office.load(self.office.path(name), name, roles, content, account)?;
        let Release { info, content, .. } = &release;
        info!(plugin = %name, version = %info.version, sha256 = %content.sha256, "plugin loaded: {}", info.description);
        Ok(Member::new(release, roles.to_vec()))
    }

    /// Takes the file in the place of what is in force, if it is another one and is worth it.
    fn renew(&mut self, name: &str, before: Member) -> Member {
        let before = Member { gone: false, ..before };
        if self.is_known(name, &before) {
            return before;
        }
        let content = match Content::read(&self.office.path(name)) {
            Ok(content) if content.sha256 == before.release.content.sha256 => {
                return Member { release: Release { content, ..before.release }, ..before };
            }
            Ok(content) => content,
            Err(error) => {
                warn!(plugin = %name, "a plugin's new file is not taken: {}", full(&error));
                return before;
            }
        };
        let account = before.release.plugin.account.successor();
        let loaded = self.office.load(self.office.path(name), name, &before.roles, content.clone(), account);
        if !content.is_settled(&self.office.path(name)) {
            self.unsettled = true;
            return before;
        }
        match loaded {
            Ok(release) => self.replace(name, before, release),
            Err(error) => {
                let reason = full(&error);
                error!(plugin = %name, sha256 = %content.sha256, "a new file is not taken, what it held before stays in force: {reason}");
                Member { refusal: Some(Refusal::new(&content, reason)), ..before }
            }
        }
    }

    fn replace(&self, name: &str, before: Member, release: Release) -> Member {
        let old = &before.release;
        let kept = Places::new(&self.office.settings.folder, name)
            .and_then(|places| places.keep(&old.content.bytes));
        if let Err(error) = kept {
            warn!(plugin = %name, "what was in force before is kept in memory only: {error}");
        }
        info!(
            plugin = %name, from = %old.info.version, to = %release.info.version, sha256 = %release.content.sha256,
            "plugin replaced"
        );
        before.succeeded_by(release)
    }

    /// Takes every vendor module of the folder. One that nobody named must not keep the gateway from starting.
    fn volunteers(&mut self) {
        let free = |name: &&String| !self.members.contains_key(*name);
        let names: Vec<String> = self.found.keys().filter(free).cloned().collect();
        for name in &names {
            match self.before.and_then(|set| set.members.get(name)) {
                Some(before) => {
                    let member = self.renew(name, before.clone());
                    self.members.insert(name.clone(), member);
                }
                None => self.volunteer(name),
            }
        }
        let before = self.before.into_iter().flat_map(|set| set.members.keys());
        for name in before.filter(|name| !self.members.contains_key(*name)) {
            info!(plugin = %name, "plugin withdrawn, its file is gone");
        }
    }

    fn volunteer(&mut self, name: &str) {
        let refused = self.before.and_then(|set| set.others.get(name));
        if let Some(refused) = refused.filter(|refused| self.found.get(name) == Some(&refused.stamp)) {
            self.others.insert(name.to_owned(), refused.clone());
            return;
        }
        let Ok(content) = Content::read(&self.office.path(name)) else {
            self.unsettled = true;
            return;
        };
        let loaded = self.module(name, &content);
        if self.before.is_some() && !content.is_settled(&self.office.path(name)) {
            self.unsettled = true;
            return;
        }
        let unused = matches!(loaded, Err(LoadError::Role { .. }));
        match loaded {
            Ok(member) => {
                self.members.insert(name.to_owned(), member);
            }
            Err(error) => {
                let reason = full(&error);
                if !unused {
                    warn!(plugin = %name, "a plugin in the folder is left out: {reason}");
                }
                self.others.insert(name.to_owned(), Refusal { unused, ..Refusal::new(&content, reason) });
            }
        }
    }

    /// A vendor module. What is none is told by its exports, without compiling it.
    fn module(&self, name: &str, content: &Content) -> Result<Member, LoadError> {
        let plugin = || name.to_owned();
        match peek(&content.bytes) {
            Some(peeked) if !peeked.lifecycle => Err(LoadError::NoLifecycle { plugin: plugin() }),
            Some(peeked) if !peeked.roles.contains(&Role::Vendor) => {
                Err(LoadError::Role { plugin: plugin(), role: Role::Vendor })
            }
            _ => self.enlist(name, &[Role::Vendor], content.clone()),
        }
    }

    /// Whether the file is still the one that was taken, or that was refused.
    fn is_known(&self, name: &str, before: &Member) -> bool {
        let refused = before.refusal.as_ref().map(|refusal| &refusal.stamp);
        self.found
            .get(name)
            .is_some_and(|stamp| *stamp == before.release.content.stamp || Some(stamp) == refused)
    }

    fn missing(&self, name: &str, roles: &[Role]) -> LoadError {
        let names: Vec<&str> = self.found.keys().map(String::as_str).collect();
        let found = if names.is_empty() { "no *.wasm at all".to_owned() } else { names.join(", ") };
        let (plugin, folder) = (name.to_owned(), self.office.settings.folder.clone());
        LoadError::Missing { role: roles.first().copied().unwrap_or(Role::Auth), plugin, folder, found }
    }
}

/// Keeps a plugin whose file is gone, since what it is named for has to be done.
fn orphan(name: &str, member: Member) -> Member {
    if !member.gone {
        error!(plugin = %name, "the file of a plugin that [plugins] names is gone; it stays in force until the gateway stops, which does not start again without it");
    }
    Member { gone: true, ..member }
}

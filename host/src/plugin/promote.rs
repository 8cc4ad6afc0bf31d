//! A candidate comes into force, and what was there before comes back: in a running gateway, or in its folder alone.
//!
//! Either way the plugin is loaded before any file moves, so that what cannot be taken changes nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::info;

use super::{
    Plugins, Status, Version,
    error::{LoadError, Role, full},
    files::Content,
    hire::Office,
    memory::Memories,
    peek::peek,
    set::{Member, PluginSet, Release, Settings},
    swap::{Places, SwapError},
};

/// Why a candidate did not come into force, or what was before did not come back. What is in force stays so.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It breaks on what it is asked beside the plugin in force.
    #[error("the candidate keeps failing beside what is in force: {0}; put a repaired one in its place")]
    Failing(String),
    /// It is not taken.
    #[error("it is not taken: {0}")]
    Refused(String),
    /// The files cannot be moved.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// Somebody is writing it.
    #[error("{} is still being written; try again once it is whole", .0.display())]
    Unfinished(PathBuf),
    /// There is no such plugin.
    #[error("no plugin `{plugin}` is in force; these are: {known}")]
    Unknown {
        /// The name.
        plugin: String,
        /// The names that there are.
        known: String,
    },
    /// The configuration does not name it.
    #[error("[plugins] names no `{plugin}`; it names {known}")]
    Unnamed {
        /// The name.
        plugin: String,
        /// The names that there are.
        known: String,
    },
}

impl Plugins {
    /// Brings the candidate beside a plugin into force. Takes as long as compiling it, if that is not cached.
    ///
    /// Errors: there is none, it is not taken or keeps failing, or its file cannot be moved.
    pub fn promote(&self, name: &str) -> Result<Status, MoveError> {
        let office = self.office();
        let places = Places::new(&office.settings.folder, name)?;
        // What lies there by now.
        self.look(&office);
        let set = self.set.load_full();
        let member = member(&set, name)?;
        let content = candidate(&set, name, &places)?;
        let next = succeed(&office, name, member, &places.candidate, content)?;
        places.promote(Some(&member.release.content.bytes))?;
        self.install(&office, name, member.clone().succeeded_by(next))
    }

    /// Brings back what was in force before a plugin. What is in force is kept as that which was before.
    ///
    /// Errors: nothing is known of it, it is not taken any more, or its file cannot be moved.
    pub fn demote(&self, name: &str) -> Result<Status, MoveError> {
        let office = self.office();
        let places = Places::new(&office.settings.folder, name)?;
        let set = self.set.load_full();
        let member = member(&set, name)?;
        let content = previous(&places)?;
        let next = succeed(&office, name, member, &places.previous, content)?;
        places.demote(Some(&member.release.content.bytes))?;
        // No way back by itself: an operator does not want what was there.
        self.install(&office, name, Member::new(next, member.roles.clone()))
    }

    /// Puts another member into the set, and then looks at its file in its new place.
    fn install(&self, office: &Office, name: &str, member: Member) -> Result<Status, MoveError> {
        let (version, content) = (&member.release.info.version, &member.release.content);
        info!(plugin = %name, %version, sha256 = %content.sha256, "plugin replaced, as an operator said");
        let set = PluginSet::clone(&self.set.load());
        let set = set.with(&office.settings, |members| {
            members.insert(name.to_owned(), member);
        });
        self.set.store(Arc::new(set));
        self.look(office);
        let status = self.status().into_iter().find(|status| status.name == name);
        status.ok_or_else(|| unknown(&self.set.load(), name))
    }
}

fn member<'a>(set: &'a PluginSet, name: &str) -> Result<&'a Member, MoveError> {
    set.members.get(name).ok_or_else(|| unknown(set, name))
}

fn unknown(set: &PluginSet, name: &str) -> MoveError {
    let known = set.members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    MoveError::Unknown { plugin: name.to_owned(), known }
}

/// What the candidate holds, if it may come into force.
fn candidate(set: &PluginSet, name: &str, places: &Places) -> Result<Content, MoveError> {
    if let Some(refusal) = set.shadows.refused.get(name) {
        return Err(MoveError::Refused(refusal.reason.clone()));
    }
    let Some(shadow) = set.shadows.at_work.get(name) else {
        places.has_candidate()?;
        return Err(MoveError::Unfinished(places.candidate.clone()));
    };
    let account = &shadow.release.plugin.account;
    match account.last_error() {
        Some((fault, _)) if account.keeps_failing() => Err(MoveError::Failing(fault.to_string())),
        _ => Ok(shadow.release.content.clone()),
    }
}

fn previous(places: &Places) -> Result<Content, MoveError> {
    places.has_previous()?;
    Content::read(&places.previous).map_err(refused)
}

fn succeed(
    office: &Office,
    name: &str,
    member: &Member,
    path: &Path,
    content: Content,
) -> Result<Release, MoveError> {
    let account = member.release.plugin.account.successor();
    office.load(path.to_owned(), name, &member.roles, content, account).map_err(refused)
}

/// Moves a plugin's candidate into its place in the folder. A gateway that watches the folder follows; one that is
/// stopped takes it when it starts. The candidate is tried before, as that gateway will try it.
///
/// Errors: there is none, it is not taken, or its file cannot be moved.
pub fn promote(settings: &Settings, name: &str) -> Result<Version, MoveError> {
    let places = Places::new(&settings.folder, name)?;
    places.has_candidate()?;
    let version = rehearse(settings, name, &places.candidate)?;
    places.promote(places.in_force()?.as_deref())?;
    Ok(version)
}

/// Moves what was in a plugin's place before back there, in the same way.
///
/// Errors: nothing is known of it, it is not taken any more, or its file cannot be moved.
pub fn demote(settings: &Settings, name: &str) -> Result<Version, MoveError> {
    let places = Places::new(&settings.folder, name)?;
    places.has_previous()?;
    let version = rehearse(settings, name, &places.previous)?;
    places.demote(places.in_force()?.as_deref())?;
    Ok(version)
}

/// Loads a file as the plugin that it is to be.
fn rehearse(settings: &Settings, name: &str, path: &Path) -> Result<Version, MoveError> {
    let content = Content::read(path).map_err(refused)?;
    let roles = roles(settings, name, &content)?;
    // The cache is the gateway's, which may be another user's.
    let settings = Settings { cache: None, ..settings.clone() };
    let office = Office::new(&settings, Memories::default()).map_err(refused)?;
    let release = office.load(path.to_owned(), name, &roles, content, office.account(name));
    Ok(Version::of(&release.map_err(refused)?))
}

fn roles(settings: &Settings, name: &str, content: &Content) -> Result<Vec<Role>, MoveError> {
    let named = settings.named();
    if let Some((_, roles)) = named.iter().find(|(known, _)| *known == name) {
        return Ok(roles.clone());
    }
    let offers_vendor = || peek(&content.bytes).is_none_or(|peeked| peeked.roles.contains(&Role::Vendor));
    if settings.takes_every_vendor() && offers_vendor() {
        return Ok(vec![Role::Vendor]);
    }
    let known = named.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    Err(MoveError::Unnamed { plugin: name.to_owned(), known })
}

fn refused(error: LoadError) -> MoveError {
    MoveError::Refused(full(&error))
}

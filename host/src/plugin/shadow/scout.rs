//! From the folder of candidates to candidates at work beside the plugins in force.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use tracing::{info, warn};

use super::{
    super::{
        error::full,
        files::{Content, Stamp, components, path},
        hire::Office,
        instance::slots,
        set::{Member, Refusal, Shadows},
        swap,
    },
    Shadow,
};

/// The candidates that the folder's files make now beside `members`. Those of `before` stay at work that are the same
/// beside the same. Says too whether a file was written to while it was read.
pub(in super::super) fn candidates(
    office: &Office,
    members: &BTreeMap<String, Member>,
    before: &Shadows,
) -> (Shadows, bool) {
    let folder = office.settings.folder.join(swap::SHADOW);
    let found = match components(&folder) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            warn!(folder = %folder.display(), "the candidates cannot be looked at, all stay: {error}");
            return (before.clone(), false);
        }
    };
    let mut scout = Scout { office, folder, before, shadows: Shadows::default(), unsettled: false };
    for (name, stamp) in found {
        match members.get(&name) {
            Some(member) => scout.look(name, stamp, member),
            None => scout.stray(name, stamp),
        }
    }
    (scout.shadows, scout.unsettled)
}

struct Scout<'a> {
    office: &'a Office,
    folder: PathBuf,
    before: &'a Shadows,
    shadows: Shadows,
    unsettled: bool,
}

impl Scout<'_> {
    fn look(&mut self, name: String, stamp: Stamp, member: &Member) {
        let Shadows { at_work, refused, .. } = self.before;
        let in_force = &member.release.content.sha256;
        let shadow = at_work.get(&name);
        let refusal = refused.get(&name).filter(|refusal| refusal.stamp == stamp);
        if let Some(shadow) = shadow.filter(|it| it.release.content.stamp == stamp && it.beside == *in_force)
        {
            self.shadows.at_work.insert(name, shadow.clone());
        } else if let Some(refusal) = refusal {
            self.shadows.refused.insert(name, refusal.clone());
        } else {
            self.take(name, member);
        }
    }

    fn take(&mut self, name: String, member: &Member) {
        let path = path(&self.folder, &name);
        let Some((content, taken)) = self.settled(&path, |content| self.start(&name, &path, content, member))
        else {
            self.unsettled = true;
            return;
        };
        match taken {
            Ok(shadow) => {
                info!(plugin = %name, sha256 = %content.sha256, "a candidate runs beside the plugin in force");
                self.shadows.at_work.insert(name, shadow.into());
            }
            Err(reason) => {
                warn!(plugin = %name, sha256 = %content.sha256, "a candidate is not taken: {reason}");
                self.shadows.refused.insert(name, Refusal::new(&content, reason));
            }
        }
    }

    fn start(&self, name: &str, path: &Path, content: &Content, member: &Member) -> Result<Shadow, String> {
        let in_force = &member.release;
        let account = in_force.plugin.account.candidate(slots());
        let release = self.office.load(path.to_owned(), name, &member.roles, content.clone(), account);
        let release = release.map_err(|error| full(&error))?;
        // Only now: loading takes a while, in which the plugin may store more.
        release.plugin.account.remember_what(&in_force.plugin.account);
        Shadow::start(release, &in_force.content.sha256).map_err(|error| full(&error))
    }

    /// A file that no plugin in force has the name of.
    fn stray(&mut self, name: String, stamp: Stamp) {
        let known = self.before.stray.get(&name).filter(|refusal| refusal.stamp == stamp);
        if let Some(refusal) = known {
            self.shadows.stray.insert(name, refusal.clone());
            return;
        }
        let Some((content, ())) = self.settled(&path(&self.folder, &name), |_| ()) else {
            self.unsettled = true;
            return;
        };
        let reason = "no plugin of this name is in force, beside which it could run".to_owned();
        warn!(plugin = %name, "a candidate is not taken: {reason}");
        self.shadows.stray.insert(name, Refusal::new(&content, reason));
    }

    /// What a file holds and what is made of it; none if it was written to meanwhile.
    fn settled<T>(&self, path: &Path, make: impl FnOnce(&Content) -> T) -> Option<(Content, T)> {
        let content = Content::read(path).ok()?;
        let made = make(&content);
        content.is_settled(path).then_some((content, made))
    }
}

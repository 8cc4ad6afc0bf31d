//! Another set of plugins takes the place of the one in force.

use std::sync::{Arc, MutexGuard, PoisonError};

use tracing::{error, warn};

use super::{
    Plugins,
    files::{Content, path},
    hire::Office,
    set::{Member, PluginSet, Refusal},
    swap::Places,
};

impl Plugins {
    /// Looks at the folder and takes what is new. Says whether it is worth looking again soon.
    pub(super) fn refresh(&self) -> bool {
        let office = self.office();
        self.look(&office)
    }

    pub(super) fn look(&self, office: &Office) -> bool {
        match office.hire(Some(&self.set.load())) {
            Ok(hired) => {
                self.set.store(Arc::new(hired.set));
                hired.unsettled
            }
            Err(error) => {
                error!("the folder of plugins cannot be looked at, all stay in force: {error}");
                false
            }
        }
    }

    /// Whether a plugin is in force that may still be rolled back.
    pub(super) fn any_on_probation(&self) -> bool {
        self.set.load().members.values().any(Member::is_on_probation)
    }

    /// Puts back what was in force before, wherever what took its place keeps failing.
    pub(super) fn roll_back_failing(&self) {
        let failing =
            |member: &Member| member.is_on_probation() && member.release.plugin.account.keeps_failing();
        if !self.set.load().members.values().any(failing) {
            return;
        }
        let office = self.office();
        let set = PluginSet::clone(&self.set.load()).with(&office.settings, |members| {
            for (name, member) in members {
                if failing(member)
                    && let Some(before) = roll_back(name, member)
                {
                    let demoted = std::mem::replace(member, before);
                    withdraw(&office, name, &demoted.release.content);
                }
            }
        });
        self.set.store(Arc::new(set));
    }

    /// Who makes sets. One that panicked has left nothing half done: a set is put in force when it is complete.
    pub(super) fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place with the plugin in it that was there before.
fn roll_back(name: &str, member: &Member) -> Option<Member> {
    let fault = member.release.plugin.account.last_error().map(|(fault, _)| fault.to_string());
    let reason = format!("rolled back, since it kept failing: {}", fault.unwrap_or_default());
    let sha256 = &member.release.content.sha256;
    error!(plugin = %name, %sha256, "a replaced plugin keeps failing; what was in force before is back: {reason}");
    member.clone().rolled_back(Refusal::new(&member.release.content, reason))
}

/// Takes the file of a plugin away that was rolled back, so that the next start does not take it again.
fn withdraw(office: &Office, name: &str, demoted: &Content) {
    let folder = &office.settings.folder;
    if !demoted.is_settled(&path(folder, name)) {
        return;
    }
    let moved = Places::new(folder, name).and_then(|places| places.demote(Some(&demoted.bytes)));
    if let Err(error) = moved {
        warn!(plugin = %name, "the file of a plugin that was rolled back is still there: {error}");
    }
}

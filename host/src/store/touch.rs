//! What is written behind: facts that every keepalive renews and that the next one would bring again. They
//! are gathered by device and written in batches by the writing thread.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, params};

use super::{Result, users::User};

/// Devices written in one transaction at most, so that a flush holds up nobody for long.
const BATCH: usize = 1024;

/// What a keepalive or a refresh tells; `None` leaves what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// Unix seconds of the keepalive; -1 when it said that the device is not well.
    pub active: Option<i64>,
    /// Unix seconds at which the registration ends.
    pub expires_at: Option<i64>,
    /// Unix seconds at which the device last proved to be there.
    pub seen_at: Option<i64>,
    /// `ip:port` that its packets come from now.
    pub source: Option<String>,
}

/// Touches that are not on disk yet.
#[derive(Default)]
pub(super) struct Touches {
    /// By user device, in the order of their ids: devices issued one after the other share pages of the
    /// database, so a batch writes few of them. Held for the time of a look-up, or of copying one batch.
    waiting: Mutex<BTreeMap<String, Touch>>,
    /// Whether an address is among them, by which a device is found after a restart; times can wait for longer.
    urgent: AtomicBool,
}

impl Touches {
    pub(super) fn add(&self, id: &str, touch: Touch) {
        if touch.source.is_some() {
            self.urgent.store(true, Ordering::Relaxed);
        }
        let mut waiting = self.waiting();
        match waiting.get_mut(id) {
            Some(known) => known.merge(touch),
            None => drop(waiting.insert(id.to_owned(), touch)),
        }
    }

    /// Takes out what is waiting for `id`, so that it cannot be written over what is about to be stored.
    pub(super) fn take(&self, id: &str) -> Option<Touch> {
        self.waiting().remove(id)
    }

    /// Shows in `users` what is not on disk yet.
    pub(super) fn show_in<'u>(&self, users: impl IntoIterator<Item = &'u mut User>) {
        let waiting = self.waiting();
        for user in users {
            if let Some(touch) = waiting.get(&user.deviceid) {
                touch.show_in(user);
            }
        }
    }

    /// Whether something came since this was last asked that is to be written soon.
    pub(super) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Copies the batch of ids after `after`. It stays here until it is settled, so that readers never miss
    /// it.
    pub(super) fn sample(&self, after: &str) -> Vec<(String, Touch)> {
        let waiting = self.waiting();
        let batch = waiting.range::<str, _>((Bound::Excluded(after), Bound::Unbounded)).take(BATCH);
        batch.map(|(id, touch)| (id.clone(), touch.clone())).collect()
    }

    /// Removes a batch that is on disk, apart from what has changed since it was copied.
    pub(super) fn settle(&self, written: &[(String, Touch)]) {
        let mut waiting = self.waiting();
        for (id, touch) in written {
            if waiting.get(id) == Some(touch) {
                waiting.remove(id);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Touch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Touch {
    /// Writes it; a device that is not there any more is passed over.
    pub(super) fn write(&self, connection: &Connection, id: &str) -> Result<()> {
        let sql = "UPDATE users SET active = COALESCE(?2, active), expires_at = COALESCE(?3, expires_at),
                   seen_at = COALESCE(?4, seen_at), source = COALESCE(?5, source) WHERE deviceid = ?1";
        connection.prepare_cached(sql)?.execute(params![
            id,
            self.active,
            self.expires_at,
            self.seen_at,
            self.source
        ])?;
        Ok(())
    }

    fn merge(&mut self, newer: Self) {
        self.active = newer.active.or(self.active);
        self.expires_at = newer.expires_at.or(self.expires_at);
        self.seen_at = newer.seen_at.or(self.seen_at);
        self.source = newer.source.or_else(|| self.source.take());
    }

    fn show_in(&self, user: &mut User) {
        user.active = self.active.unwrap_or(user.active);
        user.expires_at = self.expires_at.unwrap_or(user.expires_at);
        user.seen_at = self.seen_at.unwrap_or(user.seen_at);
        if let Some(source) = &self.source {
            user.source.clone_from(source);
        }
    }
}

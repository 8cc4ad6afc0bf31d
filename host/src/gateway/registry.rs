//! Which devices there are, and which of them can be reached, where.
//!
//! Every user device has an entry for as long as it is in the store; a session beside it once it registered.
//! The online rule stands here: any authenticated request and any keepalive renews it, silence ends it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::gb28181::DeviceId;
use crate::plugin::Credential;
use crate::sip::Regulars;
use crate::sip::core::Peer;

use super::vendor::{Held, Observed};

/// All known devices.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Looked up for each message; nothing under the lock waits or calls out.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    devices: HashMap<DeviceId, Device>,
    /// When each online device had last been seen when its silence was last looked at: the next to be looked at
    /// comes first. So a device is looked at about once in the time that it may be silent, not at each sweep.
    watched: BinaryHeap<Reverse<(Instant, DeviceId)>>,
    /// Where those that have registered are, for the door.
    regulars: Arc<Regulars>,
}

#[derive(Debug)]
struct Device {
    credential: Credential,
    /// None before the first registration and after a de-registration.
    session: Option<Session>,
    /// How it is spoken to; none while that is to be asked.
    vendor: Option<Arc<Held>>,
    observed: Observed,
    /// Whether it stands among those that are watched.
    watched: bool,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    peer: Peer,
    online: bool,
    seen: Instant,
    /// What it called itself, as a number: see [`called`].
    called: u64,
}

/// What a registration means for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It was not registered, had gone offline, speaks from another address or calls itself something else: it may
    /// have been started anew.
    New,
    /// Nothing changes but the time.
    Refresh,
}

/// What is known of the sender of a request that carries no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Registered, and was offline until now.
    Back,
    /// Registered and online.
    Known,
    /// Registered and online, and its packets come from another port now.
    Moved,
    /// Not registered, or speaking from an address that its registration does not cover.
    Stranger,
}

impl Registry {
    /// A registry that tells `regulars` where the devices are.
    pub(super) fn new(regulars: Arc<Regulars>) -> Self {
        Self { known: Mutex::new(Known { regulars, ..Known::default() }) }
    }

    /// Makes `id` known, or gives it another password.
    pub(crate) fn know(&self, id: DeviceId, credential: Credential) {
        let devices = &mut self.lock().devices;
        match devices.get_mut(&id) {
            Some(device) => device.credential = credential,
            None => drop(devices.insert(id, Device::new(credential))),
        }
    }

    /// Takes up the session of a known device that was registered when the gateway last ran. One that was
    /// online counts as seen now, so that our being away throws nobody offline; one that was silent is still
    /// registered, and its next keepalive brings it back.
    pub(crate) fn resume(&self, id: &DeviceId, peer: Peer, called: u64, online: bool, now: Instant) {
        self.lock().set(id, Session { peer, online, seen: now, called });
    }

    pub(crate) fn forget(&self, id: &DeviceId) {
        let mut known = self.lock();
        let session = known.devices.remove(id).and_then(|device| device.session);
        known.regulars.moved(session.map(|session| session.peer), None);
    }

    pub(crate) fn credential(&self, id: &DeviceId) -> Option<Credential> {
        self.lock().devices.get(id).map(|device| device.credential.clone())
    }

    /// What a registration from `peer` would change.
    pub(crate) fn judge(&self, id: &DeviceId, peer: Peer, called: u64) -> Admission {
        match self.lock().devices.get(id).and_then(|device| device.session.as_ref()) {
            Some(session) if session.online && session.peer == peer && session.called == called => {
                Admission::Refresh
            }
            _ => Admission::New,
        }
    }

    /// Records that `id` registered from `peer`. False when it is known no more.
    pub(crate) fn admit(&self, id: &DeviceId, peer: Peer, called: u64, now: Instant) -> bool {
        self.lock().set(id, Session { peer, online: true, seen: now, called })
    }

    /// Ends the session of `id`; true if it was online.
    pub(crate) fn leave(&self, id: &DeviceId) -> bool {
        let mut known = self.lock();
        let Some(session) = known.devices.get_mut(id).and_then(|device| device.session.take()) else {
            return false;
        };
        known.regulars.moved(Some(session.peer), None);
        session.online
    }

    /// A request without credentials came from `peer` in the name of `id`. It renews the session where the
    /// connection or the source host is the registered one, and then its address is followed.
    pub(crate) fn hear(&self, id: &DeviceId, peer: Peer, now: Instant) -> Sender {
        let mut known = self.lock();
        let Known { devices, regulars, .. } = &mut *known;
        let Some(session) = devices.get_mut(id).and_then(|device| device.session.as_mut()) else {
            return Sender::Stranger;
        };
        if !session.covers(peer) {
            return Sender::Stranger;
        }
        let before = *session;
        *session = Session { peer, online: true, seen: now, ..before };
        regulars.moved(Some(before.peer), Some(peer));
        if before.online {
            return if before.peer == peer { Sender::Known } else { Sender::Moved };
        }
        known.watch(id);
        Sender::Back
    }

    /// Where `id` can be reached; none unless it is online.
    pub(crate) fn peer(&self, id: &DeviceId) -> Option<Peer> {
        let devices = &self.lock().devices;
        devices.get(id)?.session.as_ref().filter(|session| session.online).map(|session| session.peer)
    }

    /// Whether `peer` may speak in the name of `id`, which is registered: see [`hear`](Self::hear).
    pub(crate) fn covers(&self, id: &DeviceId, peer: Peer) -> bool {
        let devices = &self.lock().devices;
        devices.get(id).and_then(|device| device.session.as_ref()).is_some_and(|session| session.covers(peer))
    }

    /// How `id` is spoken to, as far as it was decided.
    pub(super) fn vendor(&self, id: &DeviceId) -> Option<Arc<Held>> {
        self.lock().devices.get(id)?.vendor.clone()
    }

    /// Keeps what was decided, unless more was [noted](Self::observe) of `id` in the meantime.
    pub(super) fn set_vendor(&self, id: &DeviceId, held: Arc<Held>) {
        if let Some(device) = self.lock().devices.get_mut(id)
            && device.observed == held.observed()
        {
            device.vendor = Some(held);
        }
    }

    /// As [`set_vendor`](Self::set_vendor), unless another was decided on while this one was: then more was known.
    pub(super) fn replace_vendor(&self, id: &DeviceId, before: Option<&Arc<Held>>, held: Arc<Held>) {
        if let Some(device) = self.lock().devices.get_mut(id)
            && device.observed == held.observed()
            && device.vendor.as_ref().map(Arc::as_ptr) == before.map(Arc::as_ptr)
        {
            device.vendor = Some(held);
        }
    }

    /// How `id` has behaved.
    pub(super) fn observed(&self, id: &DeviceId) -> Observed {
        self.lock().devices.get(id).map(|device| device.observed).unwrap_or_default()
    }

    /// Notes how `id` behaves. Where that is new, what was decided goes.
    pub(super) fn observe(&self, id: &DeviceId, way: Observed) {
        if let Some(device) = self.lock().devices.get_mut(id)
            && device.observed.and(way) != device.observed
        {
            device.observed = device.observed.and(way);
            device.vendor = None;
        }
    }

    /// How many devices there are, and how many of them are online.
    pub(crate) fn count(&self) -> (usize, usize) {
        let devices = &self.lock().devices;
        let online = |device: &&Device| device.session.as_ref().is_some_and(|session| session.online);
        (devices.len(), devices.values().filter(online).count())
    }

    /// Takes every device offline that was silent for `limit`, and names them.
    pub(crate) fn sweep(&self, now: Instant, limit: Duration) -> Vec<DeviceId> {
        let mut known = self.lock();
        let mut lost = Vec::new();
        while let Some(id) = known.next_watched(now, limit) {
            let Some(device) = known.devices.get_mut(&id) else { continue };
            device.watched = false;
            let Some(session) = device.session.as_mut().filter(|session| session.online) else { continue };
            if now.duration_since(session.seen) < limit {
                known.watch(&id);
            } else {
                session.online = false;
                lost.push(id);
            }
        }
        lost
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Gives `id` a session. False when it is known no more.
    fn set(&mut self, id: &DeviceId, session: Session) -> bool {
        let Some(device) = self.devices.get_mut(id) else { return false };
        let peer = session.peer;
        let before = device.session.replace(session);
        self.regulars.moved(before.map(|session| session.peer), Some(peer));
        if !device.watched {
            self.watch(id);
        }
        true
    }

    /// Has a device watched from when it was last seen, if it is online and not watched yet.
    fn watch(&mut self, id: &DeviceId) {
        let Some((id, _)) = self.devices.get_key_value(id) else { return };
        let id = id.clone();
        let Some(device) = self.devices.get_mut(&id).filter(|device| !device.watched) else { return };
        if let Some(session) = device.session.as_ref().filter(|session| session.online) {
            self.watched.push(Reverse((session.seen, id)));
            device.watched = true;
        }
    }

    /// Takes the next device that may have been silent for `limit`.
    fn next_watched(&mut self, now: Instant, limit: Duration) -> Option<DeviceId> {
        let Reverse((seen, _)) = self.watched.peek()?;
        if now.duration_since(*seen) < limit {
            return None;
        }
        self.watched.pop().map(|Reverse((_, id))| id)
    }
}

impl Device {
    fn new(credential: Credential) -> Self {
        Self { credential, session: None, vendor: None, observed: Observed::default(), watched: false }
    }
}

impl Session {
    /// A registration goes for its connection and its source host.
    fn covers(&self, peer: Peer) -> bool {
        self.peer == peer || host(self.peer) == host(peer)
    }
}

fn host(peer: Peer) -> IpAddr {
    peer.remote.ip()
}

/// The User-Agent and `X-GB-Ver` of a REGISTER, empty where there is none, as a number. New firmware shows in it.
pub(super) fn called(user_agent: &str, version: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user_agent, version).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_new_firmware_may_have_been_started_anew() {
        let (registry, now) = (Registry::default(), Instant::now());
        let id = DeviceId::parse("37070000081118000001").unwrap();
        let address = |text: &str| text.parse().unwrap();
        let peer = Peer::udp(address("192.0.2.7:5060"), address("192.0.2.1:5060"));
        registry.know(id.clone(), Credential::new("12345678".to_owned()));
        let (old, new) = (called("IP Camera", ""), called("IP Camera", "3.0"));
        assert_eq!(registry.judge(&id, peer, old), Admission::New);
        assert!(registry.admit(&id, peer, old, now));
        assert_eq!(registry.hear(&id, peer, now), Sender::Known);
        assert_eq!(registry.judge(&id, peer, old), Admission::Refresh);
        assert_eq!(registry.judge(&id, peer, new), Admission::New);
    }
}

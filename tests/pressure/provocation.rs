//! What makes guests misbehave, over and over: a device, a caller, events, and files.

use std::sync::Arc;
use std::time::Duration;

use sluice_tests::device::Device;
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::Api;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::ground::Ground;
use crate::guests::{HOSTILE, QUAINT};

/// Between two provocations of one kind: twenty in a second.
const GAP: Duration = Duration::from_millis(50);

/// Between two files.
const FILE_GAP: Duration = Duration::from_millis(500);

/// Those who provoke. They are there on quiet ground too, where nobody minds.
pub(crate) struct Crowd {
    stranger: Arc<Device>,
    newcomer: Arc<Device>,
    talker: Arc<Device>,
    api: Api,
}

impl Crowd {
    /// Gathers it.
    pub(crate) async fn gather(ground: &Ground) -> anyhow::Result<Self> {
        let stranger = ground.device(|config| config.user_agent = HOSTILE.to_owned()).await?;
        let newcomer = ground.device(|config| config.user_agent = QUAINT.to_owned()).await?;
        let talker = ground.device(|_| {}).await?;
        talker.register().await?;
        Ok(Self { stranger, newcomer, talker, api: ground.site.api.clone() })
    }

    /// Provokes until it is dropped: by registrations, by devices that leave and come back, by keepalives, which make
    /// events, and by calls.
    pub(crate) fn provoke(&self) -> JoinSet<()> {
        let mut provoking = JoinSet::new();
        // What becomes of a provocation is nobody's business.
        let stranger = Arc::clone(&self.stranger);
        repeat(&mut provoking, GAP, move || {
            let stranger = Arc::clone(&stranger);
            async move { drop(stranger.register().await) }
        });
        let (newcomer, api) = (Arc::clone(&self.newcomer), self.api.clone());
        repeat(&mut provoking, GAP, move || {
            let (newcomer, api) = (Arc::clone(&newcomer), api.clone());
            async move {
                drop(newcomer.deregister().await);
                drop(newcomer.register().await);
                // Modules are asked about a device when it changes, and whenever somebody wants to see what they say.
                drop(api.get(&format!("/devices/{}/vendor", newcomer.id()), &[]).await);
            }
        });
        let talker = Arc::clone(&self.talker);
        repeat(&mut provoking, GAP, move || {
            let talker = Arc::clone(&talker);
            async move { drop(talker.keepalive().await) }
        });
        let api = self.api.clone();
        repeat(&mut provoking, GAP, move || {
            let api = api.clone();
            async move { drop(api.get("/users/0/update", &[("a", "1"), ("b", "2")]).await) }
        });
        provoking
    }
}

/// Puts a file into the place of a plugin's, each time with another hash.
pub(crate) fn drop_files(folder: &Arc<PluginFolder>, name: &'static str, component: &[u8]) -> JoinSet<()> {
    let (folder, component) = (Arc::clone(folder), component.to_owned());
    let mut provoking = JoinSet::new();
    let mut count = 0_u8;
    repeat(&mut provoking, FILE_GAP, move || {
        count = count.wrapping_add(1);
        // A custom section of one byte.
        let file = [component.as_slice(), &[0, 3, 1, b'x', count]].concat();
        let done = folder.put(name, &file);
        async move { drop(done) }
    });
    provoking
}

/// Does something again and again, and never in haste to make up for what was missed.
fn repeat<F: Future<Output = ()> + Send>(
    provoking: &mut JoinSet<()>,
    gap: Duration,
    mut act: impl FnMut() -> F + Send + 'static,
) {
    provoking.spawn(async move {
        let mut clock = interval(gap);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            act().await;
        }
    });
}

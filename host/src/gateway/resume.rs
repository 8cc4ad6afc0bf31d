//! Starting and stopping: what was there when the gateway last ran is taken up again.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::gb28181::DeviceId;
use crate::plugin::{Credential, Secret};
use crate::sip::Arrivals;
use crate::sip::core::nonce::NonceKeeper;
use crate::sip::core::{ConnectionId, Peer};
use crate::store::User;

use super::bans::Bans;
use super::cleanup::Sweeps;
use super::clock::Dates;
use super::describe::Visits;
use super::event::{Notifications, Outbox};
use super::query::Queries;
use super::random::Randoms;
use super::receivers::Receivers;
use super::record::Recordings;
use super::registry::{self, Registry};
use super::stream::Streams;
use super::vendor::Manners;
use super::{Doors, Error, Gateway, Inner};

/// How long a nonce may be answered. A device takes milliseconds; one on a bad line a few attempts.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// Stands for a connection of an earlier run: nobody can be reached on it.
const GONE: ConnectionId = ConnectionId(u64::MAX);

/// How long what is under way may take when the gateway stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Devices that are read from the store at a time.
const PAGE: u32 = 1_000;

/// What keeps the gateway from doing its work; none where nothing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub media: Option<String>,
    pub store: Option<String>,
    /// None while the store does not answer.
    pub notifications: Option<Notifications>,
}

impl Gateway {
    /// Takes up what the store holds, and begins to work: devices that were registered are online, streams that
    /// were open are compared with the media server.
    ///
    /// # Errors
    /// When the store cannot be read, or the system has no random numbers.
    pub async fn start(config: Config, doors: Doors, arrivals: Arrivals) -> Result<Self, Error> {
        let gateway = Self(std::sync::Arc::new(Inner::new(config, doors).await?));
        gateway.resume_memories().await?;
        gateway.resume_devices().await?;
        gateway.resume_streams().await?;
        gateway.resume_recordings().await?;
        gateway.start_senders().await?;
        let (answering, keeping, sweeping) = (gateway.clone(), gateway.clone(), gateway.clone());
        let (remembering, visiting) = (gateway.clone(), gateway.clone());
        gateway.in_background(async move { answering.answer_all(arrivals).await });
        gateway.in_background(async move { keeping.keep_house().await });
        gateway.in_background(async move { sweeping.sweep_regularly().await });
        gateway.in_background(async move { remembering.remember_regularly().await });
        gateway.in_background(async move { visiting.visit_all().await });
        Ok(gateway)
    }

    /// Ends all work and writes what is written behind. Streams go on without us; the next start finds them.
    pub async fn shut_down(&self) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        if timeout(FAREWELL, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("stopped before all work was done; the next start takes it up");
        }
        if let Err(error) = self.remember().await {
            tracing::error!(%error, "what plugins stored last is lost");
        }
        self.0.store.close().await;
    }

    /// Whether store and media server answer, and the store can be written.
    pub async fn readiness(&self) -> Readiness {
        let (notifications, media) = tokio::join!(self.notifications(), self.0.media.version());
        let unwritable = self.0.store.trouble().map(|error| Error::from(error).told());
        Readiness {
            media: media.err().map(|error| error.told()),
            store: notifications.as_ref().err().map(Error::told).or(unwritable),
            notifications: notifications.ok(),
        }
    }

    async fn resume_devices(&self) -> Result<(), Error> {
        let (mut known, mut online, mut last) = (0_usize, 0_usize, 0);
        loop {
            // A hundred thousand rows at once would take more memory than all that is kept of them.
            let users = self.0.store.users_after(last, PAGE).await?;
            let Some(user) = users.last() else { break };
            (known, last) = (known + users.len(), user.id);
            online += self.resume_page(&users);
        }
        tracing::info!(known, online, "devices taken up");
        Ok(())
    }

    /// How many of these devices are online.
    fn resume_page(&self, users: &[User]) -> usize {
        let now = Instant::now();
        let mut online = 0;
        for user in users {
            let Ok(id) = DeviceId::parse(&user.deviceid) else { continue };
            let credential = Credential::new(user.pwd.0.clone());
            self.0.registry.know(id.clone(), credential);
            let Some(peer) = peer(user).filter(|_| user.regist) else { continue };
            let called = registry::called(&user.user_agent, &user.gb_version);
            self.0.registry.resume(&id, peer, called, user.online, now);
            online += usize::from(user.online);
            // Stopped between its 200 and the first query. Nobody else is asked: no storm after a restart.
            if user.online && user.generation == 0 {
                self.describe_soon(&id);
            }
        }
        online
    }
}

impl Inner {
    async fn new(config: Config, doors: Doors) -> Result<Self, Error> {
        let Doors { media, plugins, sip, store } = doors;
        let internal = |error: String| Error::Internal(error);
        let randoms = Randoms::default();
        let (seed, key) = (randoms.take()?, randoms.take()?);
        let zone = jiff::tz::TimeZone::get(&config.platform.timezone);
        Ok(Self {
            dates: Dates::default(),
            zone: zone.map_err(|error| internal(error.to_string()))?,
            receivers: Receivers::new(&config),
            sign_key: Secret::new(config.http.secret.clone()),
            nonces: Mutex::new(NonceKeeper::new(Instant::now().into_std(), key, NONCE_LIFETIME)),
            events: Outbox::new().map_err(|error| internal(error.to_string()))?,
            queries: Queries::starting_at(u32::from_ne_bytes(seed)),
            bans: Bans::new((&config.sip.limits).into()),
            registry: Registry::new(sip.regulars()),
            recordings: Recordings::default(),
            streams: Streams::default(),
            manners: Manners::default(),
            randoms,
            sweeps: Sweeps::default(),
            visits: Visits::default(),
            check_wanted: Notify::new(),
            remembering: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            config,
            media,
            plugins,
            sip,
            store,
        })
    }
}

/// Where a device was when the gateway last heard of it. A connection of then is gone, but its source host still
/// tells who speaks.
fn peer(user: &User) -> Option<Peer> {
    let remote: SocketAddr = user.source.parse().ok()?;
    let local: SocketAddr = user.local.parse().ok()?;
    Some(match user.transport.as_str() {
        "TCP" => Peer::tcp(GONE, remote, local),
        _ => Peer::udp(remote, local),
    })
}

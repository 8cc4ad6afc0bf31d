//! The domain: the only place where the doors meet.
//!
//! | file | its one job |
//! | --- | --- |
//! | `answer` | what comes in by SIP, one `match` on method and CmdType |
//! | `pace` | whether requests take long |
//! | `register` | REGISTER: policy asked, session kept, 200 after the store |
//! | `bans` | devices that were wrong too often at a source |
//! | `registry` | which devices there are and where they can be reached |
//! | `query` | DeviceInfo and Catalog, asked and gathered |
//! | `describe` | which devices are asked that, and when |
//! | `account` | user and channel devices, issued and withdrawn |
//! | `playback` | recordings on the device, played and listed |
//! | `timeline` | recorded periods joined, clipped and split by day |
//! | `record` | streams recorded at the media server |
//! | `lost` | recordings whose file nobody told of |
//! | `cleanup` | recorded files that go |
//! | `live` | play: one live stream a channel |
//! | `invite` | opening a media session, along the standard's sequence chart |
//! | `call` | an INVITE, until nobody can answer it any more |
//! | `stream` | open streams and what happens to them |
//! | `close` | stop, BYE, and everything that ends a stream |
//! | `hook` | what the media server tells |
//! | `permit` | the `sign` policy for calls, playbacks and publishes |
//! | `event` | notifications, stored first and delivered in order |
//! | `receivers` | who is told what, and by which plugin |
//! | `janitor` | silence, deadlines, and the comparison with the media server |
//! | `outbound` | requests to devices |
//! | `policy` | the plugins, as operators see and move them |
//! | `memory` | what plugins remember, over restarts |
//! | `measure` | what is counted |
//! | `random` | random numbers, many fetched at once |
//! | `resume` | what was there when the gateway last ran |
//! | `reopen` | its streams among that |
//! | `vendor` | what a device's maker does differently |
//! | `view` | a user device as callers see it |

mod account;
mod answer;
mod bans;
mod call;
mod cleanup;
mod clock;
mod close;
mod describe;
mod error;
mod event;
mod hook;
mod invite;
mod janitor;
mod live;
mod lost;
mod measure;
mod memory;
mod outbound;
mod pace;
mod permit;
mod playback;
mod policy;
mod query;
mod random;
mod receivers;
mod record;
mod register;
mod registry;
mod reopen;
mod resume;
mod stream;
mod timeline;
mod vendor;
mod view;

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config::Config;
use crate::media::MediaServer;
use crate::plugin::{Plugins, Secret};
use crate::sip::Sip;
use crate::sip::core::nonce::NonceKeeper;
use crate::store::{NewEvent, Store};

pub use bans::BanShown;
pub use cleanup::{SweepFigures, SweepReport};
pub use close::Stopped;
pub use error::Error;
pub use event::Notifications;
pub use live::Playback;
pub use measure::{Backlog, Measures};
pub use permit::Call;
pub use policy::PluginStatus;
pub use resume::Readiness;
pub use timeline::{RecordDay, RecordItem, RecordList};
pub use vendor::VendorShown;
pub use view::{SysInfo, UserDevice};

/// The gateway. A cheap handle; all clones are the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

/// The four doors, opened.
pub struct Doors {
    pub media: MediaServer,
    pub plugins: Plugins,
    pub sip: Sip,
    pub store: Store,
}

/// What the gateway is made of: the doors, and what it remembers between two messages.
struct Inner {
    config: Config,
    /// The civil time that devices speak.
    zone: jiff::tz::TimeZone,
    dates: clock::Dates,
    /// `http.secret`, for the policies that sign.
    sign_key: Secret,
    media: MediaServer,
    plugins: Plugins,
    sip: Sip,
    store: Store,
    receivers: receivers::Receivers,
    bans: bans::Bans,
    registry: registry::Registry,
    queries: query::Queries,
    recordings: record::Recordings,
    streams: stream::Streams,
    manners: vendor::Manners,
    randoms: random::Randoms,
    sweeps: cleanup::Sweeps,
    visits: describe::Visits,
    /// Remembers the nonces that were used; held for one look-up.
    nonces: Mutex<NonceKeeper>,
    events: event::Outbox,
    /// Held while what plugins stored is written, which waits for the disk.
    remembering: tokio::sync::Mutex<()>,
    /// Asks the janitor to compare streams and media server now.
    check_wanted: Notify,
    /// Work that outlives the message or call that began it.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Gateway {
    /// Work that goes on when its caller hangs up, and logs under the same request.
    fn in_own_task<W>(&self, work: W) -> JoinHandle<W::Output>
    where
        W: Future<Output: Send> + Send + 'static,
    {
        self.0.tasks.spawn(work.in_current_span())
    }

    /// Work that ends with the gateway at the latest.
    fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.0.stopping.clone();
        self.in_own_task(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Stores events, and wakes who sends them.
    async fn tell(&self, events: Vec<NewEvent>) -> Result<(), Error> {
        if !events.is_empty() {
            // Kept apart, so that it takes no room where nobody wants to know.
            Box::pin(self.0.store.enqueue(events)).await?;
            self.0.events.wake();
        }
        Ok(())
    }

    /// What the operator configured.
    pub fn config(&self) -> &Config {
        &self.0.config
    }
}

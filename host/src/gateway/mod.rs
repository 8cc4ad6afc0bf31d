//! The domain: the only place where the doors meet.
//!
//! | file | its one job |
//! | --- | --- |
//! | `answer` | what comes in by SIP, one `match` on method and CmdType |
//! | `register` | REGISTER: policy asked, session kept, 200 after the store |
//! | `registry` | which devices there are and where they can be reached |
//! | `query` | DeviceInfo and Catalog, asked and gathered |
//! | `account` | user and channel devices, issued and withdrawn |
//! | `live` | play, along the standard's sequence chart |
//! | `stream` | open streams and what happens to them |
//! | `close` | stop, BYE, and everything that ends a stream |
//! | `hook` | what the media server tells |
//! | `permit` | the `sign` policy for calls, playbacks and publishes |
//! | `event` | notifications, stored first and delivered in order |
//! | `janitor` | silence, deadlines, and the comparison with the media server |
//! | `outbound` | requests to devices |

mod account;
mod answer;
mod close;
mod error;
mod event;
mod hook;
mod janitor;
mod live;
mod outbound;
mod permit;
mod query;
mod register;
mod registry;
mod stream;

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::media::MediaServer;
use crate::plugin::{Plugins, Secret};
use crate::sip::core::nonce::NonceKeeper;
use crate::sip::{Incoming, IncomingReceiver, Sip};
use crate::store::Store;

pub use close::Stopped;
pub use error::Error;
pub use live::Playback;
pub use permit::Call;

/// The gateway. A cheap handle; all clones are the same gateway.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Inner>);

/// What the gateway is made of: the four doors, and what it remembers between two messages.
#[derive(Debug)]
struct Inner {
    config: Config,
    sign_key: Secret,
    sip: Sip,
    store: Store,
    media: MediaServer,
    plugins: Plugins,
    registry: registry::Registry,
    queries: query::Queries,
    streams: stream::Streams,
    /// Remembers the nonces that were used; held for one look-up.
    nonces: Mutex<NonceKeeper>,
    events: event::Outbox,
    /// Work that outlives the message or call that began it.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

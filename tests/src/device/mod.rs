//! A simulated GB28181 device: a camera or a recorder, over UDP or TCP.
//!
//! | file | what it does |
//! | --- | --- |
//! | `config` | what a device is: ids, channels, recordings, charset, how it pages lists |
//! | `behaviour` | what it does wrong, changeable while it runs |
//! | `habits` | what it does in its maker's way |
//! | `vendor` | a device of each maker |
//! | `event` | what it saw and did |
//! | `core` | the state behind a running device, and its socket's loop |
//! | `link` | the socket to the platform |
//! | `client` | requests of its own, retransmitted until answered |
//! | `register` | registration, and the ways to get it wrong |
//! | `server` | what it answers to the platform's requests |
//! | `query` | Catalog, DeviceInfo, DeviceStatus, RecordInfo |
//! | `manscdp` | the XML bodies |
//! | `invite` | a session from INVITE to BYE |
//! | `packet` | how a message leaves a device that cannot count |
//! | `offer` | the SDP offer and its answer |
//! | `stream` | the RTP of a session |
//! | `fleet` | many devices at once |

mod behaviour;
mod client;
mod config;
mod core;
mod event;
mod fleet;
mod habits;
mod invite;
mod link;
mod manscdp;
mod offer;
mod packet;
mod query;
mod register;
mod server;
mod stream;
#[cfg(test)]
mod tests;
pub mod vendor;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use self::behaviour::{Answer, Behaviour, ContactLine, LengthLine, SdpForm, SsrcLine};
pub use self::config::{Channel, Charset, DeviceConfig, Order, Paging, Recording, Transport, channel_ids};
use self::core::Core;
pub use self::event::DeviceEvent;
pub use self::fleet::{Fleet, FleetReport};
pub use self::habits::{Habits, Owner};
pub use self::register::{Credentials, Registered};
use crate::journal::{Journal, NotSeen};

/// A running device. Dropping it closes its sockets without a word, like a power cut.
#[derive(Debug)]
pub struct Device {
    core: Arc<Core>,
}

/// What a device could not do.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The 401 holds no challenge that this device understands.
    #[error("no usable challenge in the 401")]
    Challenge,
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// The platform gave no final answer within 64 × T1 (RFC 3261 §17.1.2.2, Timer F).
    #[error("no answer to {method}")]
    NoAnswer {
        /// The method of the request.
        method: String,
    },
    /// There is no such dialog (any more).
    #[error("no dialog {call_id}")]
    NoDialog {
        /// The Call-ID that was asked for.
        call_id: String,
    },
    /// Nothing was sent before that could be sent again.
    #[error("no earlier credentials to use again")]
    NothingToReuse,
}

impl Device {
    /// Binds 127.0.0.1:0 (UDP) or connects to the platform (TCP) and starts to answer. Registers nothing yet.
    pub async fn start(config: DeviceConfig) -> io::Result<Self> {
        Ok(Self { core: Core::start(config).await? })
    }

    /// The device's 20-digit id.
    pub fn id(&self) -> &str {
        &self.core.config.id
    }

    /// What the device was made from.
    pub fn config(&self) -> &DeviceConfig {
        &self.core.config
    }

    /// The device's own address.
    pub fn address(&self) -> SocketAddr {
        self.core.link().local()
    }

    /// Registers: REGISTER, the challenge, REGISTER with credentials. Again, it is a refresh.
    pub async fn register(&self) -> Result<Registered, DeviceError> {
        register::register(&self.core, Credentials::Right, self.core.config.expires).await
    }

    /// Registers with credentials of the caller's choice.
    pub async fn register_with(&self, credentials: Credentials) -> Result<Registered, DeviceError> {
        register::register(&self.core, credentials, self.core.config.expires).await
    }

    /// De-registers: REGISTER with Expires 0.
    pub async fn deregister(&self) -> Result<Registered, DeviceError> {
        register::register(&self.core, Credentials::Right, 0).await
    }

    /// Sends one keepalive; the status of its answer.
    pub async fn keepalive(&self) -> Result<u16, DeviceError> {
        self.keepalive_saying("OK").await
    }

    /// Sends one keepalive with that `<Status>`; the status of its answer.
    pub async fn keepalive_saying(&self, status: &str) -> Result<u16, DeviceError> {
        client::keepalive(&self.core, status).await
    }

    /// Sends a MESSAGE with a MANSCDP body; the status of its answer.
    pub async fn message(&self, xml: &str) -> Result<u16, DeviceError> {
        client::message(&self.core, xml).await
    }

    /// Sends a Catalog notification that nobody asked for, with all channels as they are now.
    pub async fn announce_catalog(&self) -> Result<(), DeviceError> {
        query::catalog(&self.core, self.core.next_sn()).await
    }

    /// Sends bytes as they are: `b"jaK\0"`, CRLFs, rubbish.
    pub async fn send_raw(&self, bytes: &[u8]) -> Result<(), DeviceError> {
        Ok(self.core.link().send(bytes).await?)
    }

    /// Ends a session from the device's side; the status of the answer to its BYE.
    pub async fn hang_up(&self, call_id: &str) -> Result<u16, DeviceError> {
        invite::hang_up(&self.core, call_id).await
    }

    /// Changes what the device does wrong, from the next message on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.core.with(|state| change(&mut state.behaviour));
    }

    /// Keeps final answers to INVITE back, or lets them go: those that wait go out at once.
    pub fn hold_answers(&self, held: bool) {
        self.core.held.send_replace(held);
    }

    /// Changes a channel's `<Status>`, as the next catalog will say it. Unknown channels change nothing.
    pub fn set_channel_status(&self, channel: &str, status: &str) {
        self.core.with(|state| {
            for found in state.channels.iter_mut().filter(|known| known.id == channel) {
                status.clone_into(&mut found.status);
            }
        });
    }

    /// Power cut and start: media and dialogs gone, a new port, new Call-IDs. It does not register by itself.
    pub async fn reboot(&self) -> io::Result<()> {
        self.core.reboot().await
    }

    /// Everything seen and done so far, in order.
    pub fn events(&self) -> Vec<DeviceEvent> {
        self.core.events.all()
    }

    /// The journal of events, to mark a place in it and wait for what follows.
    pub fn journal(&self) -> &Journal<DeviceEvent> {
        &self.core.events
    }

    /// The first event, past or to come, that `wanted` accepts.
    pub async fn wait_for(&self, wanted: impl Fn(&DeviceEvent) -> bool) -> Result<DeviceEvent, NotSeen> {
        self.core.events.wait(wanted).await
    }

    /// RTP packets sent in a session, also after its end; 0 for one that never was.
    pub fn packets_sent(&self, call_id: &str) -> u64 {
        *self.core.packet_counter(call_id).borrow()
    }

    /// Waits until at least `packets` RTP packets went out in a session; `false` when that takes too long.
    pub async fn wait_for_packets(&self, call_id: &str, packets: u64, patience: Duration) -> bool {
        let mut count = self.core.packet_counter(call_id).subscribe();
        let reached = async { count.wait_for(|sent| *sent >= packets).await.is_ok() };
        tokio::time::timeout(patience, reached).await.unwrap_or(false)
    }

    /// Whether a session's media is being sent now.
    pub fn is_sending(&self, call_id: &str) -> bool {
        self.core.with(|state| state.dialogs.get(call_id).is_some_and(|dialog| dialog.sending))
    }

    /// The Call-IDs of the sessions that are open, answered or not.
    pub fn open_dialogs(&self) -> Vec<String> {
        self.core.with(|state| {
            let mut open: Vec<String> = state.dialogs.keys().cloned().collect();
            open.sort();
            open
        })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.core.power_off();
    }
}

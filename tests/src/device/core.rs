//! The state behind a running device, and its socket's loop.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::behaviour::Behaviour;
use super::config::{Channel, DeviceConfig};
use super::event::DeviceEvent;
use super::invite::Dialog;
use super::link::{self, Incoming, Link, Reader};
use super::packet::packets;
use super::register::Registration;
use super::server;
use crate::journal::Journal;
use crate::random;
use crate::sip::Message;

/// How many answers a device remembers for retransmissions.
const REMEMBERED: usize = 256;

/// A device, shared by its tasks.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: DeviceConfig,
    pub(super) events: Journal<DeviceEvent>,
    /// Final answers to INVITE wait while this says so.
    pub(super) held: watch::Sender<bool>,
    // Never held across an await.
    state: Mutex<State>,
}

/// What changes while a device runs.
#[derive(Debug)]
pub(super) struct State {
    pub(super) behaviour: Behaviour,
    pub(super) channels: Vec<Channel>,
    pub(super) dialogs: HashMap<String, Dialog>,
    pub(super) registration: Registration,
    /// Requests of its own that wait for answers, by branch.
    pub(super) pending: HashMap<String, mpsc::Sender<Message>>,
    /// RTP packets sent, by Call-ID; kept after the session's end.
    packets: HashMap<String, watch::Sender<u64>>,
    answered: Answered,
    link: Arc<Link>,
    sn: u32,
    /// The socket's loop and the keepalive loop.
    tasks: Vec<JoinHandle<()>>,
}

/// Requests seen and what was answered to them; no bytes: nothing was, on purpose.
#[derive(Debug, Default)]
struct Answered {
    answers: HashMap<String, Vec<u8>>,
    order: VecDeque<String>,
}

impl Core {
    pub(super) async fn start(config: DeviceConfig) -> io::Result<Arc<Self>> {
        let (link, reader) = link::open(&config).await?;
        let state = State {
            behaviour: config.behaviour.clone(),
            channels: config.channels.clone(),
            dialogs: HashMap::new(),
            registration: Registration::new(),
            pending: HashMap::new(),
            packets: HashMap::new(),
            answered: Answered::default(),
            link: Arc::new(link),
            sn: random::number() % 10_000,
            tasks: Vec::new(),
        };
        let (events, held) = (Journal::default(), watch::Sender::new(false));
        let core = Arc::new(Self { config, events, held, state: Mutex::new(state) });
        core.spawn(listen(Arc::clone(&core), reader));
        Ok(core)
    }

    pub(super) async fn reboot(self: &Arc<Self>) -> io::Result<()> {
        self.power_off();
        let (link, reader) = link::open(&self.config).await?;
        self.with(|state| {
            state.registration = Registration::new();
            state.answered = Answered::default();
            state.link = Arc::new(link);
        });
        self.events.push(DeviceEvent::Rebooted);
        self.spawn(listen(Arc::clone(self), reader));
        Ok(())
    }

    /// Ends every task and forgets every dialog, without a word on the wire.
    pub(super) fn power_off(&self) {
        let (tasks, dialogs) = self.with(|state| {
            state.pending.clear();
            (std::mem::take(&mut state.tasks), std::mem::take(&mut state.dialogs))
        });
        tasks.iter().for_each(JoinHandle::abort);
        dialogs.values().for_each(Dialog::abort);
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn link(&self) -> Arc<Link> {
        self.with(|state| Arc::clone(&state.link))
    }

    pub(super) fn next_sn(&self) -> u32 {
        self.with(|state| {
            state.sn += 1;
            state.sn
        })
    }

    /// Runs a task that ends with the device.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.with(|state| {
            state.tasks.retain(|running| !running.is_finished());
            state.tasks.push(tokio::spawn(task));
        });
    }

    /// Sends a message, as lossily as the device is told to.
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let (lost, twice, packets) = self.with(|state| {
            let lost = take_one(&mut state.behaviour.lose_outgoing);
            (lost, state.behaviour.duplicate, packets(bytes, &state.behaviour))
        });
        let link = self.link();
        if !lost && let Ok(message) = Message::parse(bytes) {
            self.events.push(DeviceEvent::Sent { message });
        }
        for _ in 0..if lost { 0 } else { 1 + usize::from(twice) } {
            for packet in &packets {
                link.send(packet).await?;
            }
        }
        Ok(())
    }

    /// The counter of a session's RTP packets, made where there is none.
    pub(super) fn packet_counter(&self, call_id: &str) -> watch::Sender<u64> {
        self.with(|state| state.packets.entry(call_id.to_owned()).or_default().clone())
    }

    /// Remembers what was answered to a request, for its retransmissions.
    pub(super) fn remember(&self, request: &Message, answer: Vec<u8>) {
        let key = transaction(request);
        self.with(|state| state.answered.remember(key, answer));
    }

    /// What was answered to this request before.
    pub(super) fn remembered(&self, request: &Message) -> Option<Vec<u8>> {
        self.with(|state| state.answered.answers.get(&transaction(request)).cloned())
    }
}

impl Answered {
    fn remember(&mut self, key: String, answer: Vec<u8>) {
        if self.answers.insert(key.clone(), answer).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

async fn listen(core: Arc<Core>, mut reader: Reader) {
    loop {
        match reader.next().await {
            Incoming::Closed => {
                core.events.push(DeviceEvent::Disconnected);
                return;
            }
            Incoming::Rubbish => core.events.push(DeviceEvent::Rubbish),
            Incoming::Message(message) => {
                core.events.push(DeviceEvent::Received { message: message.clone() });
                if core.with(|state| take_one(&mut state.behaviour.lose_incoming)) {
                    continue;
                }
                server::receive(&core, message).await;
            }
        }
    }
}

/// Takes one from a counter of things still to be done; whether there was one.
pub(super) fn take_one(counter: &mut u32) -> bool {
    let left = *counter > 0;
    *counter = counter.saturating_sub(1);
    left
}

/// What identifies a request and its retransmissions (RFC 3261 §17.2.3).
fn transaction(request: &Message) -> String {
    format!("{} {} {}", request.branch(), request.method(), request.call_id())
}

//! A simulated ZLMediaKit: its API, its hooks, the names it gives streams, its delays and its pitfalls.
//!
//! It really receives RTP and looks into it, so that only media that a real server could decode registers.
//! Order, bodies and delays are those recorded from a real server (`tests/data/zlm`); delays are divided by
//! [`ZlmConfig::speed`]. It transcodes nothing and shows no pictures.
//!
//! | file | what it does |
//! | --- | --- |
//! | `api/` | the HTTP API, and what viewers fetch |
//! | `config` | what a server is made from |
//! | `core` | the state, and what registers and removes streams |
//! | `session` | a publisher's life, with the delays |
//! | `receive` | the sockets for RTP |
//! | `program` | what is inside the packets |
//! | `seen` | what can be seen of a server from outside |
//! | `stream` | the types of the state |
//! | `hook` | posting hooks, retries |
//! | `body` | the JSON of hooks and answers |
//! | `player` | viewers |
//! | `record` | MP4 files |
//! | `settings` | configuration keys and the delays they hold |
//! | `fault` | faults on demand |

mod api;
mod body;
mod config;
mod core;
mod fault;
mod hook;
mod player;
mod program;
mod receive;
mod record;
mod seen;
mod session;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::api::ApiCall;
pub use self::config::ZlmConfig;
use self::core::Core;
pub use self::fault::Fault;
pub use self::hook::HookSent;
pub use self::player::{Played, Protocol};
use self::receive::Pair;
pub use self::seen::{ServerSeen, StreamSeen};
pub use self::stream::Schema;
use self::stream::{Key, readers};
use crate::journal::{Journal, NotSeen};

/// `on_server_started` comes so long before the ports listen (measured: 8 ms).
const HEAD_START: Duration = Duration::from_millis(8);

/// A running server. Dropping it is a SIGKILL.
#[derive(Debug)]
pub struct FakeZlm {
    core: Arc<Core>,
    http_port: u16,
    rtp_port: u16,
    process: Mutex<Option<Process>>,
    _temporary: Option<TempDir>,
}

/// What could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The client for hooks could not be made.
    #[error("hook client: {0}")]
    Client(#[from] reqwest::Error),
    /// A port could not be bound, or the folder for recordings not be made.
    #[error("port or folder: {0}")]
    Io(#[from] io::Error),
}

/// What lives between a start and a kill.
#[derive(Debug)]
struct Process {
    down: watch::Sender<bool>,
    http: JoinHandle<()>,
}

impl FakeZlm {
    /// Starts a server on free ports of its address. `on_server_started` is sent if there is where to.
    pub async fn start(config: ZlmConfig) -> Result<Self, StartError> {
        let http = receive::bind_tcp(config.address, 0)?;
        let rtp = Pair::bind(config.address, 0).await?;
        let (http_port, rtp_port) = (http.local_addr()?.port(), rtp.port);
        let temporary = if config.record_root.is_none() { Some(tempfile::tempdir()?) } else { None };
        let own = temporary.as_ref().map(|folder| folder.path().to_owned());
        let root = config.record_root.clone().or(own).unwrap_or_default();
        let core = Core::new(config, root, http_port, rtp_port)?;
        let zlm = Self { core, http_port, rtp_port, process: Mutex::new(None), _temporary: temporary };
        zlm.boot(http, rtp, true).await?;
        Ok(zlm)
    }

    /// `http://<address>:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.core.config.address, self.http_port)
    }

    /// The API's secret.
    pub fn secret(&self) -> &str {
        &self.core.config.secret
    }

    /// The single RTP port, UDP and TCP.
    pub fn rtp_address(&self) -> SocketAddr {
        SocketAddr::from((self.core.config.address, self.rtp_port))
    }

    /// The folder that recordings go to.
    pub fn record_root(&self) -> &Path {
        &self.core.record_root
    }

    /// A real delay in this server's time.
    pub fn scaled(&self, real: Duration) -> Duration {
        self.core.scaled(real)
    }

    /// Points the hooks somewhere, from the next one on.
    pub fn set_hook_base(&self, base: &str) {
        let query = self.core.config.hook_query.as_deref();
        self.core.with(|state| state.settings.set_hook_base(Some(base), query));
    }

    /// Sets a configuration key, as an operator would in config.ini; whether it changed.
    pub fn configure(&self, key: &str, value: &str) -> bool {
        self.core.with(|state| state.settings.change(key, value))
    }

    /// Sends `on_server_started`, for a backend that was not there yet at the start.
    pub async fn announce(&self) {
        let all = self.core.with(|state| json!(state.settings.all()));
        hook::ask(&self.core, "on_server_started", all).await;
    }

    /// SIGKILL: streams, RTP servers and viewers are gone, no hook says so, the ports refuse.
    pub async fn kill(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(process) = &process {
            process.down.send_replace(true);
        }
        self.core.power_off().await;
        if let Some(mut process) = process
            && tokio::time::timeout(Duration::from_secs(1), &mut process.http).await.is_err()
        {
            process.http.abort();
        }
    }

    /// SIGTERM: everything unregisters, `on_server_exited`, then it is gone.
    pub async fn terminate(&self) {
        let (servers, streams) = self.core.with(|state| {
            let servers: Vec<Key> = state.servers.keys().cloned().collect();
            (servers, state.streams.keys().cloned().collect::<Vec<_>>())
        });
        for key in streams {
            self.core.remove(&key, true);
        }
        for key in servers {
            self.core.close_server(&key);
        }
        hook::ask(&self.core, "on_server_exited", json!({})).await;
        self.kill().await;
    }

    /// Kills it and starts it again on the same ports; hook_index starts at 0.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.restart_as(true).await
    }

    /// The same without `on_server_started`, as when the hook got lost.
    pub async fn restart_silently(&self) -> Result<(), StartError> {
        self.restart_as(false).await
    }

    /// Watches a stream of app `rtp` with that URL query; answers when pictures come, or never will.
    pub async fn play(&self, stream: &str, protocol: Protocol, query: &str) -> Played {
        player::play(&self.core, Key::new("rtp", stream), protocol, query).await
    }

    /// A viewer leaves; whether it was there. HLS viewers are counted for 64 s more.
    pub fn stop_player(&self, player: &str) -> bool {
        player::stop(&self.core, player)
    }

    /// Whether a viewer still gets pictures.
    pub fn is_playing(&self, player: &str) -> bool {
        self.core.with(|state| state.players.contains_key(player))
    }

    /// Lets an API call fail, for the next `times` calls or until [`FakeZlm::heal`].
    pub fn fail(&self, api: &str, fault: Fault, times: Option<u32>) {
        self.core.with(|state| state.faults.set(api, fault, times));
    }

    /// Clears all faults.
    pub fn heal(&self) {
        self.core.with(|state| state.faults.clear());
    }

    /// The streams that are received now.
    pub fn streams(&self) -> Vec<StreamSeen> {
        self.core.with(|state| {
            let streams = state.streams.iter();
            let seen =
                streams.map(|(key, one)| StreamSeen::new(key, one, readers(&state.players, key, None)));
            seen.collect()
        })
    }

    /// A stream of app `rtp`.
    pub fn stream(&self, id: &str) -> Option<StreamSeen> {
        self.streams().into_iter().find(|stream| stream.app == "rtp" && stream.id == id)
    }

    /// The RTP servers that are open now.
    pub fn servers(&self) -> Vec<ServerSeen> {
        self.core
            .with(|state| state.servers.iter().map(|(key, server)| ServerSeen::new(key, server)).collect())
    }

    /// The hooks sent since the very start, in order of their fate; within one process `index` tells the order
    /// of sending.
    pub fn hooks(&self) -> Vec<HookSent> {
        self.core.hooks.all()
    }

    /// The journal of hooks, to mark a place in it and wait for what follows.
    pub fn hook_journal(&self) -> &Journal<HookSent> {
        &self.core.hooks
    }

    /// The first hook of that name, past or to come, whose body `wanted` accepts.
    pub async fn wait_hook(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<HookSent, NotSeen> {
        self.core.hooks.wait(|hook| hook.name == name && wanted(&hook.body)).await
    }

    /// The API calls so far.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.core.calls.all()
    }

    /// The journal of API calls.
    pub fn call_journal(&self) -> &Journal<ApiCall> {
        &self.core.calls
    }

    /// The first API call of that name, past or to come.
    pub async fn wait_call(&self, name: &str) -> Result<ApiCall, NotSeen> {
        self.core.calls.wait(|call| call.name == name).await
    }

    /// Waits until `wanted` is true of the streams, looking again at every registration and closing.
    pub async fn wait_streams(&self, patience: Duration, wanted: impl Fn(&[StreamSeen]) -> bool) -> bool {
        let mut changes = self.core.changes.subscribe();
        let reached = async {
            while !wanted(&self.streams()) {
                // The sender lives as long as `self` does.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(patience, reached).await.is_ok()
    }

    async fn restart_as(&self, announced: bool) -> Result<(), StartError> {
        self.kill().await;
        let http = receive::bind_tcp(self.core.config.address, self.http_port)?;
        let rtp = Pair::bind(self.core.config.address, self.rtp_port).await?;
        self.boot(http, rtp, announced).await
    }

    async fn boot(&self, http: TcpSocket, rtp: Pair, announced: bool) -> Result<(), StartError> {
        if announced {
            let all = self.core.with(|state| json!(state.settings.all()));
            hook::fire(&self.core, "on_server_started", all);
            tokio::time::sleep(HEAD_START).await;
        }
        let (down, dying) = watch::channel(false);
        let http = tokio::spawn(api::serve(Arc::clone(&self.core), http.listen(1_024)?, dying));
        self.open_rtp(rtp.udp, rtp.tcp)?;
        let core = Arc::clone(&self.core);
        self.core.spawn(keepalives(core));
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        *process = Some(Process { down, http });
        Ok(())
    }

    fn open_rtp(&self, udp: UdpSocket, tcp: TcpSocket) -> io::Result<()> {
        let core = &self.core;
        core.spawn(receive::single_udp(Arc::clone(core), udp, self.rtp_port));
        core.spawn(receive::single_tcp(Arc::clone(core), tcp.listen(1_024)?, self.rtp_port));
        Ok(())
    }
}

impl Drop for FakeZlm {
    fn drop(&mut self) {
        self.core.abandon();
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(process) = process {
            process.http.abort();
        }
    }
}

async fn keepalives(core: Arc<Core>) {
    loop {
        let interval = core.with(|state| state.settings.keepalive_interval());
        tokio::time::sleep(interval).await;
        let streams = core.with(|state| state.streams.len());
        hook::fire(&core, "on_server_keepalive", body::keepalive(streams));
    }
}

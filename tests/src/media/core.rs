//! The state behind a running server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ZlmConfig;
use super::api::ApiCall;
use super::body::{self, Readers};
use super::fault::Faults;
use super::hook::{self, HookSent};
use super::record;
use super::settings::Settings;
use super::stream::{Control, Entrance, Inlet, Key, Origin, Player, RtpServer, Schema, Stream, readers};
use crate::journal::Journal;

/// The server, shared by its tasks.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: ZlmConfig,
    /// `./www`.
    pub(super) record_root: PathBuf,
    pub(super) hooks: Journal<HookSent>,
    pub(super) calls: Journal<ApiCall>,
    /// Rises with every registration and closing, for those who wait for one.
    pub(super) changes: watch::Sender<u64>,
    pub(super) client: reqwest::Client,
    // Never held across an await.
    state: Mutex<State>,
}

/// What changes while the server runs.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) servers: BTreeMap<Key, RtpServer>,
    pub(super) streams: BTreeMap<Key, Stream>,
    pub(super) players: BTreeMap<String, Player>,
    pub(super) faults: Faults,
    pub(super) http_port: u16,
    hook_index: u64,
    last_id: u64,
    tasks: Vec<JoinHandle<()>>,
}

impl Core {
    pub(super) fn new(
        config: ZlmConfig,
        record_root: PathBuf,
        http_port: u16,
        rtp_port: u16,
    ) -> reqwest::Result<Arc<Self>> {
        // A new connection for each hook, as the real server makes.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build()?;
        let state = State {
            settings: Settings::new(&config, http_port, rtp_port),
            servers: BTreeMap::new(),
            streams: BTreeMap::new(),
            players: BTreeMap::new(),
            faults: Faults::default(),
            http_port,
            hook_index: 0,
            last_id: 0,
            tasks: Vec::new(),
        };
        Ok(Arc::new(Self {
            config,
            record_root,
            hooks: Journal::default(),
            calls: Journal::default(),
            changes: watch::Sender::new(0),
            client,
            state: Mutex::new(state),
        }))
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn scaled(&self, real: Duration) -> Duration {
        self.with(|state| state.settings.scaled(real))
    }

    /// Runs a task that ends with the server.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.with(|state| {
            state.tasks.retain(|running| !running.is_finished());
            state.tasks.push(tokio::spawn(task));
        });
    }

    /// Ends every task and forgets every stream, without a word.
    pub(super) async fn power_off(&self) {
        loop {
            // A task that is ending may still have started another.
            let tasks = self.with(State::take_tasks);
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                task.abort();
                // The only error is the cancellation just asked for.
                let _ = task.await;
            }
        }
        self.with(|state| {
            state.streams.clear();
            state.players.clear();
            state.hook_index = 0;
        });
        self.changed();
    }

    /// Ends every task at once, without waiting for them.
    pub(super) fn abandon(&self) {
        self.with(|state| {
            state.tasks.iter().for_each(JoinHandle::abort);
            state.servers.values().for_each(RtpServer::abort);
        });
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The index and address of a hook that is about to be sent; `None`: it goes nowhere.
    pub(super) fn next_hook(&self, name: &str) -> Option<(u64, String)> {
        let url = self.with(|state| state.settings.hook_url(name).map(str::to_owned))?;
        Some((self.take_hook_index(), url))
    }

    pub(super) fn take_hook_index(&self) -> u64 {
        self.with(|state| {
            let index = state.hook_index;
            state.hook_index += 1;
            index
        })
    }

    /// An id for a network session, as the real server writes them.
    pub(super) fn next_id(&self) -> String {
        self.with(|state| {
            state.last_id += 1;
            format!("{}-25", state.last_id)
        })
    }

    /// Enters a stream at its first packet. `false`: one of that name is there already.
    pub(super) fn enter(&self, origin: &Origin, inlet: Inlet) -> bool {
        self.with(|state| {
            let free = !state.streams.contains_key(&origin.asked);
            if let Some(server) = state.servers.get_mut(&origin.asked) {
                server.peer = origin.peer;
            }
            if free {
                state.streams.insert(origin.asked.clone(), Stream::new(origin.clone(), inlet));
            }
            free
        })
    }

    /// Gives a stream another name (`stream_replace`).
    pub(super) fn rename(&self, from: &Key, to: &Key) {
        self.with(|state| {
            if let Some(stream) = state.streams.remove(from) {
                if let Some(server) = state.servers.get_mut(&stream.origin.asked) {
                    server.media = to.clone();
                }
                state.streams.insert(to.clone(), stream);
            }
        });
    }

    /// Offers a stream in some forms, and says so.
    pub(super) fn register(self: &Arc<Self>, key: &Key, schemas: &[Schema]) {
        for &schema in schemas {
            let body = self.with(|state| {
                state.streams.get_mut(key)?.schemas.push(schema);
                let mut body = state.media(key, schema)?;
                body.insert("regist".to_owned(), true.into());
                state.settings.announces(schema.name()).then_some(body)
            });
            if let Some(body) = body {
                hook::fire(self, "on_stream_changed", Value::Object(body));
            }
        }
        self.changed();
    }

    /// Takes a stream out: players leave, recordings end, forms unregister. Whether it was there.
    ///
    /// The publisher's report comes first where `report` is set; on the single port it comes later, when the
    /// session ends.
    pub(super) fn remove(self: &Arc<Self>, key: &Key, report: bool) -> bool {
        let (stream, players) = self.with(|state| {
            let stream = state.streams.remove(key);
            let gone = state.players.extract_if(.., |_, player| player.key == *key);
            (stream, gone.collect::<Vec<_>>())
        });
        let Some(mut stream) = stream else { return false };
        if report {
            self.report_publisher(&stream.origin, stream.bytes);
        }
        self.unregister(key, &mut stream);
        if let Some(recording) = stream.recording.take() {
            record::finish(self, key, &mut stream, recording);
        }
        for (id, player) in players {
            self.report_player(&id, &player);
        }
        self.changed();
        true
    }

    fn unregister(self: &Arc<Self>, key: &Key, stream: &mut Stream) {
        let announced = |schema: Schema| self.with(|state| state.settings.announces(schema.name()));
        // The first segment is closed by the end of the stream: HLS registers while it is being closed.
        if stream.hls && !stream.schemas.is_empty() && !stream.schemas.contains(&Schema::Hls) {
            stream.schemas.push(Schema::Hls);
            let readers = Readers { of_schema: 0, total: 0 };
            let mut body = body::media(key, stream, Schema::Hls, readers, 0);
            body.insert("regist".to_owned(), true.into());
            if announced(Schema::Hls) {
                hook::fire(self, "on_stream_changed", Value::Object(body));
            }
        }
        let leaving = Schema::LEAVING.into_iter().filter(|schema| stream.schemas.contains(schema));
        for schema in leaving.filter(|schema| announced(*schema)) {
            let mut body = body::stream(key, schema);
            body["regist"] = false.into();
            hook::fire(self, "on_stream_changed", body);
        }
    }

    /// Closes a stream for good, as the API and the backend's `close` do. Whether it was there.
    pub(super) fn close(self: &Arc<Self>, key: &Key) -> bool {
        let found = self.with(|state| {
            let stream = state.streams.get(key)?;
            let server = state.servers.remove(&stream.origin.asked);
            Some((stream.inlet.clone(), server))
        });
        let Some((inlet, server)) = found else { return false };
        self.remove(key, server.is_some());
        // Full: the task has something to do already, and will find its stream gone.
        let _ = inlet.control.try_send(Control::Closed);
        if let Some(server) = server {
            server.abort();
        }
        true
    }

    /// Closes what `openRtpServer` opened. Whether it was there.
    pub(super) fn close_server(self: &Arc<Self>, key: &Key) -> bool {
        let Some(server) = self.with(|state| state.servers.remove(key)) else { return false };
        server.abort();
        if !self.remove(&server.media, true) {
            self.report_publisher(&server.idle_origin(key), 0);
        }
        true
    }

    pub(super) fn report_publisher(self: &Arc<Self>, origin: &Origin, bytes: u64) {
        let duration = self.with(|state| state.settings.unscaled_seconds(origin.since.elapsed()));
        hook::fire(self, "on_flow_report", body::publisher_report(origin, bytes, duration));
    }

    pub(super) fn report_player(self: &Arc<Self>, id: &str, player: &Player) {
        let duration = self.with(|state| state.settings.unscaled_seconds(player.since.elapsed()));
        hook::fire(self, "on_flow_report", body::player_report(id, player, 18_000 * duration, duration));
    }
}

impl State {
    /// Every running task; the RTP servers go with theirs.
    fn take_tasks(&mut self) -> Vec<JoinHandle<()>> {
        let mut tasks = std::mem::take(&mut self.tasks);
        for (_, server) in std::mem::take(&mut self.servers) {
            tasks.extend(server.into_tasks());
        }
        tasks
    }

    /// A registered stream in one of its forms.
    pub(super) fn media(&self, key: &Key, schema: Schema) -> Option<Map<String, Value>> {
        let stream = self.streams.get(key).filter(|stream| stream.schemas.contains(&schema))?;
        let readers = Readers {
            of_schema: readers(&self.players, key, Some(schema)),
            total: readers(&self.players, key, None),
        };
        let alive = self.settings.unscaled_seconds(stream.created.elapsed());
        Some(body::media(key, stream, schema, readers, alive))
    }
}

impl RtpServer {
    pub(super) fn abort(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Some(connection) = &self.connection {
            connection.reader.abort();
        }
    }

    fn into_tasks(self) -> Vec<JoinHandle<()>> {
        self.tasks.into_iter().chain(self.connection.map(|connection| connection.reader)).collect()
    }

    /// The publisher of a server whose stream is not there.
    pub(super) fn idle_origin(&self, key: &Key) -> Origin {
        Origin {
            asked: key.clone(),
            entrance: Entrance::Server(self.tcp_mode),
            local_port: self.port,
            peer: self.peer,
            ssrc: 0,
            session: String::new(),
            since: self.opened,
        }
    }
}

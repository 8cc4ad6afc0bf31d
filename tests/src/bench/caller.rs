//! Who plays: the API's callers and the media server, in a thread beside the generator.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use sluice_tests::site::Api;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::histogram::Histogram;
use super::media::{Media, Mood};
use super::subject::SECRET;
use super::words;

/// Callers at a time.
const CALLERS: usize = 4;

/// A media server that says yes to everything, and callers of the API.
pub(crate) struct Caller {
    runtime: Runtime,
    media: Media,
    shared: Arc<Shared>,
}

/// What came of the calls so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    /// By the code of the envelope.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Calls that got no answer.
    pub(crate) unanswered: u64,
}

struct Shared {
    api: Mutex<Option<Api>>,
    callers: Semaphore,
    under_way: AtomicU64,
    failed: AtomicU64,
    times: Mutex<Histogram>,
    calls: Mutex<Calls>,
    /// Stream by channel.
    open: Mutex<HashMap<u32, String>>,
}

impl Caller {
    /// Starts the media server.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let media = runtime.block_on(Media::start())?;
        let shared = Shared {
            api: Mutex::default(),
            callers: Semaphore::new(CALLERS),
            under_way: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            times: Mutex::default(),
            calls: Mutex::default(),
            open: Mutex::default(),
        };
        Ok(Self { runtime, media, shared: Arc::new(shared) })
    }

    /// `media.api` for the gateway.
    pub(crate) fn media(&self) -> String {
        format!("http://{}", self.media.address)
    }

    /// Changes what the media server does. One that comes back says so.
    pub(crate) fn set_media(&self, mood: Mood) -> anyhow::Result<()> {
        self.runtime.block_on(self.media.set(mood))?;
        if mood == Mood::Ready {
            let api = self.shared.api()?;
            self.runtime.spawn(async move { api.hook("on_server_started", &json!({})).await });
        }
        Ok(())
    }

    /// What came of the calls so far.
    pub(crate) fn calls(&self) -> Calls {
        lock(&self.shared.calls).clone()
    }

    /// The gateway's numbers, as it shows them.
    pub(crate) fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("{}/metrics", self.shared.api()?.base());
        let page =
            async move { reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await };
        Ok(self.runtime.block_on(page)?)
    }

    /// Where the API is now.
    pub(crate) fn call_at(&self, http: SocketAddr) -> anyhow::Result<()> {
        *lock(&self.shared.api) = Some(Api::new(http, SECRET)?);
        Ok(())
    }

    /// Forgets what was counted.
    pub(crate) fn begin(&self) {
        drop(self.take());
    }

    /// Has a channel played and stopped; false while all callers are busy.
    pub(crate) fn play(&self, channel: u32) -> bool {
        if self.shared.under_way.load(Relaxed) >= CALLERS as u64 {
            return false;
        }
        self.spawn(channel, |shared, channel| async move {
            shared.open(channel).await?;
            shared.stop(channel).await
        });
        true
    }

    /// Has so many channels played.
    pub(crate) fn open_all(&self, count: u32) {
        (0..count).for_each(|channel| {
            self.spawn(channel, |shared, channel| async move { shared.open(channel).await })
        });
    }

    /// Has every open stream stopped.
    pub(crate) fn stop_all(&self) {
        let open: Vec<u32> = lock(&self.shared.open).keys().copied().collect();
        for channel in open {
            self.spawn(channel, |shared, channel| async move { shared.stop(channel).await });
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.shared.under_way.load(Relaxed) == 0
    }

    /// How long `play` took, and how many calls failed.
    pub(crate) fn take(&self) -> (Histogram, u64) {
        (std::mem::take(&mut *lock(&self.shared.times)), self.shared.failed.swap(0, Relaxed))
    }

    fn spawn<F>(&self, channel: u32, work: fn(Arc<Shared>, u32) -> F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        shared.under_way.fetch_add(1, Relaxed);
        self.runtime.spawn(async move {
            let turn = shared.callers.acquire().await;
            if let Err(error) = work(Arc::clone(&shared), channel).await {
                // The first says what is wrong; the rest are counted.
                if shared.failed.fetch_add(1, Relaxed) == 0 {
                    eprintln!("a call failed: {error:#}");
                }
            }
            drop(turn);
            shared.under_way.fetch_sub(1, Relaxed);
        });
    }
}

impl Shared {
    /// Plays a channel, and tells the gateway that its media came.
    async fn open(&self, channel: u32) -> anyhow::Result<()> {
        let begin = Instant::now();
        let path = format!("/devices/{}/play", words::channel(channel));
        let data = self.call(&path).await?;
        lock(&self.times).note(begin.elapsed());
        let stream = data["ssrc"].as_str().unwrap_or_default().to_owned();
        self.tell(&stream, true).await?;
        lock(&self.open).insert(channel, stream);
        Ok(())
    }

    async fn stop(&self, channel: u32) -> anyhow::Result<()> {
        let Some(stream) = lock(&self.open).remove(&channel) else { return Ok(()) };
        self.call(&format!("/play/{stream}/stop")).await?;
        Ok(())
    }

    async fn call(&self, path: &str) -> anyhow::Result<Value> {
        lock(&self.calls).asked += 1;
        let reply = self.api()?.get(path, &[]).await.inspect_err(|_| lock(&self.calls).unanswered += 1)?;
        let code = reply.refusal().1;
        let data = reply.ok();
        let mut calls = lock(&self.calls);
        match &data {
            Ok(_) => calls.answered += 1,
            Err(_) => *calls.refused.entry(code).or_default() += 1,
        }
        data
    }

    async fn tell(&self, stream: &str, regist: bool) -> anyhow::Result<Value> {
        let body =
            json!({ "regist": regist, "schema": "rtmp", "app": "rtp", "stream": stream, "originType": 3 });
        self.api()?.hook("on_stream_changed", &body).await
    }

    fn api(&self) -> anyhow::Result<Api> {
        lock(&self.api).clone().ok_or_else(|| anyhow::anyhow!("no API is known"))
    }
}

/// A lock whose holder panicked still guards plain values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Notifications: worded by the `notify` policy, stored before they are sent, tried again until the receiver
//! takes them, in order for each receiver.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config;
use crate::gb28181::DeviceId;
use crate::plugin::notify;
use crate::store::{Event, NewEvent, User};

use super::{Error, Gateway, clock, view};

/// How long a receiver may take for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Events read from the store at a time.
const PAGE: u32 = 64;

/// More of a receiver's answer than this is not read.
const ANSWER: usize = 64 * 1024;

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    DevicesActive,
    RecordsStop,
    UsersActive,
    UsersRegister,
}

impl Kind {
    /// The method's name, as gosip spells it.
    fn method(self) -> &'static str {
        match self {
            Self::DevicesActive => "devices.active",
            Self::RecordsStop => "records.stop",
            Self::UsersActive => "users.active",
            Self::UsersRegister => "users.regiester",
        }
    }

    fn url(self, urls: &config::Notify) -> &str {
        match self {
            Self::DevicesActive => &urls.devices_active,
            Self::RecordsStop => &urls.records_stop,
            Self::UsersActive => &urls.users_active,
            Self::UsersRegister => &urls.users_register,
        }
    }

    /// That a device or channel is in some state at `time`.
    pub(super) fn activity(self, receiver: &str, id: &str, status: &str, time: i64) -> NewEvent {
        let data = json!({ "deviceid": id, "status": status, "time": time });
        self.event(receiver.to_owned(), time, &data)
    }

    /// An event of this kind, to be stored.
    pub(super) fn event(self, receiver: String, time: i64, data: &Value) -> NewEvent {
        NewEvent { receiver, method: self.method().to_owned(), time, data: data.to_string() }
    }
}

/// The sending end.
#[derive(Debug)]
pub(super) struct Outbox {
    client: reqwest::Client,
    /// Counts what was stored, so that a sender that reads an empty store misses nothing.
    stored: watch::Sender<u64>,
}

impl Outbox {
    pub(super) fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { client, stored: watch::Sender::new(0) })
    }

    /// Tells the senders that something was stored.
    pub(super) fn wake(&self) {
        self.stored.send_modify(|count| *count += 1);
    }
}

impl Gateway {
    /// The URL that events of this kind go to; none if they are not sent.
    pub(super) fn receiver(&self, kind: Kind) -> Option<String> {
        let url = kind.url(&self.0.config.notify);
        (!url.is_empty()).then(|| url.to_owned())
    }

    /// `users.active` with `status`, if anybody wants to know.
    pub(super) fn user_activity(&self, device: &DeviceId, status: &str) -> Vec<NewEvent> {
        let receiver = self.receiver(Kind::UsersActive);
        let event = |url: String| Kind::UsersActive.activity(&url, device.as_str(), status, clock::seconds());
        receiver.map(event).into_iter().collect()
    }

    /// What makes `users.regiester` of a device that has just registered, if anybody wants to know.
    pub(super) async fn registration_event(
        &self,
    ) -> Result<impl FnOnce(&User) -> Vec<NewEvent> + Send + use<>, Error> {
        let receiver = self.receiver(Kind::UsersRegister);
        let (sysinfo, mask) = (self.sysinfo().await?, self.0.config.http.mask_pwd);
        Ok(move |user: &User| {
            let Some(receiver) = receiver else { return Vec::new() };
            let data = json!(view::UserDevice::new(user, sysinfo, mask));
            vec![Kind::UsersRegister.event(receiver, clock::seconds(), &data)]
        })
    }

    /// Starts a sender for each receiver: those that are configured, and those that something still waits for.
    pub(super) async fn start_senders(&self) -> Result<(), Error> {
        let kinds = [Kind::DevicesActive, Kind::RecordsStop, Kind::UsersActive, Kind::UsersRegister];
        let mut urls: Vec<String> = kinds.into_iter().filter_map(|kind| self.receiver(kind)).collect();
        let waiting = self.0.store.backlogs().await?;
        urls.extend(
            waiting.into_iter().filter(|backlog| backlog.waiting > 0).map(|backlog| backlog.receiver),
        );
        urls.sort();
        urls.dedup();
        for url in urls {
            let gateway = self.clone();
            self.in_background(async move { gateway.send_all(&url).await });
        }
        Ok(())
    }

    /// Delivers to one receiver, in order, for as long as the gateway runs.
    async fn send_all(&self, url: &str) {
        let mut stored = self.0.events.stored.subscribe();
        let mut wait = self.first_wait();
        loop {
            stored.mark_unchanged();
            match self.0.store.due_events(url, i64::MAX, PAGE).await {
                Ok(events) if events.is_empty() => {
                    if stored.changed().await.is_err() {
                        return;
                    }
                }
                Ok(events) => wait = self.send_page(events, wait).await,
                Err(error) => {
                    tracing::error!(receiver = url, %error, "notifications cannot be read from the store");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Delivers events until one fails, then waits. The wait before the next failure is returned: it doubles
    /// with each one and begins anew after a success.
    async fn send_page(&self, events: Vec<Event>, wait: Duration) -> Duration {
        for event in events {
            let (id, receiver) = (event.id, event.receiver.clone());
            let attempts = event.attempts;
            if let Err(reason) = self.send(event).await {
                if attempts == 0 {
                    tracing::warn!(
                        receiver,
                        event = id,
                        reason,
                        "notification not taken; tried again until it is"
                    );
                }
                self.note("failed", self.0.store.failed(id, clock::seconds()).await);
                tokio::time::sleep(wait).await;
                return (wait * 2).min(Duration::from_millis(self.0.config.notify.retry_max_ms));
            }
            self.note("delivered", self.0.store.delivered(id).await);
        }
        self.first_wait()
    }

    fn first_wait(&self) -> Duration {
        Duration::from_millis(self.0.config.notify.retry_min_ms)
    }

    fn note(&self, what: &str, stored: crate::store::Result<()>) {
        if let Err(error) = stored {
            tracing::error!(%error, "the store did not take that a notification was {what}");
        }
    }

    /// One attempt: every request that the policy words has to be taken.
    async fn send(&self, event: Event) -> Result<(), String> {
        let event = notify::Event {
            id: event.id.to_string(),
            method: event.method,
            time: u64::try_from(event.time).unwrap_or_default(),
            data: event.data,
            url: event.receiver,
            attributes: Vec::new(),
        };
        let worded = self.0.plugins.format(&event, &self.0.sign_key).map_err(|error| error.to_string())?;
        for formatted in worded {
            for (index, request) in (0..).zip(&formatted.requests) {
                let answer = self.post(&event.url, request, index).await?;
                let taken = self.0.plugins.accepted(&formatted.plugin, &event, &answer);
                if !taken.map_err(|error| error.to_string())? {
                    return Err(format!("the receiver answered {}", answer.status));
                }
            }
        }
        Ok(())
    }

    async fn post(
        &self,
        url: &str,
        asked: &notify::HttpRequest,
        index: u32,
    ) -> Result<notify::Answer, String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let method =
            reqwest::Method::from_bytes(asked.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = self.0.events.client.request(method, url).query(&asked.query);
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        let mut response = request.body(asked.body.clone()).send().await.map_err(told)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER - body.len())]);
            if body.len() == ANSWER {
                break;
            }
        }
        Ok(notify::Answer { index, status, body })
    }
}

//! Notifications: worded by the `notify` policy, stored before they are sent, tried again until the receiver
//! takes them, in order for each receiver.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::gb28181::DeviceId;
use crate::plugin::notify;
use crate::store::{Backlog, Event, NewEvent, User};

use super::receivers::Kind;
use super::{Error, Gateway, clock, view};

/// How long a receiver may take for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Events read from the store at a time.
const PAGE: u32 = 64;

/// More of a receiver's answer than this is not read.
const ANSWER: usize = 64 * 1024;

/// The notifications of all receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notifications {
    /// How many wait to be taken.
    pub waiting: i64,
    /// How many were given up since the database was made, because too many waited.
    pub dropped: i64,
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
    /// `users.active` with `status`, if anybody wants to know.
    pub(super) fn user_activity(&self, device: &DeviceId, status: &str) -> Vec<NewEvent> {
        let receivers = self.0.receivers.of(Kind::UsersActive);
        Kind::UsersActive.activity(&receivers, device.as_str(), status, clock::seconds())
    }

    /// What makes `users.regiester` of a device that has just registered, if anybody wants to know.
    pub(super) async fn registration_event(
        &self,
    ) -> Result<impl FnOnce(&User) -> Vec<NewEvent> + Send + use<>, Error> {
        let receivers = self.0.receivers.of(Kind::UsersRegister);
        // Nobody is told in most storms of registrations: then nothing is read for it.
        let sysinfo = if receivers.is_empty() { None } else { Some(self.sysinfo().await?) };
        let mask = self.0.config.http.mask_pwd;
        Ok(move |user: &User| {
            let Some(sysinfo) = sysinfo else { return Vec::new() };
            let data = json!(view::UserDevice::new(user, sysinfo, mask));
            Kind::UsersRegister.events(&receivers, clock::seconds(), &data)
        })
    }

    /// Starts a sender for each receiver: those that are configured, and those that something still waits for.
    pub(super) async fn start_senders(&self) -> Result<(), Error> {
        let mut urls: Vec<String> =
            Kind::ALL.into_iter().flat_map(|kind| self.0.receivers.of(kind).to_vec()).collect();
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
        let (mut wait, mut dropped) = (self.first_wait(), 0);
        loop {
            stored.mark_unchanged();
            let page = self.0.store.due_events(url, i64::MAX, PAGE).await;
            // None can have been dropped where no two wait.
            if page.as_ref().is_ok_and(|events| events.len() > 1) {
                self.note_dropped(url, &mut dropped).await;
            }
            match page {
                Ok(events) if events.is_empty() => {
                    if stored.changed().await.is_err() {
                        return;
                    }
                }
                Ok(events) => wait = self.send_page(events, wait).await,
                Err(error) => {
                    tracing::error!(receiver = host(url), %error, "notifications cannot be read from the store");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Says that notifications were given up since this was last said.
    async fn note_dropped(&self, url: &str, noted: &mut i64) {
        let Ok(backlogs) = self.0.store.backlogs().await else { return };
        let Some(backlog) = backlogs.into_iter().find(|backlog| backlog.receiver == url) else { return };
        let Backlog { waiting, dropped, .. } = backlog;
        if dropped > *noted {
            tracing::warn!(
                receiver = host(url),
                waiting,
                dropped,
                "too many notifications wait; the oldest are dropped"
            );
        }
        *noted = dropped;
    }

    /// How many notifications wait, and how many were given up.
    pub(super) async fn notifications(&self) -> Result<Notifications, Error> {
        let backlogs = self.0.store.backlogs().await?;
        let sum = |count: fn(&Backlog) -> i64| backlogs.iter().map(count).sum();
        Ok(Notifications { waiting: sum(|one| one.waiting), dropped: sum(|one| one.dropped) })
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
                        receiver = host(&receiver),
                        event = id,
                        reason,
                        "notification not taken; tried again until it is"
                    );
                }
                if let Err(error) = self.0.store.failed(id, clock::seconds()).await {
                    tracing::error!(%error, "the store did not take that a notification failed");
                }
                tokio::time::sleep(wait).await;
                return (wait * 2).min(Duration::from_millis(self.0.config.notify.retry_max_ms));
            }
            match self.0.store.delivered(id, receiver).await {
                Ok(true) => {}
                // It was dropped meanwhile, and so, perhaps, were those behind it.
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, "the store did not take that a notification was delivered")
                }
            }
        }
        self.first_wait()
    }

    fn first_wait(&self) -> Duration {
        Duration::from_millis(self.0.config.notify.retry_min_ms)
    }

    /// One attempt: every request that the policy words has to be taken.
    async fn send(&self, event: Event) -> Result<(), String> {
        let plugins = self.0.receivers.tellers(&event.method, &event.receiver);
        let event = notify::Event {
            id: event.id.to_string(),
            method: event.method,
            time: u64::try_from(event.time).unwrap_or_default(),
            data: event.data,
            url: event.receiver,
            attributes: Vec::new(),
        };
        let worded =
            self.0.plugins.format(plugins, &event, &self.0.sign_key).map_err(|error| error.to_string())?;
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

/// Of a receiver's URL what a log may have: services for chats put their token into the rest.
fn host(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| "?".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_logged_without_its_token() {
        for (url, logged) in [
            ("https://oapi.dingtalk.com/robot/send?access_token=s3cret", "https://oapi.dingtalk.com"),
            ("https://open.feishu.cn/open-apis/bot/v2/hook/s3cret", "https://open.feishu.cn"),
            ("http://me:s3cret@192.0.2.1:8000/notify", "http://192.0.2.1:8000"),
            ("s3cret", "?"),
        ] {
            assert_eq!(host(url), logged);
        }
    }
}

//! What happens because nothing happens: silence, deadlines, and the comparison with the media server.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::gb28181::{DeviceId, StreamId};
use crate::media::{self, Medium};

use super::Gateway;
use super::stream::{Stage, Stream};

/// How often deadlines and silence are looked at.
const TICK: Duration = Duration::from_millis(500);

/// How long media may be away while the media server restarts, and how long until one that does not answer is
/// asked again.
pub(super) const LAPSE: Duration = Duration::from_secs(5);

/// ZLMediaKit's name for what came by RTP.
const RTP_PUSH: i32 = 3;

impl Gateway {
    /// Runs until the gateway stops.
    pub(super) async fn keep_house(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks = interval(Duration::from_secs(self.0.config.stream.check_interval_secs));
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.look_around().await,
                _ = checks.tick() => self.check_streams().await,
                () = self.0.check_wanted.notified() => self.check_streams().await,
            }
        }
    }

    async fn look_around(&self) {
        let now = Instant::now();
        let sip = &self.0.config.sip;
        let silence = Duration::from_secs(sip.keepalive_interval_secs * sip.keepalive_misses);
        for device in self.0.registry.sweep(now, silence) {
            self.went_silent(&device).await;
        }
        for stream in self.0.streams.take_overdue(now) {
            let gateway = self.clone();
            self.in_background(async move { gateway.overdue(stream).await });
        }
    }

    async fn overdue(&self, stream: Stream) {
        match stream.stage {
            Stage::Closing => self.finish(&stream).await,
            Stage::Flowing if stream.missed => self.close(stream.id, "media ended").await,
            Stage::Flowing if self.is_recorded(stream.id).await => {
                self.wait_for_viewer(stream.id, Instant::now())
            }
            Stage::Flowing => self.close(stream.id, "no viewer came in time").await,
            Stage::Asked | Stage::Invited | Stage::Answered => {
                self.close(stream.id, "no media came in time").await;
            }
        }
    }

    async fn went_silent(&self, device: &DeviceId) {
        tracing::info!(device.id = %device, "device lost: no keepalive");
        let events = self.user_activity(device, "OFF");
        if let Err(error) = self.0.store.set_online(device.as_str(), false, events).await {
            tracing::error!(device.id = %device, %error, "the store did not take that a device is lost");
        }
        self.0.events.wake();
    }

    /// A device that had gone silent is heard again.
    pub(super) fn came_back(&self, device: &DeviceId) {
        tracing::info!(device.id = %device, "device is back");
        self.0.streams.hasten(device, Instant::now());
        self.describe_soon(device);
        let (gateway, device) = (self.clone(), device.clone());
        self.in_background(async move {
            if let Err(error) = gateway.0.store.set_online(device.as_str(), true, Vec::new()).await {
                tracing::error!(device.id = %device, %error, "the store did not take that a device is back");
            }
        });
    }

    /// Has streams and media server compared as soon as can be.
    pub(super) fn check_soon(&self) {
        self.0.check_wanted.notify_one();
    }

    /// Compares open streams with what the media server has, both ways: a stream whose media is gone and does not
    /// come back is ended, media that no stream owns is closed.
    async fn check_streams(&self) {
        let before = self.0.streams.all();
        let media = match self.0.media.media_list(None).await {
            Ok(media) => media,
            Err(error) => {
                tracing::warn!(%error, "streams not checked, tried again soon");
                self.check_later();
                return;
            }
        };
        let there = by_stream(&media);
        let now = Instant::now();
        for stream in before {
            match there.get(&stream.id) {
                Some(medium) => self.has_media(&stream, medium, now).await,
                None if stream.stage == Stage::Flowing => {
                    self.0.streams.update(stream.id, |stream| {
                        stream.missed = true;
                        stream.wait_until(now + LAPSE);
                    });
                }
                None => {}
            }
        }
        for id in there.into_keys().filter(|id| self.0.streams.find(*id).is_none()) {
            tracing::warn!(stream.id = %id, "media that no stream owns: closed");
            self.note_media(self.0.media.close_streams(&id.to_string()).await.map(drop));
        }
    }

    /// A stream that has media goes on. Nobody may have told us while we were away that its last viewer left.
    async fn has_media(&self, stream: &Stream, medium: &Medium, now: Instant) {
        self.flows(stream.id).await;
        if !medium.is_recording_mp4 {
            self.record_again(stream.id).await;
        }
        let idle = medium.total_reader_count == 0
            && stream.stage == Stage::Flowing
            && self.0.config.stream.idle_close;
        if idle && !self.is_recorded(stream.id).await {
            self.wait_for_viewer(stream.id, now);
        }
    }

    /// Ends the stream unless a viewer comes in time.
    fn wait_for_viewer(&self, id: StreamId, now: Instant) {
        let patience = Duration::from_secs(self.0.config.stream.start_timeout_secs);
        self.0.streams.update(id, |stream| {
            stream.viewed = false;
            stream.wait_until(now + patience);
        });
    }

    /// The media server does not answer: it may be starting.
    fn check_later(&self) {
        let gateway = self.clone();
        self.in_background(async move {
            tokio::time::sleep(LAPSE).await;
            gateway.check_soon();
        });
    }

    fn note_media(&self, done: Result<(), media::Error>) {
        if let Err(error) = done {
            tracing::warn!(%error, "the media server did not close a stream");
        }
    }
}

/// What came by RTP, each stream once.
fn by_stream(media: &[Medium]) -> HashMap<StreamId, &Medium> {
    let ours = media.iter().filter(|medium| medium.app == media::APP && medium.origin_type == RTP_PUSH);
    ours.filter_map(|medium| Some((StreamId::parse(&medium.stream).ok()?, medium))).collect()
}

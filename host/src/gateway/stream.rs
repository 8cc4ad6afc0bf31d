//! Open streams: what state each is in, whom it belongs to, and who ends it.
//!
//! The row in the store is what survives; this table is what decides between two messages. A stream is in
//! it from the moment its row exists until it is closed for certain.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::gb28181::{DeviceId, Ssrc, StreamId};
use crate::sip::core::Peer;
use crate::sip::core::dialog::Dialog;

use super::Error;

/// All open streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Changed by calls, devices and hooks; nothing under the lock waits or calls out.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<StreamId, Stream>,
    /// The one live stream of a channel.
    live: HashMap<DeviceId, Live>,
    calls: HashMap<String, StreamId>,
}

/// How the one attempt to open a channel's live stream went, for everyone who waits for it.
pub(super) type Outcome = Result<StreamId, Arc<Error>>;

#[derive(Debug)]
enum Live {
    Open(StreamId),
    Starting(watch::Receiver<Option<Outcome>>),
}

/// What a caller of `play` finds.
#[derive(Debug)]
pub(super) enum Joined {
    /// The stream is there.
    Open(StreamId),
    /// The caller opens it, and tells the others how it went.
    Start(watch::Sender<Option<Outcome>>),
    /// Another caller opens it.
    Wait(watch::Receiver<Option<Outcome>>),
}

/// How far a stream is. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Asked,
    Invited,
    Answered,
    Flowing,
    Closing,
}

/// One media session.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) ssrc: Ssrc,
    pub(super) device: DeviceId,
    pub(super) channel: DeviceId,
    pub(super) stage: Stage,
    /// There while our INVITE has no final answer, so that nobody knows what the device will do. Cancelled, it
    /// withdraws the INVITE.
    pub(super) calling: Option<CancellationToken>,
    /// There once the device answered with 2xx, until a BYE has ended it.
    pub(super) dialog: Option<Dialog>,
    /// Where the device was when the stream was asked for; none if that is not known any more.
    pub(super) peer: Option<Peer>,
    /// True when the media server opened a port for this stream alone.
    pub(super) own_port: bool,
    /// What the answer said of where media comes from and under which SSRC.
    pub(super) media: AnsweredMedia,
    /// When it is closed for want of media or of a viewer, none once it has both. For one that is closing,
    /// when that is tried again, none while it is being tried.
    pub(super) deadline: Option<Instant>,
    /// Attempts to close it that did not succeed at both ends.
    pub(super) attempts: u32,
    pub(super) viewed: bool,
    /// The media server did not have it when it was last asked.
    pub(super) missed: bool,
}

/// How media is to be recognised that does not come under the SSRC we gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AnsweredMedia {
    /// The SSRC that the answer names, if another than ours.
    pub(super) ssrc: Option<Ssrc>,
    /// Where the answer says that media comes from.
    pub(super) source: Option<SocketAddr>,
}

impl Streams {
    /// Finds the live stream of `channel`, or makes the caller the one who opens it.
    pub(super) fn join(&self, channel: &DeviceId) -> Joined {
        let mut table = self.lock();
        match table.live.get(channel) {
            Some(Live::Open(id)) => Joined::Open(*id),
            Some(Live::Starting(outcome)) => Joined::Wait(outcome.clone()),
            None => {
                let (tell, outcome) = watch::channel(None);
                table.live.insert(channel.clone(), Live::Starting(outcome));
                Joined::Start(tell)
            }
        }
    }

    /// Ends the attempt that [`join`](Self::join) began. A stream that was closed meanwhile stays away.
    pub(super) fn settle(&self, channel: &DeviceId, outcome: &Outcome) {
        let mut table = self.lock();
        match outcome {
            Ok(id) if table.open.get(id).is_some_and(|stream| stream.stage < Stage::Closing) => {
                table.live.insert(channel.clone(), Live::Open(*id));
            }
            _ => drop(table.live.remove(channel)),
        }
    }

    /// Takes up a stream that was open when the gateway last ran.
    pub(super) fn resume(&self, stream: Stream, live: bool) {
        let mut table = self.lock();
        if live && stream.stage < Stage::Closing {
            table.live.insert(stream.channel.clone(), Live::Open(stream.id));
        }
        if let Some(dialog) = &stream.dialog {
            table.calls.insert(dialog.call_id.clone(), stream.id);
        }
        table.open.insert(stream.id, stream);
    }

    pub(super) fn insert(&self, stream: Stream) {
        self.lock().open.insert(stream.id, stream);
    }

    /// Changes a stream that is there and not closing; none otherwise.
    pub(super) fn update<T>(&self, id: StreamId, change: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let mut table = self.lock();
        let stream = table.open.get_mut(&id).filter(|stream| stream.stage < Stage::Closing)?;
        Some(change(stream))
    }

    /// The device said yes. False when the stream is closing or gone: whoever closes it saw no dialog, and sent
    /// no BYE.
    pub(super) fn answered(&self, id: StreamId, dialog: Dialog, media: AnsweredMedia) -> bool {
        let mut table = self.lock();
        let Some(stream) = table.open.get_mut(&id) else { return false };
        let call = dialog.call_id.clone();
        stream.stage = stream.stage.max(Stage::Answered);
        stream.calling = None;
        stream.dialog = Some(dialog);
        stream.media = media;
        let open = stream.stage < Stage::Closing;
        table.calls.insert(call, id);
        open
    }

    /// Keeps what the dialog of a stream has come to.
    pub(super) fn keep_dialog(&self, id: StreamId, dialog: Dialog) {
        if let Some(stream) = self.lock().open.get_mut(&id) {
            stream.dialog = Some(dialog);
        }
    }

    pub(super) fn find(&self, id: StreamId) -> Option<Stream> {
        self.lock().open.get(&id).cloned()
    }

    /// The stream whose dialog has this Call-ID.
    pub(super) fn by_call(&self, call_id: &str) -> Option<Stream> {
        let table = self.lock();
        table.calls.get(call_id).and_then(|id| table.open.get(id)).cloned()
    }

    /// The stream that media arriving under the name `id` from `source` belongs to.
    ///
    /// Some devices send under an SSRC of their own (Hikvision behind a platform). Then the SSRC that the answer named
    /// tells, or, where it named none, the address it said that media comes from.
    pub(super) fn published(&self, id: StreamId, source: Option<SocketAddr>) -> Option<Stream> {
        let table = self.lock();
        if let Some(stream) = table.open.get(&id) {
            return Some(stream.clone());
        }
        // One that flows may be told so anew, when the media server was restarted.
        let waiting =
            |stream: &&Stream| (Stage::Answered..Stage::Closing).contains(&stream.stage) && !stream.own_port;
        let by_ssrc = |stream: &&Stream| stream.media.ssrc.is_some_and(|ssrc| ssrc.stream_id() == id);
        let by_source = |stream: &&Stream| source.is_some() && stream.media.source == source;
        let mut candidates = table.open.values().filter(waiting);
        candidates.clone().find(by_ssrc).or_else(|| candidates.find(by_source)).cloned()
    }

    /// Claims the end of a stream. One caller gets it; everyone else finds it closing or gone.
    pub(super) fn begin_closing(&self, id: StreamId) -> Option<Stream> {
        let mut table = self.lock();
        let stream = table.open.get_mut(&id).filter(|stream| stream.stage < Stage::Closing)?;
        stream.stage = Stage::Closing;
        stream.deadline = None;
        if let Some(call) = &stream.calling {
            call.cancel();
        }
        let stream = stream.clone();
        if matches!(table.live.get(&stream.channel), Some(Live::Open(live)) if *live == stream.id) {
            table.live.remove(&stream.channel);
        }
        Some(stream)
    }

    /// The device has ended the dialog, or never opened one.
    pub(super) fn call_over(&self, id: StreamId) {
        let mut table = self.lock();
        let Some(stream) = table.open.get_mut(&id) else { return };
        stream.calling = None;
        if let Some(dialog) = stream.dialog.take() {
            table.calls.remove(&dialog.call_id);
        }
    }

    /// Puts another attempt to close `id` off by `wait(attempts)`. False after `most` of them.
    pub(super) fn try_again(&self, id: StreamId, wait: impl Fn(u32) -> Duration, most: u32) -> bool {
        let mut table = self.lock();
        let Some(stream) = table.open.get_mut(&id) else { return false };
        stream.deadline = Some(Instant::now() + wait(stream.attempts));
        stream.attempts += 1;
        stream.attempts < most
    }

    /// Forgets a stream that is closed for certain.
    pub(super) fn remove(&self, id: StreamId) {
        let mut table = self.lock();
        let Some(stream) = table.open.remove(&id) else { return };
        if let Some(dialog) = &stream.dialog {
            table.calls.remove(&dialog.call_id);
        }
    }

    /// Takes the streams whose time for media, for a viewer, or for the next attempt to close is over.
    pub(super) fn take_overdue(&self, now: Instant) -> Vec<Stream> {
        let mut overdue = Vec::new();
        for stream in self.lock().open.values_mut() {
            if stream.deadline.is_some_and(|end| end <= now) {
                stream.deadline = None;
                overdue.push(stream.clone());
            }
        }
        overdue
    }

    /// Lets the attempts to close the streams of `device` be made now: it is back. One that is under way may be
    /// waiting for an answer from where it was before.
    pub(super) fn hasten(&self, device: &DeviceId, now: Instant) {
        for stream in self.lock().open.values_mut() {
            if stream.device == *device && stream.stage == Stage::Closing {
                stream.deadline = Some(now);
            }
        }
    }

    /// The streams of a user device.
    pub(super) fn of_device(&self, device: &DeviceId) -> Vec<StreamId> {
        self.select(|stream| stream.device == *device)
    }

    /// The streams of a channel device.
    pub(super) fn of_channel(&self, channel: &DeviceId) -> Vec<StreamId> {
        self.select(|stream| stream.channel == *channel)
    }

    /// How many streams are at each stage.
    pub(super) fn count(&self) -> [(&'static str, usize); 5] {
        let table = self.lock();
        let count = |stage| table.open.values().filter(|stream| stream.stage == stage).count();
        [
            ("asked", count(Stage::Asked)),
            ("invited", count(Stage::Invited)),
            ("answered", count(Stage::Answered)),
            ("flowing", count(Stage::Flowing)),
            ("closing", count(Stage::Closing)),
        ]
    }

    pub(super) fn all(&self) -> Vec<Stream> {
        self.lock().open.values().cloned().collect()
    }

    fn select(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<StreamId> {
        let table = self.lock();
        table.open.values().filter(|stream| wanted(stream)).map(|stream| stream.id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Media is there. The deadline stays until there is a viewer too.
    pub(super) fn flows(&mut self) {
        self.stage = self.stage.max(Stage::Flowing);
        self.missed = false;
        self.settle_deadline();
    }

    pub(super) fn is_viewed(&mut self) {
        self.viewed = true;
        self.settle_deadline();
    }

    /// Gives it until `end` to have media, or a viewer, unless it had less time already.
    pub(super) fn wait_until(&mut self, end: Instant) {
        self.deadline = Some(self.deadline.map_or(end, |deadline| deadline.min(end)));
    }

    fn settle_deadline(&mut self) {
        if self.viewed && self.stage >= Stage::Flowing {
            self.deadline = None;
        }
    }
}

//! Recording a stream into MP4 files at the media server.
//!
//! `on_record_mp4` brings the file. Somebody waits for it, or it is told by `records.stop`: one of both, never
//! none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::gb28181::StreamId;
use crate::media::{self, OnRecordMp4};
use crate::store::{NewEvent, NewRecording, RecordedFile, Recording, RecordingState};

use super::receivers::Kind;
use super::stream::Stage;
use super::{Error, Gateway, clock};

/// By so much longer than the limit the media server's files may be: the gateway ends the recording, and it is to
/// be one file.
const SLACK_SECS: u32 = 60;

/// Callers who wait for a recording's file.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    /// By recording; the value is the file's URL once it is there. Nothing under the lock waits.
    awaited: Mutex<HashMap<String, watch::Sender<Option<String>>>>,
}

impl Recordings {
    fn wait_for(&self, recording: &str) -> watch::Receiver<Option<String>> {
        let mut awaited = self.lock();
        awaited.retain(|_, url| url.receiver_count() > 0);
        awaited.entry(recording.to_owned()).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    fn is_awaited(&self, recording: &str) -> bool {
        self.lock().get(recording).is_some_and(|url| url.receiver_count() > 0)
    }

    /// Hands the URL to those who wait; false if nobody does.
    fn hand_over(&self, recording: &str, url: &str) -> bool {
        let Some(waiting) = self.lock().remove(recording) else { return false };
        waiting.send(Some(url.to_owned())).is_ok()
    }

    /// The wait is over: the URL if it came at the last moment. Under the lock, so that it is not handed over
    /// to somebody who has just left.
    fn give_up(&self, told: watch::Receiver<Option<String>>) -> Option<String> {
        let _awaited = self.lock();
        told.borrow().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<String>>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// Begins to record the stream `id`; the recording's id. `query` comes back with `records.stop`.
    ///
    /// # Errors
    /// The stream is not there or is being recorded, or the media server does not do it.
    pub async fn record(&self, id: &str, query: Vec<(String, String)>) -> Result<String, Error> {
        let unknown = || Error::UnknownStream(id.to_owned());
        let id = StreamId::parse(id).map_err(|_| unknown())?;
        let stream =
            self.0.streams.find(id).filter(|stream| stream.stage < Stage::Closing).ok_or_else(unknown)?;
        let new = NewRecording {
            stream: id.to_string(),
            channel: stream.channel.to_string(),
            app: media::APP.to_owned(),
            started: clock::seconds(),
            limit: self.0.config.record.max,
            query: extra(query).to_string(),
        };
        let gateway = self.clone();
        let beginning = self.in_own_task(async move { gateway.begin_recording(new).await });
        beginning.await.map_err(|error| Error::Internal(error.to_string()))?
    }

    async fn begin_recording(&self, new: NewRecording) -> Result<String, Error> {
        let row = self.0.store.start_recording(new).await?;
        if let Err(error) = self.start_record(&row).await {
            self.0.store.fail_recording(row.id, error.to_string()).await?;
            return Err(error.into());
        }
        tracing::info!(stream.id = row.stream, recording.id = row.id, "recording");
        self.end_at_limit(&row);
        Ok(row.id)
    }

    /// Tells the media server to record. Again is no harm.
    pub(super) async fn start_record(&self, row: &Recording) -> Result<(), media::Error> {
        let longest = u32::try_from(row.limit).ok().map(|limit| limit.saturating_add(SLACK_SECS));
        self.0.media.start_record(&row.stream, longest, None).await
    }

    /// Ends a recording, named by its own id or its stream's; the file's URL.
    ///
    /// # Errors
    /// There is no such recording, the media server does not do it, or the file is not there in time: then
    /// `records.stop` tells of it later.
    pub async fn record_stop(&self, id: &str) -> Result<String, Error> {
        let row = self.find_recording(id).await?;
        if row.state == RecordingState::Done {
            return Ok(self.file_url(&row.file.url));
        }
        let mut told = self.0.recordings.wait_for(&row.id);
        let gateway = self.clone();
        let ending = self.in_own_task(async move {
            gateway.end_recording(&row).await?;
            gateway.await_file(row, None);
            Ok::<(), Error>(())
        });
        ending.await.map_err(|error| Error::Internal(error.to_string()))??;
        let patience = Duration::from_secs(self.0.config.record.file_timeout_secs);
        let came = timeout(patience, told.wait_for(Option::is_some)).await.is_ok();
        if !came {
            tracing::warn!(recording.id = id, "the file of a recording is late");
        }
        self.0.recordings.give_up(told).ok_or(Error::LateFile)
    }

    async fn find_recording(&self, id: &str) -> Result<Recording, Error> {
        let named = self.0.store.recording(id).await?;
        let open = match StreamId::parse(id) {
            Ok(stream) => self.0.store.recording_of(stream.to_string()).await?,
            Err(_) => None,
        };
        let there = |row: &Recording| !matches!(row.state, RecordingState::Deleted | RecordingState::Failed);
        named.or(open).filter(there).ok_or_else(|| Error::UnknownRecording(id.to_owned()))
    }

    /// Tells the media server to stop. Again is no harm.
    pub(super) async fn end_recording(&self, row: &Recording) -> Result<(), Error> {
        self.0.store.stop_recording(row.id.as_str()).await?;
        match self.0.media.stop_record(&row.stream).await {
            // The stream is gone, and its file with it or on its way.
            Ok(()) | Err(media::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a recording when its time is over.
    pub(super) fn end_at_limit(&self, row: &Recording) {
        let Ok(limit) = u64::try_from(row.limit) else { return };
        let spent = u64::try_from(clock::seconds() - row.started).unwrap_or_default();
        let left = Duration::from_secs(limit.saturating_sub(spent));
        let (gateway, row) = (self.clone(), row.clone());
        self.in_background(async move {
            tokio::time::sleep(left).await;
            gateway.end_overlong(&row).await;
        });
    }

    async fn end_overlong(&self, row: &Recording) {
        let running = self.0.store.recording(row.id.as_str()).await;
        if !matches!(running, Ok(Some(Recording { state: RecordingState::Recording, .. }))) {
            return;
        }
        tracing::info!(stream.id = row.stream, recording.id = row.id, "the recording reached its limit");
        if let Err(error) = self.end_recording(row).await {
            tracing::warn!(recording.id = row.id, %error, "a recording could not be ended at its limit");
        }
        self.await_file(row.clone(), None);
    }

    /// Whether a file of the stream is being written. A store that cannot say keeps nothing alive.
    pub(super) async fn is_recorded(&self, id: StreamId) -> bool {
        matches!(self.0.store.recording_of(id.to_string()).await, Ok(Some(_)))
    }

    /// Takes up the recordings that were running when the gateway last ran.
    pub(super) async fn resume_recordings(&self) -> Result<(), Error> {
        for row in self.0.store.open_recordings().await? {
            self.resume_recording(row);
        }
        Ok(())
    }

    /// A file is finished. It may be the first part of a recording that goes on, and it may come twice.
    pub async fn on_record_mp4(&self, hook: OnRecordMp4) {
        let stream = hook.stream.clone();
        if let Err(error) = self.take_file(hook).await {
            tracing::error!(stream.id = stream, %error, "the store did not take a recorded file");
        }
    }

    async fn take_file(&self, hook: OnRecordMp4) -> Result<(), Error> {
        let stream = hook.stream.clone();
        let file = recorded(hook);
        if self.0.store.recorded_urls(stream.as_str()).await?.contains(&file.url) {
            tracing::debug!(stream.id = stream, "a file that is known already");
            return Ok(());
        }
        let Some(row) = self.0.store.recording_for_file(stream.as_str()).await? else {
            tracing::debug!(stream.id = stream, "a file that no recording waits for");
            return Ok(());
        };
        if row.state == RecordingState::Recording && self.0.media.is_recording(&stream).await.unwrap_or(false)
        {
            return self.keep_part(&row, file).await;
        }
        self.finish_recording(&row, file).await
    }

    /// A file of a recording that goes on.
    pub(super) async fn keep_part(&self, row: &Recording, file: RecordedFile) -> Result<(), Error> {
        self.0.store.add_recorded_file(part_of(row), file).await?;
        Ok(())
    }

    /// The file of a recording that has ended: stored before anybody is told, so that whoever asks next finds it.
    pub(super) async fn finish_recording(&self, row: &Recording, file: RecordedFile) -> Result<(), Error> {
        let url = self.file_url(&file.url);
        let told = self.told_of(row, &url);
        let (awaited, events) =
            if self.0.recordings.is_awaited(&row.id) { (true, Vec::new()) } else { (false, told.clone()) };
        self.0.store.finish_recording(row.id.as_str(), file, events).await?;
        self.0.events.wake();
        if awaited && !self.0.recordings.hand_over(&row.id, &url) {
            self.tell(told).await?;
        }
        Ok(())
    }

    /// `records.stop`, if anybody wants to know.
    fn told_of(&self, row: &Recording, url: &str) -> Vec<NewEvent> {
        let receivers = self.0.receivers.of(Kind::RecordsStop);
        let mut data: Map<String, Value> = serde_json::from_str(&row.query).unwrap_or_default();
        data.insert("url".to_owned(), json!(url));
        data.insert("stream".to_owned(), json!(row.stream));
        data.insert("app".to_owned(), json!(row.app));
        Kind::RecordsStop.events(&receivers, clock::seconds(), &Value::Object(data))
    }

    fn file_url(&self, url: &str) -> String {
        format!("{}/{}", self.0.config.media.http, url.trim_start_matches('/'))
    }
}

/// The record call's own query, to be told back. Of a name that stands there twice the first counts.
fn extra(query: Vec<(String, String)>) -> Value {
    let mut pairs = Map::new();
    for (name, value) in query.into_iter().filter(|(name, _)| name != "sign") {
        pairs.entry(name).or_insert(Value::String(value));
    }
    Value::Object(pairs)
}

fn recorded(hook: OnRecordMp4) -> RecordedFile {
    // A recording of 2^63 seconds or bytes is none.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of media")]
    let seconds = hook.time_len.ceil() as i64;
    RecordedFile {
        url: hook.url,
        path: hook.file_path,
        size: i64::try_from(hook.file_size).unwrap_or(i64::MAX),
        time_len: hook.time_len,
        start: hook.start_time,
        end: hook.start_time.saturating_add(seconds),
    }
}

fn part_of(row: &Recording) -> NewRecording {
    NewRecording {
        stream: row.stream.clone(),
        channel: row.channel.clone(),
        app: row.app.clone(),
        started: row.started,
        limit: row.limit,
        query: row.query.clone(),
    }
}

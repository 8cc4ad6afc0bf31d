//! Recordings whose file nobody told of: the hook came while the gateway was away, or never.
//!
//! The media server lists its finished files. What no row knows belongs to the recording that waits for one; a
//! recording that gets none has failed, and its row is not left open.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use crate::gb28181::StreamId;
use crate::media;
use crate::store::{self, RecordedFile, Recording, RecordingState};

use super::janitor::LAPSE;
use super::stream::Stage;
use super::{Error, Gateway, clock};

/// So many times as long as a caller waits for a recording's file may it be told of: ZLMediaKit waits ten seconds for
/// an answer to its hook, and three before it asks once more.
const OVERDUE: u32 = 3;

/// Why a recording failed that ended without a file.
const NO_FILE: &str = "the media server has no file of it";

impl Gateway {
    /// Sees to it that an ended recording gets its file, or fails. `missed`: the hook may have come while nobody
    /// listened, so that the media server is asked after that time, and not only when the file is overdue.
    pub(super) fn await_file(&self, row: Recording, missed: Option<Duration>) {
        let gateway = self.clone();
        let overdue = OVERDUE * Duration::from_secs(self.0.config.record.file_timeout_secs);
        self.in_background(async move {
            if let Some(soon) = missed {
                tokio::time::sleep(soon).await;
                if gateway.find_file(&row).await.is_ok_and(|found| found) {
                    return;
                }
            }
            loop {
                tokio::time::sleep(overdue).await;
                match gateway.find_file(&row).await {
                    Ok(true) => return,
                    Ok(false) => return gateway.fail(&row).await,
                    Err(error) => {
                        tracing::warn!(recording.id = row.id, %error, "a recording's file is looked for again soon");
                    }
                }
            }
        });
    }

    /// A stream is closed: what was recorded of it has ended too, perhaps long ago.
    pub(super) async fn await_file_of(&self, id: StreamId) {
        if let Ok(Some(row)) = self.0.store.recording_of(id.to_string()).await {
            self.await_file(row, Some(LAPSE));
        }
    }

    /// Takes up a recording that was running when the gateway last ran.
    pub(super) fn resume_recording(&self, row: Recording) {
        let open = |id| self.0.streams.find(id).is_some_and(|stream| stream.stage < Stage::Closing);
        let flows = StreamId::parse(&row.stream).is_ok_and(open);
        if flows && row.state == RecordingState::Recording {
            return self.end_at_limit(&row);
        }
        let gateway = self.clone();
        self.in_background(async move {
            if let Err(error) = gateway.end_recording(&row).await {
                tracing::warn!(recording.id = row.id, %error, "a recording could not be ended");
            }
            gateway.await_file(row, Some(Duration::ZERO));
        });
    }

    /// The media server was restarted under a recording: it goes on, without what was lost.
    pub(super) async fn record_again(&self, id: StreamId) {
        let Ok(Some(row)) = self.0.store.recording_of(id.to_string()).await else { return };
        if row.state != RecordingState::Recording {
            return;
        }
        tracing::warn!(stream.id = %id, recording.id = row.id, "the media server does not record: told again");
        if let Err(error) = self.start_record(&row).await {
            tracing::warn!(recording.id = row.id, %error, "a recording does not go on");
        }
    }

    /// Gives `row` the files that no row knows, the last one as its own. True when it needs none any more.
    async fn find_file(&self, row: &Recording) -> Result<bool, Error> {
        if !self.waits_for_file(row).await? {
            return Ok(true);
        }
        let known = self.0.store.recorded_urls(row.stream.as_str()).await?;
        let mut files = self.listed(row).await?;
        files.retain(|file| !known.contains(&file.url));
        let Some(last) = files.pop() else { return Ok(false) };
        for part in files {
            self.keep_part(row, part).await?;
        }
        tracing::info!(recording.id = row.id, url = last.url, "a file that nobody told of was found");
        self.finish_recording(row, last).await?;
        Ok(true)
    }

    async fn waits_for_file(&self, row: &Recording) -> Result<bool, store::Error> {
        let now = self.0.store.recording(row.id.as_str()).await?;
        Ok(now.is_some_and(|now| matches!(now.state, RecordingState::Recording | RecordingState::Stopping)))
    }

    /// The finished files of the days on which `row` was written, oldest first. Which day it is at the media
    /// server depends on its zone.
    async fn listed(&self, row: &Recording) -> Result<Vec<RecordedFile>, Error> {
        let began = Timestamp::from_second(row.started).unwrap_or_default();
        let first = began.to_zoned(self.0.zone.clone()).date().yesterday().unwrap_or_default();
        let last = Timestamp::now().to_zoned(self.0.zone.clone()).date().tomorrow().unwrap_or_default();
        let mut files = Vec::new();
        for day in first.series(1.day()).take_while(|day| *day <= last) {
            let mut listed = self.0.media.record_files(&row.stream, &day.to_string()).await?;
            listed.names.sort();
            files.extend(listed.names.iter().map(|name| file(row, &listed.folder, name)));
        }
        Ok(files)
    }

    async fn fail(&self, row: &Recording) {
        tracing::warn!(stream.id = row.stream, recording.id = row.id, "a recording ended without a file");
        if let Err(error) = self.0.store.fail_recording(row.id.as_str(), NO_FILE).await {
            tracing::error!(recording.id = row.id, %error, "the store did not take that a recording failed");
        }
    }
}

/// What can be said of a file that is only listed. Its URL is its path from the folder of all recordings on.
fn file(row: &Recording, folder: &str, name: &str) -> RecordedFile {
    let path = format!("{folder}{name}");
    let from = path.rfind(&format!("/record/{}/{}/", media::APP, row.stream)).map_or(0, |slash| slash + 1);
    RecordedFile {
        url: path[from..].to_owned(),
        path,
        size: 0,
        time_len: 0.0,
        start: row.started,
        end: clock::seconds(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_file_has_the_url_that_the_hook_would_have_told() {
        let row = Recording {
            id: "r".to_owned(),
            stream: "0BEBC201".to_owned(),
            channel: "c".to_owned(),
            app: "rtp".to_owned(),
            state: RecordingState::Recording,
            started: 100,
            limit: 600,
            query: "{}".to_owned(),
            file: RecordedFile::default(),
            why: String::new(),
        };
        let found = file(&row, "/zlm/www/record/rtp/0BEBC201/2026-11-22/", "2026-11-22-06-09-27-1.mp4");
        assert_eq!(found.url, "record/rtp/0BEBC201/2026-11-22/2026-11-22-06-09-27-1.mp4");
        assert_eq!(found.path, format!("/zlm/www/{}", found.url));
    }
}

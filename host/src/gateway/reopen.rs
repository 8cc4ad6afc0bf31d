//! Streams that were open when the gateway last ran.
//!
//! One that was answered goes on if it has media; the janitor compares them with the media server at once. One
//! that was not answered is wanted by nobody any more: whoever asked got no answer.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::gb28181::{DeviceId, Ssrc};
use crate::sip::core::dialog::Dialog;
use crate::store::{self, StreamKind, StreamState};

use super::call::Sent;
use super::janitor::LAPSE;
use super::stream::{AnsweredMedia, Stage, Stream};
use super::{Error, Gateway, clock};

/// Why a stream is closed that its device had not answered.
const UNANSWERED: &str = "the gateway was restarted before the device answered";

impl Gateway {
    /// Takes up every open row.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) async fn resume_streams(&self) -> Result<(), Error> {
        for row in self.0.store.open_streams().await? {
            match self.stream(&row) {
                Some(stream) => self.reopen(stream, &row).await?,
                None => tracing::error!(stream.id = row.stream, "a stream's row cannot be read"),
            }
        }
        Ok(())
    }

    async fn reopen(&self, stream: Stream, row: &store::Stream) -> Result<(), Error> {
        tracing::info!(stream.id = %stream.id, state = ?row.state, "stream taken up");
        if stream.stage == Stage::Closing {
            // A row that is closing already keeps its own reason.
            let why = Some(UNANSWERED.to_owned());
            self.0.store.set_state(row.stream.as_str(), StreamState::Closing, why).await?;
        }
        self.0.streams.resume(stream.clone(), row.kind == StreamKind::Live);
        if let Some(sent) = sent(row) {
            self.recall(stream, sent);
        } else if stream.stage == Stage::Answered {
            self.acknowledge_again(&stream).await;
        }
        Ok(())
    }

    /// The ACK may have died with us; a device that has it already ignores it.
    async fn acknowledge_again(&self, stream: &Stream) {
        let Some(dialog) = &stream.dialog else { return };
        if let Some(peer) = self.whereabouts(stream)
            && let Err(error) = self.0.sip.send(peer, dialog.ack()).await
        {
            tracing::warn!(stream.id = %stream.id, %error, "ACK not sent");
        }
    }

    /// A row as it was.
    fn stream(&self, row: &store::Stream) -> Option<Stream> {
        let ssrc = Ssrc::parse(&row.ssrc).ok()?;
        let dialog: Option<Dialog> = row.dialog.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let sent = sent(row);
        let stage = match row.state {
            StreamState::Answered => Stage::Answered,
            StreamState::Asked | StreamState::Closed | StreamState::Closing | StreamState::Invited => {
                Stage::Closing
            }
            StreamState::Flowing => Stage::Flowing,
        };
        let called = match (&dialog, &sent) {
            (Some(dialog), _) => Some(dialog.peer),
            (None, sent) => sent.as_ref().map(|sent| sent.peer),
        };
        Some(Stream {
            id: ssrc.stream_id(),
            ssrc,
            device: DeviceId::parse(&row.device).ok()?,
            channel: DeviceId::parse(&row.channel).ok()?,
            stage,
            calling: sent.map(|_| CancellationToken::new()),
            // A connection of an earlier run is gone, and its number may be another's by now.
            peer: called.filter(|peer| !peer.is_reliable()),
            dialog,
            own_port: row.own_port,
            media: AnsweredMedia::from_origin(&row.origin),
            deadline: self.deadline(stage, row),
            attempts: u32::try_from(row.close_attempts).unwrap_or(u32::MAX),
            viewed: true,
            missed: false,
        })
    }

    /// What is closing is closed now; what waits for its first media has what is left of its time.
    fn deadline(&self, stage: Stage, row: &store::Stream) -> Option<Instant> {
        let now = Instant::now();
        let waited =
            Duration::from_secs(u64::try_from(clock::seconds() - row.updated_at).unwrap_or_default());
        let patience = Duration::from_secs(self.0.config.stream.start_timeout_secs);
        match stage {
            Stage::Answered => Some(now + patience.saturating_sub(waited).max(LAPSE)),
            Stage::Flowing => None,
            Stage::Asked | Stage::Invited | Stage::Closing => Some(now),
        }
    }
}

/// The INVITE that the device may still answer.
fn sent(row: &store::Stream) -> Option<Sent> {
    row.invite.as_deref().and_then(Sent::read)
}

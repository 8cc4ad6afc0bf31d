//! Everything that ends a stream: BYE first, then the media server, each tried again until it is certain.

use std::time::Duration;

use tokio::time::timeout;

use crate::gb28181::StreamId;
use crate::media;
use crate::sip::core::Peer;
use crate::sip::core::dialog::Dialog;
use crate::sip::core::message::Method;
use crate::store::StreamState;

use super::call::dialog_text;
use super::stream::{Stage, Stream};
use super::{Error, Gateway};

/// What `stop` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Closed,
    NotThere,
}

/// How long a caller waits for a device that does not answer BYE. The BYE itself goes on.
const BYE_PATIENCE: Duration = Duration::from_secs(5);

/// Wait before the second attempt to end a stream; it doubles up to the interval of the regular check.
const RETRY: Duration = Duration::from_secs(5);

/// After this many attempts, a day's worth at the default interval, a device that never answers is let go.
const ATTEMPTS: u32 = 300;

impl Gateway {
    /// Ends the stream `id` because its caller wants so.
    ///
    /// # Errors
    /// When the store cannot be written. A device or media server that does not answer is tried again later.
    pub async fn stop(&self, id: &str) -> Result<Stopped, Error> {
        let Ok(id) = StreamId::parse(id) else { return Ok(Stopped::NotThere) };
        if self.0.streams.find(id).is_none_or(|stream| stream.stage == Stage::Closing) {
            return Ok(Stopped::NotThere);
        }
        let gateway = self.clone();
        let closing = self.in_own_task(async move { gateway.close(id, "stopped by the caller").await });
        closing.await.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Stopped::Closed)
    }

    /// Ends a stream, whatever state it is in. Whoever comes second finds it closing and leaves it alone.
    pub(super) async fn close(&self, id: StreamId, why: &str) {
        let Some(stream) = self.0.streams.begin_closing(id) else { return };
        tracing::info!(stream.id = %id, channel.id = %stream.channel, why, "closing stream");
        let closing = self.0.store.set_state(id.to_string(), StreamState::Closing, Some(why.to_owned()));
        if let Err(error) = closing.await {
            tracing::error!(stream.id = %id, %error, "the store did not take that a stream closes");
        }
        self.finish(&stream).await;
    }

    /// As [`close`](Self::close), for a stream whose device ended the dialog itself.
    pub(super) async fn close_hung_up(&self, id: StreamId, why: &str) {
        self.call_over(id).await;
        self.close(id, why).await;
    }

    /// Tries to end what is still open of a closing stream, at the device and at the media server. What does
    /// not succeed stays in the table, for the janitor to try again.
    pub(super) async fn finish(&self, stream: &Stream) {
        let ended = self.end_call(stream).await;
        let closed = self.close_media(stream).await;
        if !(ended && closed) && self.put_off(stream.id).await {
            return;
        }
        match self.0.store.set_state(stream.id.to_string(), StreamState::Closed, None).await {
            Ok(_) => {
                self.0.streams.remove(stream.id);
                self.await_file_of(stream.id).await;
            }
            Err(error) => {
                tracing::error!(stream.id = %stream.id, %error, "a closed stream stays open in the store");
                self.0.streams.try_again(stream.id, self.retry_wait(), ATTEMPTS);
            }
        }
    }

    /// True once nothing is owed to the device. An INVITE that it may still answer is withdrawn, and whoever waits
    /// for its end comes back here.
    async fn end_call(&self, stream: &Stream) -> bool {
        match self.0.streams.find(stream.id) {
            Some(Stream { dialog: Some(dialog), .. }) => self.bye(stream, dialog).await,
            Some(Stream { calling, .. }) => calling.is_none(),
            None => true,
        }
    }

    /// Puts the next attempt off. False when there have been enough.
    async fn put_off(&self, id: StreamId) -> bool {
        if let Err(error) = self.0.store.count_close_attempt(id.to_string()).await {
            tracing::error!(stream.id = %id, %error, "the store did not count an attempt to close a stream");
        }
        self.0.streams.try_again(id, self.retry_wait(), ATTEMPTS)
    }

    /// From one attempt to the next, given how many there were.
    fn retry_wait(&self) -> impl Fn(u32) -> Duration {
        let longest = Duration::from_secs(self.0.config.stream.check_interval_secs);
        move |attempts| RETRY.saturating_mul(1 << attempts.min(16)).min(longest)
    }

    /// True once the device has ended the dialog for certain. Any final answer but a call for patience is that:
    /// 481 says that it knows the dialog no more.
    async fn bye(&self, stream: &Stream, mut dialog: Dialog) -> bool {
        let Some(peer) = self.whereabouts(stream) else { return false };
        let request = dialog.request(Method::Bye);
        self.keep_cseq(stream.id, dialog).await;
        let answer = timeout(BYE_PATIENCE, self.0.sip.request(peer, request)).await;
        let ended = matches!(&answer, Ok(Ok(response)) if response.status < 500 || response.status == 501);
        if ended {
            self.call_over(stream.id).await;
        } else {
            tracing::warn!(stream.id = %stream.id, device.id = %stream.device, "BYE not answered; tried again later");
        }
        ended
    }

    /// Where the device is, or at least was when the stream was asked for.
    pub(super) fn whereabouts(&self, stream: &Stream) -> Option<Peer> {
        self.0.registry.peer(&stream.device).or(stream.peer)
    }

    /// The dialog's CSeq is stored before it is used, or it might be used twice (RFC 3261 §12.2.1.1).
    async fn keep_cseq(&self, id: StreamId, dialog: Dialog) {
        match dialog_text(&dialog) {
            Ok(text) => {
                if let Err(error) = self.0.store.set_dialog(id.to_string(), text).await {
                    tracing::error!(stream.id = %id, %error, "the store did not take a dialog");
                }
            }
            Err(error) => tracing::error!(stream.id = %id, %error, "a dialog cannot be stored"),
        }
        self.0.streams.keep_dialog(id, dialog);
    }

    /// True once the media server holds nothing of the stream; one that is not running holds nothing at all.
    async fn close_media(&self, stream: &Stream) -> bool {
        let id = stream.id.to_string();
        let closed = if stream.own_port {
            self.0.media.close_rtp_server(&id).await.map(drop)
        } else {
            self.0.media.close_streams(&id).await.map(drop)
        };
        if closed.as_ref().is_err_and(media::Error::is_down) {
            return true;
        }
        if let Err(error) = &closed {
            tracing::warn!(stream.id = id, %error, "the media server did not close the stream; tried again later");
        }
        closed.is_ok()
    }
}

//! A call to a device: its INVITE, from before it goes out until nobody can answer it any more (RFC 3261 §9.1,
//! §13.2).
//!
//! The INVITE is in the store before it is on the wire, and its dialog before the ACK. So a gateway that is killed
//! in between goes on where it was: it asks again with the same INVITE, withdraws it, and ends what was answered.
//! Until that is settled the stream's row stays open.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::gb28181::sdp::Session;
use crate::gb28181::{Ssrc, StreamId};
use crate::sip::core::Peer;
use crate::sip::core::dialog::Dialog;
use crate::sip::core::message::{Message, Method, Request, Response};
use crate::sip::{Answer, Invite};
use crate::store::MediaOrigin;

use super::stream::{AnsweredMedia, Stage, Stream};
use super::vendor::{Dialect, Observed};
use super::{Error, Gateway, clock};

/// An INVITE as its row keeps it while it has no final answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sent {
    /// When it went out, Unix seconds.
    at: i64,
    /// Where it went.
    pub(super) peer: Peer,
    /// The whole of it, since a repetition may differ in nothing.
    text: String,
}

/// After this a device has forgotten an INVITE that it has not answered: Timer C, three minutes (RFC 3261 §16.6).
/// Asked again, it would take it for a new one.
const FORGOTTEN_SECS: i64 = 180;

/// Between two attempts to reach a device that has not come back yet.
const RETRY: Duration = Duration::from_secs(5);

impl Gateway {
    /// Calls the device; when it answers, the device's 200 is acknowledged, and we know how its media comes.
    ///
    /// # Errors
    /// The device refuses, is silent or not reached, or the stream is closed meanwhile. What it may still answer
    /// is looked after.
    pub(super) async fn invite(
        &self,
        stream: &Stream,
        peer: Peer,
        request: Request,
        dialect: &Dialect,
    ) -> Result<AnsweredMedia, Error> {
        let configured = Duration::from_secs(self.0.config.sip.invite_timeout_secs);
        let request = self.0.sip.stamp(peer, request).await?;
        let withdrawn = self.invited(stream.id, peer, &request).await?;
        let mut invite = match self.0.sip.invite(peer, request).await {
            Ok(invite) => invite,
            Err(error) => {
                self.call_over(stream.id).await;
                return Err(error.into());
            }
        };
        let patience = dialect.invite_timeout(configured);
        match final_answer(&mut invite, patience, &withdrawn).await {
            Ok(answer) if is_success(&answer) => self.answered(stream, &invite, &answer, dialect).await,
            Ok(answer) => {
                self.call_over(stream.id).await;
                Err(Error::Refused(answer.status))
            }
            Err(error) => {
                self.give_up(stream.id, invite);
                Err(error)
            }
        }
    }

    /// Nothing is owed to the device any more, nor by it: it has refused, ended the dialog or forgotten the call.
    pub(super) async fn call_over(&self, id: StreamId) {
        self.0.streams.call_over(id);
        if let Err(error) = self.0.store.set_call_over(id.to_string()).await {
            tracing::error!(stream.id = %id, %error, "the store did not take that a call is over");
        }
    }

    /// Takes up a call that was not answered when the gateway last ran. Asked again, the device says how far it
    /// is: what rings is cancelled, what it has accepted is ended.
    pub(super) fn recall(&self, stream: Stream, sent: Sent) {
        let gateway = self.clone();
        self.in_background(async move {
            let id = stream.id;
            match sent.request() {
                Some(request) => gateway.ask_again(stream, &sent, request).await,
                None => gateway.call_over(id).await,
            }
            gateway.go_on_closing(id).await;
        });
    }

    /// ACK and BYE for a 2xx that nobody waits for: the second one of an INVITE that forked, or one whose caller
    /// was broken off (RFC 3261 §13.2.2.4).
    pub(super) async fn end_stray_answer(&self, answer: &Response, peer: Peer) {
        let text = |name: &str| answer.headers.get(name).unwrap_or_default().to_owned();
        let uri = answer.headers.to().map_or_else(String::new, |to| to.uri.to_owned());
        let invite = Request::new(Method::Invite, uri)
            .with("From", text("From"))
            .with("Call-ID", text("Call-ID"))
            .with("CSeq", text("CSeq"));
        let mut dialog = Dialog::from_answer(&invite, answer, peer);
        tracing::info!(sip.call_id = dialog.call_id, %peer, "an answer to an INVITE that nobody waits for: ended");
        if self.0.sip.send(peer, dialog.ack()).await.is_err() {
            return;
        }
        if let Err(error) = self.0.sip.request(peer, dialog.request(Method::Bye)).await {
            tracing::warn!(sip.call_id = dialog.call_id, %error, "BYE after a stray answer failed");
        }
    }

    /// Stores the INVITE, and lets whoever closes the stream withdraw it.
    async fn invited(&self, id: StreamId, peer: Peer, request: &Request) -> Result<CancellationToken, Error> {
        self.0.store.set_invited(id.to_string(), Sent::new(peer, request)?.to_text()?).await?;
        let calling = CancellationToken::new();
        let moved = self.0.streams.update(id, |stream| {
            stream.stage = stream.stage.max(Stage::Invited);
            stream.calling = Some(calling.clone());
        });
        if moved.is_none() {
            self.call_over(id).await;
            return Err(Error::Withdrawn);
        }
        Ok(calling)
    }

    async fn answered(
        &self,
        stream: &Stream,
        invite: &Invite,
        answer: &Response,
        dialect: &Dialect,
    ) -> Result<AnsweredMedia, Error> {
        // The SDP may be missing or broken.
        let session = Session::parse(&self.answered_sdp(dialect, &stream.channel, &answer.body)).ok();
        self.observe_ssrc(stream, session.as_ref());
        let ssrc = dialect.other_ssrc(stream.ssrc, session.as_ref().and_then(|session| session.ssrc));
        let source = session.as_ref().and_then(media_source);
        let media = AnsweredMedia { ssrc: ssrc.clone().unwrap_or_default(), source };
        if self.accept(stream.id, invite, answer, media).await? {
            return ssrc.map(|_| media);
        }
        // Closed while the device made up its mind.
        let (gateway, id) = (self.clone(), stream.id);
        self.in_background(async move { gateway.go_on_closing(id).await });
        Err(Error::Withdrawn)
    }

    /// Notes what the device does to our SSRC.
    fn observe_ssrc(&self, stream: &Stream, session: Option<&Session>) {
        let Some(session) = session else { return };
        match session.ssrc {
            None => self.observe(&stream.device, Observed::SSRC_MISSING),
            Some(ssrc) if ssrc != stream.ssrc => self.observe(&stream.device, Observed::SSRC_CHANGED),
            Some(_) => {}
        }
    }

    /// The device said yes: first the dialog is in the store, then it is acknowledged, whatever else is wrong:
    /// without the ACK it repeats its answer. False when the stream is closing, and its dialog to be ended.
    async fn accept(
        &self,
        id: StreamId,
        invite: &Invite,
        answer: &Response,
        media: AnsweredMedia,
    ) -> Result<bool, Error> {
        let dialog = invite.dialog(answer);
        let stored =
            self.0.store.set_answered(id.to_string(), dialog_text(&dialog)?, media.to_origin()).await;
        let open = self.0.streams.answered(id, dialog.clone(), media);
        invite.acknowledge(dialog.ack()).await?;
        stored?;
        Ok(open)
    }

    /// The INVITE is withdrawn, and its end awaited in the background.
    fn give_up(&self, id: StreamId, mut invite: Invite) {
        let gateway = self.clone();
        self.in_background(async move {
            let end = withdraw(&mut invite).await;
            gateway.settle(id, &invite, end).await;
            gateway.go_on_closing(id).await;
        });
    }

    /// Sends the INVITE of an earlier run again, as often as it takes to reach the device, and withdraws it.
    async fn ask_again(&self, stream: Stream, sent: &Sent, request: Request) {
        // The wall clock may have been set since: what is left of the time is never more than all of it.
        let left = (sent.at + FORGOTTEN_SECS - clock::seconds()).clamp(0, FORGOTTEN_SECS);
        let forgotten = Instant::now() + Duration::from_secs(left.unsigned_abs());
        while Instant::now() < forgotten {
            if let Some(peer) = self.whereabouts(&stream)
                && let Ok(mut invite) = self.0.sip.invite(peer, request.clone()).await
            {
                let end = withdraw(&mut invite).await;
                if !matches!(end, Err(Error::Unreachable)) {
                    return self.settle(stream.id, &invite, end).await;
                }
            }
            tokio::time::sleep(RETRY).await;
        }
        self.call_over(stream.id).await;
    }

    /// A withdrawn INVITE has come to its end. A 200 that came all the same is acknowledged.
    async fn settle(&self, id: StreamId, invite: &Invite, end: Result<Response, Error>) {
        match end {
            Ok(answer) if is_success(&answer) => {
                tracing::info!(stream.id = %id, "the device accepted when nobody waited any more");
                if let Err(error) = self.accept(id, invite, &answer, AnsweredMedia::default()).await {
                    tracing::error!(stream.id = %id, %error, "a late answer was not taken");
                }
            }
            _ => self.call_over(id).await,
        }
    }

    /// A stream whose end waited for the call's is ended now.
    async fn go_on_closing(&self, id: StreamId) {
        if let Some(stream) = self.0.streams.find(id).filter(|stream| stream.stage == Stage::Closing) {
            self.finish(&stream).await;
        }
    }
}

impl Sent {
    fn new(peer: Peer, request: &Request) -> Result<Self, Error> {
        let text = String::from_utf8(request.to_bytes()).map_err(internal)?;
        Ok(Self { at: clock::seconds(), peer, text })
    }

    /// What a row holds; none if it cannot be read.
    pub(super) fn read(row: &str) -> Option<Self> {
        serde_json::from_str(row).ok()
    }

    fn to_text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(internal)
    }

    fn request(&self) -> Option<Request> {
        match Message::parse(self.text.as_bytes()) {
            Ok(Message::Request(request)) => Some(request),
            Ok(Message::Response(_)) | Err(_) => None,
        }
    }
}

impl AnsweredMedia {
    /// What a row keeps of it.
    fn to_origin(self) -> MediaOrigin {
        MediaOrigin {
            ssrc: self.ssrc.map(|ssrc| ssrc.to_string()).unwrap_or_default(),
            source: self.source.map(|source| source.to_string()).unwrap_or_default(),
        }
    }

    /// What a row has kept of it.
    pub(super) fn from_origin(origin: &MediaOrigin) -> Self {
        Self { ssrc: Ssrc::parse(&origin.ssrc).ok(), source: origin.source.parse().ok() }
    }
}

/// A dialog as its row keeps it.
pub(super) fn dialog_text(dialog: &Dialog) -> Result<String, Error> {
    serde_json::to_string(dialog).map_err(internal)
}

/// CANCEL, where the protocol allows it, and what the INVITE comes to all the same.
async fn withdraw(invite: &mut Invite) -> Result<Response, Error> {
    invite.cancel().await?;
    last(invite).await
}

/// The device's final answer, within the time that it has.
async fn final_answer(
    invite: &mut Invite,
    patience: Duration,
    withdrawn: &CancellationToken,
) -> Result<Response, Error> {
    tokio::select! {
        () = withdrawn.cancelled() => Err(Error::Withdrawn),
        answer = timeout(patience, last(invite)) => answer.unwrap_or(Err(Error::TimedOut)),
    }
}

/// The final answer; provisional ones are passed over.
async fn last(invite: &mut Invite) -> Result<Response, Error> {
    loop {
        match invite.next().await {
            Answer::Failed => return Err(Error::Unreachable),
            Answer::Final(response) => return Ok(response),
            Answer::Provisional(_) => {}
            Answer::TimedOut => return Err(Error::TimedOut),
        }
    }
}

fn is_success(answer: &Response) -> bool {
    (200..300).contains(&answer.status)
}

/// Where the answer says that media comes from.
fn media_source(session: &Session) -> Option<SocketAddr> {
    let video = session.video()?;
    Some(SocketAddr::new(session.address(video)?, video.port))
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

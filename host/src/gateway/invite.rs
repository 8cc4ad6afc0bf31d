//! Opening a media session, along the standard's sequence chart (GB/T 28181 §9.2): a row, a port, the offer,
//! INVITE, the answer, the store, ACK.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::config::{RtpPorts, RtpTransport};
use crate::gb28181::sdp::{self, Session};
use crate::gb28181::{DeviceId, Ssrc, StreamId, subject};
use crate::media::{OpenRtp, TcpMode};
use crate::sip::core::Peer;
use crate::sip::core::dialog::Dialog;
use crate::sip::core::message::{Method, Request, Response};
use crate::sip::{Answer, Invite};
use crate::store::{NewStream, StreamKind, StreamState};

use super::stream::{AnsweredMedia, Stage, Stream};
use super::{Error, Gateway};

/// What is to be opened.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: StreamKind,
    pub(super) device: DeviceId,
    pub(super) channel: DeviceId,
    /// Unix seconds from and to, for a playback.
    pub(super) period: Option<(i64, i64)>,
}

/// How long we listen for the answer to an INVITE that was given up, so that a late 200 is acknowledged and
/// ended: 64 × T1, when the device itself stops repeating it (RFC 3261 §13.3.1.4).
const LATE_ANSWER: Duration = Duration::from_secs(32);

impl Gateway {
    /// Opens a stream; when it answers, the device's 200 is acknowledged.
    ///
    /// # Errors
    /// As for `play`. Whatever was opened on the way is closed again.
    pub(super) async fn open(&self, plan: Plan) -> Result<StreamId, Error> {
        let stream = self.begin(&plan).await?;
        let id = stream.id.clone();
        match self.call(&plan, &stream).await {
            Ok(()) => Ok(id),
            Err(error) => {
                tracing::info!(stream.id = %id, channel.id = %plan.channel, %error, "stream did not open");
                self.close(&id, &error.to_string()).await;
                Err(error)
            }
        }
    }

    /// The row and the entry in the table, before the outside world is changed.
    async fn begin(&self, plan: &Plan) -> Result<Stream, Error> {
        let peer = self.0.registry.peer(&plan.device).ok_or_else(|| Error::Offline(plan.device.to_string()))?;
        let row = self
            .0
            .store
            .open_stream(NewStream {
                kind: plan.kind,
                region: self.0.config.platform.region.clone(),
                device: plan.device.to_string(),
                channel: plan.channel.to_string(),
                period: plan.period,
            })
            .await?;
        let ssrc: Ssrc = row.ssrc.parse().map_err(|_| Error::Internal(format!("SSRC {}", row.ssrc)))?;
        let patience = Duration::from_secs(self.0.config.stream.start_timeout_secs);
        let stream = Stream {
            id: ssrc.stream_id(),
            ssrc,
            device: plan.device.clone(),
            channel: plan.channel.clone(),
            stage: Stage::Asked,
            dialog: None,
            peer,
            own_port: self.0.config.media.rtp_ports == RtpPorts::Each,
            media: AnsweredMedia::default(),
            deadline: Some(Instant::now() + patience),
            viewed: false,
        };
        self.0.streams.insert(stream.clone());
        Ok(stream)
    }

    async fn call(&self, plan: &Plan, stream: &Stream) -> Result<(), Error> {
        let target = self.media_target(stream).await?;
        let request = self.invitation(plan, stream, target)?;
        self.advance(&stream.id, Stage::Invited, StreamState::Invited).await?;
        let mut invite = self.0.sip.invite(stream.peer, request).await?;
        let answer = match self.final_answer(&mut invite).await {
            Ok(answer) => answer,
            Err(error) => {
                self.give_up(invite, stream);
                return Err(error);
            }
        };
        if !(200..300).contains(&answer.status) {
            return Err(Error::Refused(answer.status));
        }
        self.answered(stream, &mut invite, &answer).await
    }

    /// Where the device is to send media: the single port, or one that the media server opens for this stream.
    async fn media_target(&self, stream: &Stream) -> Result<SocketAddr, Error> {
        let media = &self.0.config.media;
        let mut target: SocketAddr =
            media.rtp.parse().map_err(|_| Error::Internal("media.rtp is no address".to_owned()))?;
        if media.rtp_ports == RtpPorts::Each {
            let tcp_mode = match media.rtp_transport {
                RtpTransport::TcpActive => TcpMode::Active,
                RtpTransport::TcpPassive => TcpMode::Passive,
                RtpTransport::Udp => TcpMode::Udp,
            };
            let server = OpenRtp { stream_id: stream.id.to_string(), tcp_mode, ssrc: Some(stream.ssrc.value()) };
            target.set_port(self.0.media.open_rtp_server(&server).await?);
        }
        Ok(target)
    }

    /// The INVITE with its offer (GB/T 28181 annex G) and Subject.
    fn invitation(&self, plan: &Plan, stream: &Stream, target: SocketAddr) -> Result<Request, Error> {
        let platform = &self.0.config.platform.id;
        let transport = match self.0.config.media.rtp_transport {
            RtpTransport::TcpActive => sdp::Transport::TcpActive,
            RtpTransport::TcpPassive => sdp::Transport::TcpPassive,
            RtpTransport::Udp => sdp::Transport::Udp,
        };
        let session = match plan.period {
            Some((start, end)) => sdp::Purpose::Playback { channel: plan.channel.clone(), start, end },
            None => sdp::Purpose::Play,
        };
        let offer = sdp::Offer::new(plan.channel.as_str(), target, transport, session, stream.ssrc);
        let request = self.outbound(Method::Invite, &plan.channel, stream.peer)?;
        Ok(request
            .with("Contact", self.contact(stream.peer))
            .with("Subject", subject::offer(&plan.channel, stream.ssrc, platform))
            .with_body("APPLICATION/SDP", offer.to_string()))
    }

    /// The device's final answer, within the time that the operator allows.
    async fn final_answer(&self, invite: &mut Invite) -> Result<Response, Error> {
        let patience = Duration::from_secs(self.0.config.sip.invite_timeout_secs);
        timeout(patience, last(invite)).await.unwrap_or(Err(Error::TimedOut))
    }

    /// The device said yes: first the dialog is in the store, then it is acknowledged. The answer's SDP may be
    /// missing or broken; without the ACK the device would stop, so it is sent all the same.
    async fn answered(&self, stream: &Stream, invite: &mut Invite, answer: &Response) -> Result<(), Error> {
        let dialog = Dialog::from_answer(invite.request(), answer, stream.peer)
            .ok_or_else(|| Error::Internal("the answer makes no dialog".to_owned()))?;
        let stored = self.0.store.answer_stream(stream.id.as_str(), &dialog_text(&dialog)?).await;
        let kept = self.0.streams.keep_dialog(&stream.id, dialog.clone());
        invite.acknowledge(dialog.ack());
        stored?;
        if !kept {
            return Err(Error::Internal("the stream was closed while it opened".to_owned()));
        }
        let session = Session::parse(&answer.body).ok();
        let media = answered_media(stream.ssrc, session.as_ref());
        let open = self.0.streams.update(&stream.id, |stream| {
            stream.stage = stream.stage.max(Stage::Answered);
            stream.media = media;
        });
        open.ok_or_else(|| Error::UnknownStream(stream.id.to_string()))?;
        self.meet_media(stream, media).await
    }

    /// Tells the media server what the answer changed: where to connect to, and which SSRC comes.
    async fn meet_media(&self, stream: &Stream, media: AnsweredMedia) -> Result<(), Error> {
        if !stream.own_port {
            return Ok(());
        }
        if let Some(ssrc) = media.ssrc {
            self.0.media.update_rtp_server_ssrc(stream.id.as_str(), ssrc.value()).await?;
        }
        if self.0.config.media.rtp_transport != RtpTransport::TcpActive {
            return Ok(());
        }
        let source = media.source.ok_or_else(|| Error::BadAnswer("names no port to connect to".to_owned()))?;
        Ok(self.0.media.connect_rtp_server(stream.id.as_str(), source).await?)
    }

    /// The INVITE is cancelled; should a 200 come all the same, it is acknowledged and ended by BYE.
    fn give_up(&self, mut invite: Invite, stream: &Stream) {
        invite.cancel();
        let gateway = self.clone();
        let peer = stream.peer;
        self.0.tasks.spawn(async move {
            let stopping = gateway.0.stopping.clone();
            let late = tokio::select! {
                late = timeout(LATE_ANSWER, last(&mut invite)) => late,
                () = stopping.cancelled() => return,
            };
            let Ok(Ok(answer)) = late else { return };
            if (200..300).contains(&answer.status) {
                gateway.end_late_answer(invite.request(), &answer, peer).await;
            }
        });
    }

    /// ACK and BYE for a 2xx that nobody waits for any more (RFC 3261 §13.2.2.4).
    pub(super) async fn end_late_answer(&self, invite: &Request, answer: &Response, peer: Peer) {
        let Some(mut dialog) = Dialog::from_answer(invite, answer, peer) else { return };
        tracing::info!(sip.call_id = dialog.call_id, %peer, "late answer to an INVITE: ended");
        if self.0.sip.send(peer, dialog.ack()).await.is_ok() {
            let bye = dialog.request(Method::Bye);
            if let Err(error) = self.0.sip.request(peer, bye).await {
                tracing::warn!(sip.call_id = dialog.call_id, %error, "BYE after a late answer failed");
            }
        }
    }

    /// Moves a stream on, in the store first.
    pub(super) async fn advance(&self, id: &StreamId, stage: Stage, state: StreamState) -> Result<(), Error> {
        self.0.store.set_stream_state(id.as_str(), state).await?;
        let moved = self.0.streams.update(id, |stream| stream.stage = stream.stage.max(stage));
        moved.ok_or_else(|| Error::UnknownStream(id.to_string()))
    }
}

/// The final answer; provisional ones are passed over.
async fn last(invite: &mut Invite) -> Result<Response, Error> {
    loop {
        match invite.next().await {
            Answer::Failed => return Err(Error::Internal("the connection to the device broke".to_owned())),
            Answer::Final(response) => return Ok(response),
            Answer::Provisional(_) => {}
            Answer::TimedOut => return Err(Error::TimedOut),
        }
    }
}

/// What the answer says of where media comes from and under which SSRC. `y=` is missing with some devices,
/// and some write zeros; both leave ours in force.
fn answered_media(ours: Ssrc, session: Option<&Session>) -> AnsweredMedia {
    let ssrc = session.and_then(|session| session.ssrc).filter(|ssrc| *ssrc != ours && ssrc.value() != 0);
    AnsweredMedia { ssrc, source: session.and_then(Session::video_source) }
}

fn dialog_text(dialog: &Dialog) -> Result<String, Error> {
    serde_json::to_string(dialog).map_err(|error| Error::Internal(error.to_string()))
}

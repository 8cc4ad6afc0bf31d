//! Opening a media session, along the standard's sequence chart (GB/T 28181 §9.2): a row, a port, the offer,
//! INVITE, the answer, the store, ACK.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::config::{RtpPorts, RtpTransport};
use crate::gb28181::sdp::{self, Session};
use crate::gb28181::subject::Subject;
use crate::gb28181::{DeviceId, Ssrc, StreamId};
use crate::media::{self, OpenRtp, TcpMode};
use crate::sip::core::Peer;
use crate::sip::core::dialog::Dialog;
use crate::sip::core::message::{Method, Request, Response};
use crate::sip::{Answer, Invite};
use crate::store::{self, NewStream, StreamKind, StreamState};

use super::stream::{AnsweredMedia, Stage, Stream};
use super::{Error, Gateway};

/// What is to be opened.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: StreamKind,
    pub(super) device: DeviceId,
    pub(super) channel: DeviceId,
    /// Unix seconds from and to, for a playback.
    pub(super) period: Option<(u64, u64)>,
}

impl Plan {
    fn purpose(&self) -> sdp::Purpose {
        match self.period {
            Some((start, end)) => sdp::Purpose::Playback { channel: self.channel.clone(), start, end },
            None => sdp::Purpose::Play,
        }
    }
}

/// What we take, PS first: Dahua wants it so. Devices that send something else than PS are rare.
const PAYLOADS: [u8; 4] = [96, 97, 98, 99];

/// How long we listen for the answer to an INVITE that was given up, so that a late 200 is acknowledged and
/// ended: 64 × T1, when the device itself stops repeating it (RFC 3261 §13.3.1.4).
const LATE_ANSWER: Duration = Duration::from_secs(32);

/// How long we wait for media under the SSRC agreed before any other is taken. Media comes within a second, and
/// the media server gives up after fifteen.
const OTHER_SSRC: Duration = Duration::from_secs(3);

/// What ZLMediaKit understands as no SSRC in particular.
const ANY_SSRC: u32 = 0;

impl Gateway {
    /// Opens a stream; when it answers, the device's 200 is acknowledged.
    ///
    /// # Errors
    /// As for `play`. Whatever was opened on the way is closed again.
    pub(super) async fn open(&self, plan: Plan) -> Result<StreamId, Error> {
        let offline = || Error::Offline(plan.device.to_string());
        let peer = self.0.registry.peer(&plan.device).ok_or_else(offline)?;
        let stream = self.begin(&plan, peer).await?;
        let id = stream.id;
        match self.call(&plan, &stream, peer).await {
            Ok(()) => Ok(id),
            Err(error) => {
                tracing::info!(stream.id = %id, channel.id = %plan.channel, %error, "stream did not open");
                self.close(id, &error.to_string()).await;
                Err(error)
            }
        }
    }

    /// The row and the entry in the table, before the outside world is changed.
    async fn begin(&self, plan: &Plan, peer: Peer) -> Result<Stream, Error> {
        let new = NewStream {
            kind: plan.kind,
            region: self.0.config.platform.region.clone(),
            device: plan.device.to_string(),
            channel: plan.channel.to_string(),
            period: plan.period.map(|(start, end)| (start.cast_signed(), end.cast_signed())),
        };
        let row = self.0.store.open_stream(new).await.map_err(|error| match error {
            // The row of one that is just being closed says so in a moment.
            store::Error::AlreadyLive { .. } | store::Error::AllSequencesInUse => Error::Busy,
            other => other.into(),
        })?;
        let ssrc = Ssrc::parse(&row.ssrc).map_err(|error| Error::Internal(error.to_string()))?;
        let patience = Duration::from_secs(self.0.config.stream.start_timeout_secs);
        let stream = Stream {
            id: ssrc.stream_id(),
            ssrc,
            device: plan.device.clone(),
            channel: plan.channel.clone(),
            stage: Stage::Asked,
            dialog: None,
            peer: Some(peer),
            own_port: self.0.config.media.rtp_ports == RtpPorts::Each,
            media: AnsweredMedia::default(),
            deadline: Some(Instant::now() + patience),
            attempts: 0,
            viewed: false,
        };
        self.0.streams.insert(stream.clone());
        Ok(stream)
    }

    async fn call(&self, plan: &Plan, stream: &Stream, peer: Peer) -> Result<(), Error> {
        let target = self.media_target(stream).await?;
        let request = self.invitation(plan, stream, peer, target)?;
        self.invited(stream.id).await?;
        let mut invite = self.0.sip.invite(peer, request).await?;
        let answer = match self.final_answer(&mut invite).await {
            Ok(answer) => answer,
            Err(error) => {
                self.give_up(invite);
                return Err(error);
            }
        };
        if !(200..300).contains(&answer.status) {
            return Err(Error::Refused(answer.status));
        }
        self.answered(stream, &invite, &answer).await
    }

    /// Where the device is to send media: the single port, or one that the media server opens for this stream.
    /// A media server that is not there shows here, before a device is troubled.
    async fn media_target(&self, stream: &Stream) -> Result<SocketAddr, Error> {
        let media = &self.0.config.media;
        let mut target: SocketAddr =
            media.rtp.parse().map_err(|_| Error::Internal("media.rtp is no address".to_owned()))?;
        match media.rtp_ports {
            RtpPorts::Each => target.set_port(self.own_port(stream).await?),
            // What still comes under this name is an earlier stream's.
            RtpPorts::Single => drop(self.0.media.close_streams(&stream.id.to_string()).await?),
        }
        Ok(target)
    }

    /// A port for this stream alone. By TCP any SSRC is taken, since only the device has the connection; by UDP
    /// ours, since a device of an earlier stream may still send there.
    async fn own_port(&self, stream: &Stream) -> Result<u16, Error> {
        let tcp_mode = match self.0.config.media.rtp_transport {
            RtpTransport::TcpActive => TcpMode::TcpActive,
            RtpTransport::TcpPassive => TcpMode::TcpPassive,
            RtpTransport::Udp => TcpMode::Udp,
        };
        let ssrc = (tcp_mode == TcpMode::Udp).then_some(stream.ssrc.0);
        let server = OpenRtp { stream_id: stream.id.to_string(), tcp_mode, ssrc, port: 0 };
        match self.0.media.open_rtp_server(&server).await {
            // Left over from an earlier stream of this name, which is long closed.
            Err(media::Error::AlreadyExists { .. }) => {
                self.0.media.close_rtp_server(&server.stream_id).await?;
                Ok(self.0.media.open_rtp_server(&server).await?)
            }
            opened => Ok(opened?),
        }
    }

    /// The INVITE with its offer (GB/T 28181 annex G) and Subject.
    fn invitation(
        &self,
        plan: &Plan,
        stream: &Stream,
        peer: Peer,
        target: SocketAddr,
    ) -> Result<Request, Error> {
        let offer = sdp::Offer {
            owner: plan.channel.clone(),
            purpose: plan.purpose(),
            address: target.ip(),
            port: target.port(),
            transport: match self.0.config.media.rtp_transport {
                RtpTransport::TcpActive => sdp::Transport::TcpActive,
                RtpTransport::TcpPassive => sdp::Transport::TcpPassive,
                RtpTransport::Udp => sdp::Transport::Udp,
            },
            payloads: PAYLOADS.to_vec(),
            ssrc: stream.ssrc,
            sub_stream: None,
            format: None,
        };
        let platform = self.platform_id()?;
        Ok(self
            .outbound(Method::Invite, &plan.channel, peer)?
            .with("Contact", self.contact(peer))
            .with("Subject", Subject::new(&plan.channel, stream.ssrc, &platform).to_string())
            .with_body("APPLICATION/SDP", offer.to_string()))
    }

    /// The device's final answer, within the time that the operator allows.
    async fn final_answer(&self, invite: &mut Invite) -> Result<Response, Error> {
        let patience = Duration::from_secs(self.0.config.sip.invite_timeout_secs);
        timeout(patience, last(invite)).await.unwrap_or(Err(Error::TimedOut))
    }

    /// The device said yes: first the dialog is in the store, then it is acknowledged. The answer's SDP may be
    /// missing or broken; without the ACK the device would stop, so it is sent all the same.
    async fn answered(&self, stream: &Stream, invite: &Invite, answer: &Response) -> Result<(), Error> {
        let dialog = invite.dialog(answer);
        let stored = self.0.store.set_dialog(stream.id.to_string(), dialog_text(&dialog)?).await;
        self.0.streams.keep_dialog(stream.id, dialog.clone());
        invite.acknowledge(dialog.ack()).await?;
        let session = Session::parse(&answer.body).ok();
        let media = answered_media(stream.ssrc, session.as_ref());
        let open = self.0.streams.update(stream.id, |stream| {
            stream.stage = stream.stage.max(Stage::Answered);
            stream.media = media;
        });
        if open.is_none() {
            // Closed while the device made up its mind: who closed it may have found no dialog to end.
            let gateway = self.clone();
            self.in_background(async move { gateway.hang_up(dialog).await });
            return Err(Error::UnknownStream(stream.id.to_string()));
        }
        stored?;
        self.meet_media(stream, media).await
    }

    /// Tells the media server what the answer changed: where to connect to, and which SSRC comes.
    async fn meet_media(&self, stream: &Stream, answered: AnsweredMedia) -> Result<(), Error> {
        if !stream.own_port {
            return Ok(());
        }
        let id = stream.id.to_string();
        match self.0.config.media.rtp_transport {
            RtpTransport::TcpActive => {
                let source = answered.source.ok_or(Error::BadAnswer("names no port to connect to"))?;
                self.0.media.connect_rtp_server(&id, source.ip(), source.port()).await?;
            }
            RtpTransport::TcpPassive => {}
            RtpTransport::Udp => {
                if let Some(ssrc) = answered.ssrc {
                    self.0.media.update_rtp_server_ssrc(&id, ssrc.0).await?;
                }
                self.take_any_ssrc_later(stream.id);
            }
        }
        Ok(())
    }

    /// Some devices send under an SSRC that nobody named. The port tells whose media it is, so that after a while
    /// any is taken rather than none.
    fn take_any_ssrc_later(&self, id: StreamId) {
        let gateway = self.clone();
        self.in_background(async move {
            tokio::time::sleep(OTHER_SSRC).await;
            if gateway.0.streams.find(id).is_none_or(|stream| stream.stage != Stage::Answered) {
                return;
            }
            tracing::info!(stream.id = %id, "no media under the SSRC agreed: any is taken");
            if let Err(error) = gateway.0.media.update_rtp_server_ssrc(&id.to_string(), ANY_SSRC).await {
                tracing::warn!(stream.id = %id, %error, "the media server does not take another SSRC");
            }
        });
    }

    /// The INVITE is cancelled; should a 200 come all the same, it is acknowledged and ended by BYE.
    fn give_up(&self, mut invite: Invite) {
        let gateway = self.clone();
        self.in_background(async move {
            if invite.cancel().await.is_err() {
                return;
            }
            let Ok(Ok(answer)) = timeout(LATE_ANSWER, last(&mut invite)).await else { return };
            if (200..300).contains(&answer.status) {
                gateway.hang_up(invite.dialog(&answer)).await;
            }
        });
    }

    /// ACK and BYE for a 2xx whose INVITE is not known any more, since the gateway was restarted in between.
    pub(super) async fn end_stray_answer(&self, answer: &Response, peer: Peer) {
        let text = |name: &str| answer.headers.get(name).unwrap_or_default().to_owned();
        let uri = answer.headers.to().map_or_else(String::new, |to| to.uri.to_owned());
        let invite = Request::new(Method::Invite, uri)
            .with("From", text("From"))
            .with("Call-ID", text("Call-ID"))
            .with("CSeq", text("CSeq"));
        self.hang_up(Dialog::from_answer(&invite, answer, peer)).await;
    }

    /// ACK and BYE for a 2xx that nobody waits for any more (RFC 3261 §13.2.2.4).
    async fn hang_up(&self, mut dialog: Dialog) {
        let peer = dialog.peer;
        tracing::info!(sip.call_id = dialog.call_id, %peer, "an answer to an INVITE came too late: ended");
        if self.0.sip.send(peer, dialog.ack()).await.is_err() {
            return;
        }
        if let Err(error) = self.0.sip.request(peer, dialog.request(Method::Bye)).await {
            tracing::warn!(sip.call_id = dialog.call_id, %error, "BYE after a late answer failed");
        }
    }

    async fn invited(&self, id: StreamId) -> Result<(), Error> {
        self.0.store.set_state(id.to_string(), StreamState::Invited, None).await?;
        let moved = self.0.streams.update(id, |stream| stream.stage = stream.stage.max(Stage::Invited));
        moved.ok_or_else(|| Error::UnknownStream(id.to_string()))
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

/// What the answer says of where media comes from, and under which SSRC if not ours. Many devices leave `y=` out.
fn answered_media(ours: Ssrc, session: Option<&Session>) -> AnsweredMedia {
    let video = session.and_then(|session| session.video().zip(Some(session)));
    let source =
        video.and_then(|(video, session)| Some(SocketAddr::new(session.address(video)?, video.port)));
    let ssrc = session.and_then(|session| session.ssrc).filter(|ssrc| *ssrc != ours);
    AnsweredMedia { ssrc, source }
}

/// A dialog as its row keeps it.
pub(super) fn dialog_text(dialog: &Dialog) -> Result<String, Error> {
    serde_json::to_string(dialog).map_err(|error| Error::Internal(error.to_string()))
}

//! Opening a media session, along the standard's sequence chart (GB/T 28181 §9.2): a row, a port, the offer,
//! the call, and what its answer changes at the media server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{RtpPorts, RtpTransport};
use crate::gb28181::sdp;
use crate::gb28181::subject::Subject;
use crate::gb28181::{DeviceId, Ssrc, StreamId};
use crate::media::{self, OpenRtp, TcpMode};
use crate::sip::core::Peer;
use crate::sip::core::message::{Method, Request};
use crate::store::{self, NewStream, StreamKind};

use super::stream::{AnsweredMedia, Stage, Stream};
use super::vendor::{Dialect, Parties};
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

/// How the device is asked.
struct Manner {
    dialect: Dialect,
    /// The device's way, or the configured one.
    transport: RtpTransport,
}

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
        let dialect = self.dialect(&plan.device).await;
        let transport = dialect.transport(self.0.config.media.rtp_transport);
        let stream = self.begin(&plan, peer, transport).await?;
        let id = stream.id;
        let manner = Manner { dialect, transport };
        match self.call(&plan, &stream, peer, &manner).await {
            Ok(()) => Ok(id),
            Err(error) => {
                tracing::info!(stream.id = %id, channel.id = %plan.channel, %error, "stream did not open");
                self.close(id, &error.to_string()).await;
                Err(error)
            }
        }
    }

    /// The row and the entry in the table, before the outside world is changed.
    async fn begin(&self, plan: &Plan, peer: Peer, transport: RtpTransport) -> Result<Stream, Error> {
        let each = self.0.config.media.rtp_ports == RtpPorts::Each;
        let new = NewStream {
            kind: plan.kind,
            region: self.0.config.platform.region.clone(),
            device: plan.device.to_string(),
            channel: plan.channel.to_string(),
            period: plan.period.map(|(start, end)| (start.cast_signed(), end.cast_signed())),
            // Nobody connects from the single port.
            own_port: each || transport == RtpTransport::TcpActive,
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
            calling: None,
            dialog: None,
            peer: Some(peer),
            own_port: row.own_port,
            media: AnsweredMedia::default(),
            deadline: Some(Instant::now() + patience),
            attempts: 0,
            viewed: false,
            missed: false,
        };
        self.0.streams.insert(stream.clone());
        Ok(stream)
    }

    async fn call(&self, plan: &Plan, stream: &Stream, peer: Peer, manner: &Manner) -> Result<(), Error> {
        let target = self.media_target(stream, manner.transport).await?;
        let request = self.invitation(plan, stream, peer, target, manner)?;
        let media = self.invite(stream, peer, request, &manner.dialect).await?;
        self.meet_media(stream, media, manner.transport).await
    }

    /// Where the device is to send media: the single port, or one that the media server opens for this stream.
    /// A media server that is not there shows here, before a device is troubled.
    async fn media_target(&self, stream: &Stream, transport: RtpTransport) -> Result<SocketAddr, Error> {
        let media = &self.0.config.media;
        let mut target: SocketAddr =
            media.rtp.parse().map_err(|_| Error::Internal("media.rtp is no address".to_owned()))?;
        if stream.own_port {
            target.set_port(self.own_port(stream, transport).await?);
        } else {
            // What still comes under this name is an earlier stream's.
            self.0.media.close_streams(&stream.id.to_string()).await?;
        }
        Ok(target)
    }

    /// A port for this stream alone. By TCP any SSRC is taken, since only the device has the connection; by UDP
    /// ours, since a device of an earlier stream may still send there.
    async fn own_port(&self, stream: &Stream, transport: RtpTransport) -> Result<u16, Error> {
        let tcp_mode = match transport {
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
        manner: &Manner,
    ) -> Result<Request, Error> {
        let platform = self.platform_id()?;
        let Manner { dialect, transport } = manner;
        let parties = Parties { channel: &plan.channel, device: &plan.device, platform: &platform };
        let offer = sdp::Offer {
            owner: dialect.sdp_owner(parties),
            purpose: plan.purpose(),
            address: target.ip(),
            port: target.port(),
            transport: match transport {
                RtpTransport::TcpActive => sdp::Transport::TcpActive,
                RtpTransport::TcpPassive => sdp::Transport::TcpPassive,
                RtpTransport::Udp => sdp::Transport::Udp,
            },
            payloads: dialect.payloads(),
            ssrc: stream.ssrc,
            sub_stream: dialect.sub_stream(),
            format: dialect.format(),
        };
        let offer = self.offered(dialect, &plan.channel, offer.to_string());
        Ok(self
            .outbound(Method::Invite, &dialect.invite_target(parties), peer)?
            .with("Contact", self.contact(peer))
            .with("Subject", Subject::new(&plan.channel, stream.ssrc, &platform).to_string())
            .with_body("APPLICATION/SDP", offer))
    }

    /// Tells the media server what the answer changed: where to connect to, and which SSRC comes.
    async fn meet_media(
        &self,
        stream: &Stream,
        answered: AnsweredMedia,
        transport: RtpTransport,
    ) -> Result<(), Error> {
        if !stream.own_port {
            return Ok(());
        }
        let id = stream.id.to_string();
        match transport {
            RtpTransport::TcpActive => {
                let source = answered.source.ok_or(Error::BadAnswer("names no port to connect to"))?;
                self.connect_media(stream, source).await?;
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

    /// Has the media server connect to where the answer says. A device behind a NAT names an address that leads
    /// nowhere (wvp-GB28181-pro #1860); then the one that its packets come from is tried.
    async fn connect_media(&self, stream: &Stream, source: SocketAddr) -> Result<(), Error> {
        let id = stream.id.to_string();
        let Err(error) = self.0.media.connect_rtp_server(&id, source.ip(), source.port()).await else {
            return Ok(());
        };
        let seen = stream.peer.map(|peer| peer.remote.ip()).filter(|seen| *seen != source.ip());
        let seen = seen.ok_or(error)?;
        tracing::info!(stream.id = %id, %source, %seen, "no connection to where the answer says");
        Ok(self.0.media.connect_rtp_server(&id, seen, source.port()).await?)
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
}

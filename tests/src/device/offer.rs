//! The SDP of a session: the platform's offer and the device's answer (GB/T 28181 annex G).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::behaviour::{Behaviour, SdpForm, SsrcLine};

/// An address of loopback at which no device listens.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 9, 9, 9));

/// What an offer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// `s=`: Play, Playback, Download, Talk.
    pub(super) session: String,
    /// Where the media goes: `c=` and `m=`.
    pub(super) target: SocketAddr,
    pub(super) carrier: Carrier,
    /// `y=` as written.
    pub(super) ssrc: Option<String>,
    /// `t=` as written.
    pub(super) time: String,
    /// `a=downloadspeed`.
    pub(super) download_speed: Option<u32>,
}

/// How the media travels, and who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The platform connects to the device (offer `setup:active`).
    TcpListen,
    /// The device connects to the platform (offer `setup:passive`).
    TcpConnect,
    Udp,
}

/// An offer that cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OfferError {
    #[error("no c= with an IP address")]
    Address,
    #[error("no m= with a port")]
    Media,
}

impl Offer {
    pub(super) fn read(sdp: &str) -> Result<Self, OfferError> {
        let field = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let ip = field("c=").and_then(|c| c.rsplit(' ').next()?.parse().ok()).ok_or(OfferError::Address)?;
        let media = field("m=").ok_or(OfferError::Media)?;
        let port = media.split(' ').nth(1).and_then(|port| port.parse().ok()).ok_or(OfferError::Media)?;
        let carrier = match (media.contains("TCP/RTP/AVP"), field("a=setup:")) {
            (false, _) => Carrier::Udp,
            (true, Some("active")) => Carrier::TcpListen,
            (true, _) => Carrier::TcpConnect,
        };
        Ok(Self {
            session: field("s=").unwrap_or("Play").to_owned(),
            target: SocketAddr::new(ip, port),
            carrier,
            ssrc: field("y=").map(str::to_owned),
            time: field("t=").unwrap_or("0 0").to_owned(),
            download_speed: field("a=downloadspeed:").and_then(|speed| speed.parse().ok()),
        })
    }

    /// A recorded file has an end, live pictures have none.
    pub(super) fn has_end(&self) -> bool {
        matches!(self.session.as_str(), "Playback" | "Download")
    }

    /// The SSRC that the offer asks for; 0 where `y=` is missing or no number.
    pub(super) fn ssrc_number(&self) -> u32 {
        self.ssrc.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The answer, for media sent from `local`.
    pub(super) fn answer(&self, channel: &str, local: SocketAddr, behaviour: &Behaviour) -> String {
        let ip = local.ip();
        let (protocol, setup) = match self.carrier {
            Carrier::TcpConnect => ("TCP/RTP/AVP", "a=setup:active\r\na=connection:new\r\n"),
            Carrier::TcpListen => ("TCP/RTP/AVP", "a=setup:passive\r\na=connection:new\r\n"),
            Carrier::Udp => ("RTP/AVP", ""),
        };
        let ssrc = match (&behaviour.ssrc_line, &self.ssrc) {
            (SsrcLine::Echo, Some(ssrc)) => format!("y={ssrc}\r\n"),
            (SsrcLine::Echo, None) | (SsrcLine::Omit, _) => String::new(),
            (SsrcLine::Other(text), _) => format!("y={text}\r\n"),
        };
        let size = if self.session == "Download" { "a=filesize:154562\r\n" } else { "" };
        let (origin, address) = match behaviour.sdp_form {
            SdpForm::ForeignAddress => (ip, NOBODY),
            SdpForm::ForeignOrigin => (NOBODY, ip),
            SdpForm::Reversed | SdpForm::Usual => (ip, ip),
        };
        let head = format!(
            "v=0\r\no={channel} 0 0 IN IP4 {origin}\r\ns={}\r\nc=IN IP4 {address}\r\nt={}\r\n\
             m=video {} {protocol} 96\r\n",
            self.session,
            self.time,
            local.port()
        );
        let media = format!("a=sendonly\r\na=rtpmap:96 PS/90000\r\n{setup}{size}{ssrc}");
        match behaviour.sdp_form {
            SdpForm::ForeignAddress | SdpForm::ForeignOrigin | SdpForm::Usual => head + &media,
            SdpForm::Reversed => reversed(&head, &media),
        }
    }
}

/// `f=`, `y=`, then the attributes from last to first, and LF for CRLF.
fn reversed(head: &str, media: &str) -> String {
    let media: Vec<&str> = media.lines().rev().collect();
    format!("{}\nf=v/////a/1/8/1\n{}\n", head.lines().collect::<Vec<_>>().join("\n"), media.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=34020000002000000001 0 0 IN IP4 127.0.0.1\r\ns=Play\r\n\
        c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 10000 TCP/RTP/AVP 96 98\r\na=recvonly\r\na=setup:passive\r\n\
        a=connection:new\r\ny=0200000001\r\n";

    #[test]
    fn an_offer_is_read() {
        let offer = Offer::read(OFFER).unwrap();
        assert_eq!(
            offer,
            Offer {
                session: "Play".to_owned(),
                target: "127.0.0.1:10000".parse().unwrap(),
                carrier: Carrier::TcpConnect,
                ssrc: Some("0200000001".to_owned()),
                time: "0 0".to_owned(),
                download_speed: None,
            }
        );
        assert_eq!(offer.ssrc_number(), 200_000_001);
        assert_eq!(Offer::read(&OFFER.replace("passive", "active")).unwrap().carrier, Carrier::TcpListen);
        assert_eq!(Offer::read("v=0\r\nm=video 1 RTP/AVP 96\r\n"), Err(OfferError::Address));
    }

    #[test]
    fn the_answer_takes_the_other_role() {
        let answer = Offer::read(OFFER).unwrap().answer(
            "34020000001320000001",
            "127.0.0.1:40000".parse().unwrap(),
            &Behaviour::default(),
        );
        assert_eq!(
            answer,
            "v=0\r\no=34020000001320000001 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=video 40000 TCP/RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\na=setup:active\r\n\
             a=connection:new\r\ny=0200000001\r\n"
        );
    }
}

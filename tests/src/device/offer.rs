//! The SDP of a session: the platform's offer and the device's answer (GB/T 28181 annex G).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::behaviour::{Behaviour, SdpForm, SsrcLine};
use super::config::DeviceConfig;

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
    /// The user of `o=`.
    pub(super) owner: String,
    /// The payload types of `m=`, in its order.
    pub(super) payloads: Vec<u8>,
    /// The lines that begin with `a=`.
    pub(super) attributes: Vec<String>,
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
            owner: field("o=").and_then(|o| o.split(' ').next()).unwrap_or_default().to_owned(),
            payloads: media.split(' ').skip(3).filter_map(|payload| payload.parse().ok()).collect(),
            attributes: sdp.lines().filter(|line| line.starts_with("a=")).map(str::to_owned).collect(),
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

    /// The answer of a channel, for media sent from `local`, in the words of the device's maker.
    pub(super) fn answer(
        &self,
        config: &DeviceConfig,
        channel: &str,
        local: SocketAddr,
        behaviour: &Behaviour,
    ) -> String {
        let words = self.words(config, channel, local, behaviour);
        let write = |line: &&str| {
            words.iter().fold((*line).to_owned(), |line, (word, value)| line.replace(word, value))
        };
        let lines: Vec<String> =
            config.habits.answer.iter().map(write).filter(|line| !line.is_empty()).collect();
        match behaviour.sdp_form {
            SdpForm::ForeignAddress | SdpForm::ForeignOrigin | SdpForm::Usual => lines.join("\r\n") + "\r\n",
            SdpForm::Reversed => reversed(lines),
        }
    }

    /// What stands for what in an answer's lines.
    fn words(
        &self,
        config: &DeviceConfig,
        channel: &str,
        local: SocketAddr,
        behaviour: &Behaviour,
    ) -> [(&'static str, String); 13] {
        let ip = local.ip();
        let (origin, address) = match behaviour.sdp_form {
            SdpForm::ForeignAddress => (ip, NOBODY),
            SdpForm::ForeignOrigin => (NOBODY, ip),
            SdpForm::Reversed | SdpForm::Usual => (ip, ip),
        };
        let (protocol, setup, connection) = match self.carrier {
            Carrier::TcpConnect => ("TCP/RTP/AVP", "a=setup:active", "a=connection:new"),
            Carrier::TcpListen => ("TCP/RTP/AVP", "a=setup:passive", "a=connection:new"),
            Carrier::Udp => ("RTP/AVP", "", ""),
        };
        let ssrc = match (&behaviour.ssrc_line, &self.ssrc) {
            (SsrcLine::Echo, Some(ssrc)) => format!("y={ssrc}"),
            (SsrcLine::Echo, None) | (SsrcLine::Omit, _) => String::new(),
            (SsrcLine::Other(text), _) => format!("y={text}"),
        };
        let size = if self.session == "Download" { "a=filesize:154562" } else { "" };
        [
            ("{address}", address.to_string()),
            ("{channel}", channel.to_owned()),
            ("{connection}", connection.to_owned()),
            ("{device}", config.id.clone()),
            ("{origin}", origin.to_string()),
            ("{port}", local.port().to_string()),
            ("{protocol}", protocol.to_owned()),
            ("{session}", self.session.clone()),
            ("{setup}", setup.to_owned()),
            ("{shifted}", shifted(&self.time)),
            ("{size}", size.to_owned()),
            ("{ssrc}", ssrc),
            ("{time}", self.time.clone()),
        ]
    }
}

/// `t=` eight hours later, as recorders write it that take local time for UTC; live pictures have no time.
fn shifted(time: &str) -> String {
    let later = |seconds: &str| match seconds.parse() {
        Ok(0) | Err(_) => seconds.to_owned(),
        Ok(seconds) => u64::saturating_add(seconds, 8 * 3600).to_string(),
    };
    time.split(' ').map(later).collect::<Vec<_>>().join(" ")
}

/// `f=`, `y=`, then the attributes from last to first, and LF for CRLF.
fn reversed(mut lines: Vec<String>) -> String {
    let media = lines.iter().position(|line| line.starts_with("a=")).unwrap_or(lines.len());
    lines[media..].reverse();
    lines.insert(media, "f=v/////a/1/8/1".to_owned());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::vendor::ezviz;
    use super::*;

    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

    fn answer(config: &DeviceConfig, offer: &str) -> String {
        Offer::read(offer).unwrap().answer(config, &config.id, LOCAL, &Behaviour::default())
    }

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
                owner: "34020000002000000001".to_owned(),
                payloads: vec![96, 98],
                attributes: ["a=recvonly", "a=setup:passive", "a=connection:new"].map(str::to_owned).to_vec(),
            }
        );
        assert_eq!(offer.ssrc_number(), 200_000_001);
        assert_eq!(Offer::read(&OFFER.replace("passive", "active")).unwrap().carrier, Carrier::TcpListen);
        assert_eq!(Offer::read("v=0\r\nm=video 1 RTP/AVP 96\r\n"), Err(OfferError::Address));
    }

    #[test]
    fn the_answer_takes_the_other_role() {
        assert_eq!(
            answer(&DeviceConfig::camera("34020000001320000001", "x", LOCAL), OFFER),
            "v=0\r\no=34020000001320000001 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=video 40000 TCP/RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\na=setup:active\r\n\
             a=connection:new\r\ny=0200000001\r\n"
        );
    }

    /// What `gb28181/124-ezviz-INVITE-200-playback.sip` answers to the times of its offer.
    #[test]
    fn a_maker_answers_in_its_own_words() {
        let mut config = DeviceConfig::camera("34020000001110000001", "x", LOCAL);
        ezviz(&mut config);
        let offer = OFFER.replace("TCP/", "").replace("t=0 0", "t=1591083900 1591084602");
        assert_eq!(
            answer(&config, &offer),
            "v=0\r\no=34020000001110000001 0 0 IN IP4 127.0.0.1\r\ns=EZVIZ X5S\r\nc=IN IP4 127.0.0.1\r\n\
             t=1591112700 1591113402\r\nm=video 40000 RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n\
             a=username:34020000001110000001\r\na=filesize:1\r\ny=0200000001\r\nf=\r\n"
        );
    }
}

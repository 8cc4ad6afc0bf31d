//! The offer that asks a device for a stream.

use std::{fmt, net::IpAddr};

use super::Transport;
use crate::gb28181::{DeviceId, Ssrc};

/// An offer for the video of a channel. [`fmt::Display`] writes it: every line ends in CRLF, the last too
/// (a device behind Monibuca #66 answers nothing otherwise), PS has its rtpmap first (Dahua, wvp #28), and
/// nothing but `f=` follows `y=` (415 otherwise, plugin-gb28181 #123).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The user of `o=`: the standard has the sender, that is us; some devices want their own or the channel.
    pub owner: DeviceId,
    /// What the stream is for.
    pub purpose: Purpose,
    /// The address where media is received.
    pub address: IpAddr,
    /// The port where media is received; 9 in TCP active, where nobody listens, by RFC 4145.
    pub port: u16,
    /// How media travels.
    pub transport: Transport,
    /// RTP payload types in order of preference, PS (96) first unless a device wants otherwise.
    pub payloads: Vec<u8>,
    /// The stream's SSRC.
    pub ssrc: Ssrc,
    /// Which of the camera's streams; none leaves it to the camera.
    pub sub_stream: Option<SubStream>,
    /// `f=` without its name; none leaves the line out.
    pub format: Option<String>,
}

/// What a stream is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// What the camera sees now.
    Play,
    /// A recording at the speed of time.
    Playback {
        /// The channel whose recording it is.
        channel: DeviceId,
        /// The first second, of Unix time.
        start: u64,
        /// The last second, of Unix time.
        end: u64,
    },
    /// A recording as a file.
    Download {
        /// The channel whose recording it is.
        channel: DeviceId,
        /// The first second, of Unix time.
        start: u64,
        /// The last second, of Unix time.
        end: u64,
        /// How many times as fast as time.
        speed: u32,
    },
}

/// Which of a camera's streams, in the way that it understands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubStream {
    /// The attribute: `streamnumber` by the 2022 edition; `stream`, `streamprofile`, `streamMode` before it.
    pub attribute: String,
    /// Its value: `0` main, `1` sub; or `main`, `sub`.
    pub value: String,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.address.is_ipv4() { "IP4" } else { "IP6" };
        write!(f, "v=0\r\no={} 0 0 IN {family} {}\r\n", self.owner, self.address)?;
        self.purpose.lines(f, format_args!("c=IN {family} {}\r\n", self.address))?;
        self.media(f)?;
        self.attributes(f)?;
        write!(f, "y={}\r\n", self.ssrc)?;
        match &self.format {
            Some(format) => write!(f, "f={}\r\n", first_line(format)),
            None => Ok(()),
        }
    }
}

impl Offer {
    fn media(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.transport {
            Transport::Udp => "RTP/AVP",
            Transport::TcpActive | Transport::TcpPassive => "TCP/RTP/AVP",
        };
        write!(f, "m=video {} {protocol}", self.port)?;
        self.payloads.iter().try_for_each(|payload| write!(f, " {payload}"))?;
        f.write_str("\r\n")
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a=recvonly\r\n")?;
        let (ps, others): (Vec<u8>, Vec<u8>) = self.payloads.iter().partition(|payload| **payload == PS);
        for payload in ps.into_iter().chain(others) {
            if let Some(encoding) = encoding(payload) {
                write!(f, "a=rtpmap:{payload} {encoding}\r\n")?;
            }
        }
        match self.transport {
            Transport::Udp => {}
            Transport::TcpActive => f.write_str("a=setup:active\r\na=connection:new\r\n")?,
            Transport::TcpPassive => f.write_str("a=setup:passive\r\na=connection:new\r\n")?,
        }
        if let Purpose::Download { speed, .. } = self.purpose {
            write!(f, "a=downloadspeed:{speed}\r\n")?;
        }
        match &self.sub_stream {
            Some(stream) => {
                write!(f, "a={}:{}\r\n", first_line(&stream.attribute), first_line(&stream.value))
            }
            None => Ok(()),
        }
    }
}

impl Purpose {
    /// Writes `s=` and `u=`, then `connection`, then `t=`.
    fn lines(&self, f: &mut fmt::Formatter<'_>, connection: fmt::Arguments<'_>) -> fmt::Result {
        match self {
            Self::Play => write!(f, "s=Play\r\n{connection}t=0 0\r\n"),
            Self::Playback { channel, start, end } => {
                write!(f, "s=Playback\r\nu={channel}:0\r\n{connection}t={start} {end}\r\n")
            }
            Self::Download { channel, start, end, .. } => {
                write!(f, "s=Download\r\nu={channel}:0\r\n{connection}t={start} {end}\r\n")
            }
        }
    }
}

const PS: u8 = 96;

/// The encoding of a payload type, by the standard's list and by what platforms send to Hikvision
/// (wvp-GB28181-pro, `senior-sdp`); none if the number says it all.
fn encoding(payload: u8) -> Option<&'static str> {
    Some(match payload {
        PS => "PS/90000",
        97 => "MPEG4/90000",
        98 | 126 => "H264/90000",
        99 => "H265/90000",
        125 => "H264S/90000",
        _ => return None,
    })
}

/// A text from a policy, kept from adding lines of its own.
fn first_line(text: &str) -> &str {
    text.split(char::is_control).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb28181::sdp::{Direction, Media, MediaKind, Origin, Session, Setup};

    fn id(text: &str) -> DeviceId {
        DeviceId::parse(text).unwrap()
    }

    fn play() -> Offer {
        Offer {
            owner: id("34020000002000000001"),
            purpose: Purpose::Play,
            address: [192, 0, 2, 7].into(),
            port: 10_000,
            transport: Transport::Udp,
            payloads: vec![96, 97, 98],
            ssrc: Ssrc(200_000_001),
            sub_stream: None,
            format: None,
        }
    }

    #[test]
    fn writes_live_over_udp() {
        let sdp = "v=0\r\no=34020000002000000001 0 0 IN IP4 192.0.2.7\r\ns=Play\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                   m=video 10000 RTP/AVP 96 97 98\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n\
                   a=rtpmap:97 MPEG4/90000\r\na=rtpmap:98 H264/90000\r\ny=0200000001\r\n";
        assert_eq!(play().to_string(), sdp);
    }

    #[test]
    fn writes_live_over_tcp() {
        let passive = Offer { transport: Transport::TcpPassive, payloads: vec![96], ..play() };
        let sdp = "v=0\r\no=34020000002000000001 0 0 IN IP4 192.0.2.7\r\ns=Play\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                   m=video 10000 TCP/RTP/AVP 96\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n\
                   a=setup:passive\r\na=connection:new\r\ny=0200000001\r\n";
        assert_eq!(passive.to_string(), sdp);
        let active = Offer { transport: Transport::TcpActive, ..passive };
        assert_eq!(active.to_string(), sdp.replace("setup:passive", "setup:active"));
    }

    #[test]
    fn writes_recordings() {
        let (channel, start, end) = (id("34020000001310000001"), 1_714_804_996, 1_714_806_986);
        let playback = Purpose::Playback { channel: channel.clone(), start, end };
        let offer = Offer { purpose: playback, payloads: vec![96], ssrc: Ssrc(1_200_000_001), ..play() };
        let sdp = "v=0\r\no=34020000002000000001 0 0 IN IP4 192.0.2.7\r\ns=Playback\r\nu=34020000001310000001:0\r\n\
                   c=IN IP4 192.0.2.7\r\nt=1714804996 1714806986\r\nm=video 10000 RTP/AVP 96\r\na=recvonly\r\n\
                   a=rtpmap:96 PS/90000\r\ny=1200000001\r\n";
        assert_eq!(offer.to_string(), sdp);
        let download = Offer { purpose: Purpose::Download { channel, start, end, speed: 4 }, ..offer };
        let sdp = sdp.replace("s=Playback", "s=Download").replace("y=", "a=downloadspeed:4\r\ny=");
        assert_eq!(download.to_string(), sdp);
    }

    /// The payloads that some Hikvision devices want (wvp-GB28181-pro #7): PS last in `m=`, its rtpmap first.
    #[test]
    fn writes_what_a_profile_wants() {
        let offer = Offer {
            owner: id("34020000001310000001"),
            address: "2001:db8::7".parse().unwrap(),
            payloads: vec![126, 125, 99, 34, 98, 97, 96],
            sub_stream: Some(SubStream { attribute: "streamnumber".into(), value: "1\r\ny=1".into() }),
            format: Some("v/////a/1/8/1\na=x".into()),
            ..play()
        };
        let sdp = "v=0\r\no=34020000001310000001 0 0 IN IP6 2001:db8::7\r\ns=Play\r\nc=IN IP6 2001:db8::7\r\n\
                   t=0 0\r\nm=video 10000 RTP/AVP 126 125 99 34 98 97 96\r\na=recvonly\r\n\
                   a=rtpmap:96 PS/90000\r\na=rtpmap:126 H264/90000\r\na=rtpmap:125 H264S/90000\r\n\
                   a=rtpmap:99 H265/90000\r\na=rtpmap:98 H264/90000\r\na=rtpmap:97 MPEG4/90000\r\n\
                   a=streamnumber:1\r\ny=0200000001\r\nf=v/////a/1/8/1\r\n";
        assert_eq!(offer.to_string(), sdp);
    }

    #[test]
    fn is_read_as_it_was_meant() {
        let offer = Offer { transport: Transport::TcpActive, payloads: vec![96], ..play() };
        let media = Media {
            kind: Some(MediaKind::Video),
            port: 10_000,
            tcp: true,
            payloads: vec![96],
            encodings: vec![(96, "PS/90000".into())],
            setup: Some(Setup::Active),
            direction: Some(Direction::RecvOnly),
            connection: None,
        };
        let session = Session {
            origin: Some(Origin { user: "34020000002000000001".into(), address: Some(offer.address) }),
            name: "Play".into(),
            uri: None,
            connection: Some(offer.address),
            time: Some((0, 0)),
            media: vec![media],
            ssrc: Some(offer.ssrc),
            format: None,
            file_size: None,
        };
        assert_eq!(Session::parse(offer.to_string().as_bytes()), Ok(session));
    }
}

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

//! What a peer says of a stream: an answer, or an offer of its own.

use std::net::IpAddr;

use super::{Direction, MediaKind, Setup};
use crate::gb28181::{Ssrc, charset};

/// Why a body is no session.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// `m=` cannot be read.
    #[error("m= cannot be {0:?}")]
    Media(String),
    /// There is no `m=`.
    #[error("m= is missing")]
    MissingMedia,
    /// The body is larger than any session's.
    #[error("the session is too large")]
    TooLarge,
}

/// A session. Only `m=` is a must; what else is missing or unreadable is none, since the call must be
/// acknowledged all the same (wvp-GB28181-pro leaves devices waiting).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `o=`.
    pub origin: Option<Origin>,
    /// `s=`: Play, Playback, Download, Talk; in answers also a name of the device (Hikvision, EZVIZ).
    pub name: String,
    /// `u=`: in an offer for a recording the channel and a type, `34020000001310000001:0`.
    pub uri: Option<String>,
    /// The first `c=` before any `m=`, or else the first after one (gbt_sip_server).
    pub connection: Option<IpAddr>,
    /// `t=`: first and last second of Unix time. EZVIZ and Hikvision recorders answer eight hours off.
    pub time: Option<(u64, u64)>,
    /// `m=`, at least one. Dahua answers Talk with two of the same port.
    pub media: Vec<Media>,
    /// `y=`; none if it is missing (Happytime), no number of 32 bits, or 0 (eXosip, to an offer without).
    pub ssrc: Option<Ssrc>,
    /// `f=`; none if it is empty.
    pub format: Option<String>,
    /// `a=filesize`, of a download: its bytes. 0 and -1, which Hikvision sends for other streams, are none.
    pub file_size: Option<u64>,
}

/// `o=`: who made the session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The id of device or channel; other makers put other words.
    pub user: String,
    /// Where it says to be; media comes from elsewhere when it is behind NAT.
    pub address: Option<IpAddr>,
}

/// `m=` and what follows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Media {
    /// What it is; none for kinds that GB/T 28181 does not know.
    pub kind: Option<MediaKind>,
    /// Its port; 0 refuses the medium.
    pub port: u16,
    /// Whether RTP comes over TCP.
    pub tcp: bool,
    /// RTP payload types.
    pub payloads: Vec<u8>,
    /// `a=rtpmap`: payload types and their encodings, `PS/90000`.
    pub encodings: Vec<(u8, String)>,
    /// `a=setup`.
    pub setup: Option<Setup>,
    /// `a=sendonly`, `a=recvonly`, `a=sendrecv`.
    pub direction: Option<Direction>,
    /// Its own `c=`.
    pub connection: Option<IpAddr>,
}

impl Session {
    /// Reads a session: lines in any order, with or without CR, blank ones and unknown ones passed over,
    /// blanks around values dropped.
    ///
    /// Errors: there is no `m=`, or one without a port.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        const LARGEST: usize = 64 * 1024;
        if body.len() > LARGEST {
            return Err(Error::TooLarge);
        }
        let text = charset::decode(body);
        let lines = text.split(['\r', '\n', '\0']).filter_map(|line| line.trim().split_once('='));
        let mut session = Self::empty();
        let mut shared = Shared::default();
        for (name, value) in lines {
            session.line(&mut shared, name.trim(), value.trim())?;
        }
        session.finish(&shared)
    }

    /// Where the media is: `c=` of the medium, or of the session. Not `o=`, though some devices send there
    /// (wvp-GB28181-pro 7c019dbee).
    pub fn address(&self, media: &Media) -> Option<IpAddr> {
        media.connection.or(self.connection)
    }

    /// The first medium that shows video, or else the first.
    pub fn video(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == Some(MediaKind::Video)).or_else(|| self.media.first())
    }

    /// The first medium that is sound alone.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == Some(MediaKind::Audio))
    }

    /// Takes one line. The first of several counts, except in media.
    fn line(&mut self, shared: &mut Shared, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "o" => self.origin = self.origin.take().or_else(|| Origin::parse(value)),
            "s" if self.name.is_empty() => self.name = value.into(),
            "u" => self.uri = self.uri.take().or_else(|| text(value)),
            "c" => match self.media.last_mut() {
                Some(media) => media.connection = media.connection.or_else(|| connection(value)),
                None => self.connection = self.connection.or_else(|| connection(value)),
            },
            "t" => self.time = self.time.or_else(|| time(value)),
            "m" => self.media.push(Media::parse(value)?),
            "a" => self.attribute(shared, value),
            "y" => self.ssrc = self.ssrc.or_else(|| Ssrc::parse(value).ok().filter(|ssrc| ssrc.0 != 0)),
            "f" => self.format = self.format.take().or_else(|| text(value)),
            _ => {}
        }
        Ok(())
    }

    fn attribute(&mut self, shared: &mut Shared, attribute: &str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let direction = match name.as_str() {
            "filesize" => {
                self.file_size = self.file_size.or_else(|| value.parse().ok().filter(|size| *size > 0));
                None
            }
            "recvonly" => Some(Direction::RecvOnly),
            "sendonly" => Some(Direction::SendOnly),
            "sendrecv" => Some(Direction::SendRecv),
            _ => None,
        };
        let setup = if name == "setup" { setup(value) } else { None };
        match self.media.last_mut() {
            Some(media) => {
                media.direction = media.direction.or(direction);
                media.setup = media.setup.or(setup);
                media.encodings.extend((name == "rtpmap").then(|| encoding(value)).flatten());
            }
            None => {
                shared.direction = shared.direction.or(direction);
                shared.setup = shared.setup.or(setup);
            }
        }
    }

    /// Hands down what the session says of all media.
    fn finish(mut self, shared: &Shared) -> Result<Self, Error> {
        for media in &mut self.media {
            media.direction = media.direction.or(shared.direction);
            media.setup = media.setup.or(shared.setup);
        }
        let first = self.media.first().ok_or(Error::MissingMedia)?;
        self.connection = self.connection.or(first.connection);
        Ok(self)
    }

    fn empty() -> Self {
        Self {
            origin: None,
            name: String::new(),
            uri: None,
            connection: None,
            time: None,
            media: Vec::new(),
            ssrc: None,
            format: None,
            file_size: None,
        }
    }
}

impl Origin {
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let user = words.next()?.into();
        Some(Self { user, address: words.next_back().and_then(|word| word.parse().ok()) })
    }
}

impl Media {
    fn parse(value: &str) -> Result<Self, Error> {
        let mut words = value.split_whitespace();
        let kind = match words.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        };
        // A count of ports may follow the port (RFC 4566 §5.14).
        let port = words.next().and_then(|word| word.split('/').next()?.parse().ok());
        let port = port.ok_or_else(|| Error::Media(value.chars().take(64).collect()))?;
        let protocol = words.next().unwrap_or_default().to_ascii_uppercase();
        Ok(Self {
            kind,
            port,
            tcp: protocol.split('/').any(|part| part == "TCP"),
            payloads: words.filter_map(|word| word.parse().ok()).collect(),
            encodings: Vec::new(),
            setup: None,
            direction: None,
            connection: None,
        })
    }
}

/// What stands before the first `m=` and goes for every medium.
#[derive(Default)]
struct Shared {
    direction: Option<Direction>,
    setup: Option<Setup>,
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.into())
}

/// The address of `c=IN IP4 192.0.2.1/127`. Names are not looked up.
fn connection(value: &str) -> Option<IpAddr> {
    let address = value.split_whitespace().nth(2)?;
    address.split('/').next()?.parse().ok()
}

fn time(value: &str) -> Option<(u64, u64)> {
    let (start, end) = value.split_once(' ')?;
    Some((start.parse().ok()?, end.trim().parse().ok()?))
}

fn setup(value: &str) -> Option<Setup> {
    match value.to_ascii_lowercase().as_str() {
        "active" => Some(Setup::Active),
        "passive" => Some(Setup::Passive),
        _ => None,
    }
}

fn encoding(value: &str) -> Option<(u8, String)> {
    let (payload, encoding) = value.split_once(' ')?;
    Some((payload.parse().ok()?, encoding.trim().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=34 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
                          m=video 6000 TCP/RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n\
                          a=setup:active\r\ny=0200000001\r\nf=v/////a/1/8/1\r\n";

    fn session(text: &str) -> Session {
        Session::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn order_and_line_ends_do_not_matter() {
        let answer = session(ANSWER);
        for text in [
            ANSWER.replace("\r\n", "\n"),
            ANSWER.trim_end().to_owned(),
            ANSWER.replace("\r\n", "  \r\n") + "\r\n\0",
            format!("\r\n{}", ANSWER.replace("v=0\r\n", "i=VCam Live Video\r\njunk\r\n")),
        ] {
            assert_eq!(session(&text), answer);
        }
        let lines: Vec<_> = ANSWER.lines().collect();
        let (head, media) = lines.split_at(5);
        let mut shuffled: Vec<_> = media[3..].iter().chain(&media[..3]).chain(head).copied().collect();
        assert_eq!(session(&shuffled.join("\n")).ssrc, answer.ssrc);
        shuffled.retain(|line| !line.starts_with("a="));
        let bare = session(&shuffled.join("\n"));
        assert_eq!((bare.address(&bare.media[0]), bare.format), (answer.connection, answer.format));
    }

    #[test]
    fn what_the_session_says_goes_for_every_medium() {
        let text = "c=IN IP4 192.0.2.2\na=recvonly\na=setup:passive\nm=audio 1 RTP/AVP 8\n\
                    m=video 2 RTP/AVP 96\na=sendonly\nc=IN IP4 192.0.2.3/127";
        let session = session(text);
        let media = |media: &Media| (media.port, media.direction, media.setup, session.address(media));
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        let passive = Some(Setup::Passive);
        assert_eq!(session.audio().map(media), Some((1, Some(Direction::RecvOnly), passive, address(2))));
        assert_eq!(session.video().map(media), Some((2, Some(Direction::SendOnly), passive, address(3))));
    }

    #[test]
    fn only_media_is_a_must() {
        let least = session("m=video 6000 RTP/AVP 96");
        assert_eq!((least.ssrc, least.connection, least.time, least.origin), (None, None, None, None));
        let odd = "o=\nc=IN IP4 nvr.local\nt=now\nm=video 6000/2 RTP/AVP 96 PS\nsetup\na=setup:both\ny=0BEBC201\nf=";
        let odd = session(odd);
        assert_eq!((odd.ssrc, odd.connection, odd.time, odd.format), (None, None, None, None));
        assert_eq!((odd.media[0].port, odd.media[0].setup, &*odd.media[0].payloads), (6000, None, &[96][..]));
        assert_eq!(Session::parse(b""), Err(Error::MissingMedia));
        assert_eq!(Session::parse(b"s=Play\r\ny=1"), Err(Error::MissingMedia));
        assert_eq!(Session::parse(b"m=video x RTP/AVP"), Err(Error::Media("video x RTP/AVP".into())));
        assert_eq!(Session::parse(&[b'x'; 65 * 1024]), Err(Error::TooLarge));
    }

    #[test]
    fn reads_sizes_and_ssrcs_as_makers_write_them() {
        let with = |line: &str| session(&format!("{line}\nm=video 6000 RTP/AVP 96"));
        assert_eq!(with("a=filesize:2124794308").file_size, Some(2_124_794_308));
        // Hikvision in answers for other streams than downloads (wvp-GB28181-pro #127).
        assert_eq!(with("a=filesize:-1").file_size, None);
        assert_eq!(with("a=filesize:0").file_size, None);
        assert_eq!(with("y=4294967295 ").ssrc, Some(Ssrc(u32::MAX)));
        assert_eq!(with("y=630886").ssrc, Some(Ssrc(630_886)));
        assert_eq!(with("y=4294967296").ssrc, None);
        assert_eq!(with("y=0000000000").ssrc, None);
        assert_eq!(with("f=v/1/2").format.as_deref(), Some("v/1/2"));
    }
}

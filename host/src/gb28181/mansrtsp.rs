//! MANSRTSP: the control of playback, carried by INFO (GB/T 28181-2016 annex B).

use std::{fmt, time::Duration};

use super::charset;

/// Why a body is no MANSRTSP message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// CSeq is missing or no number.
    #[error("CSeq is missing or no number")]
    CSeq,
    /// The method is none of the three.
    #[error("unknown method {0:?}")]
    Method(String),
    /// The first line is neither a request's nor an answer's.
    #[error("not a start line: {0:?}")]
    StartLine(String),
}

/// A command to the sender of a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Plays, goes on, changes speed, or seeks.
    Play {
        /// Speed; below 0 backwards (2022). None leaves it.
        scale: Option<f32>,
        /// From where. None leaves it.
        range: Option<Start>,
    },
    /// Stands still.
    Pause,
    /// Ends it; BYE does the same.
    Teardown,
}

/// From where to play.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// Where it stands.
    Now,
    /// So far from the start of the recording.
    At(Duration),
}

/// What a start line calls the protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// `MANSRTSP/1.0`, the standard's.
    #[default]
    Mansrtsp,
    /// `RTSP/1.0`, which nearly all stacks write.
    Rtsp,
}

impl Version {
    fn as_str(self) -> &'static str {
        match self {
            Self::Mansrtsp => "MANSRTSP/1.0",
            Self::Rtsp => "RTSP/1.0",
        }
    }
}

/// A command with its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// How the protocol is called.
    pub version: Version,
    /// The number in its own series, which only rises (wvp-GB28181-pro b1c479b93).
    pub cseq: u32,
    /// What to do.
    pub command: Command,
}

impl fmt::Display for Request {
    /// Writes lines that end in CRLF.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.command {
            Command::Play { .. } => "PLAY",
            Command::Pause => "PAUSE",
            Command::Teardown => "TEARDOWN",
        };
        write!(f, "{method} {}\r\nCSeq: {}\r\n", self.version.as_str(), self.cseq)?;
        match self.command {
            Command::Play { scale, range } => {
                if let Some(scale) = scale {
                    write!(f, "Scale: {scale}\r\n")?;
                }
                match range {
                    Some(Start::Now) => f.write_str("Range: npt=now-\r\n"),
                    Some(Start::At(offset)) => write!(f, "Range: npt={}-\r\n", offset.as_secs_f64()),
                    None => Ok(()),
                }
            }
            Command::Pause => f.write_str("PauseTime: now\r\n"),
            Command::Teardown => Ok(()),
        }
    }
}

/// An answer, in the body of the 200 to INFO. Many devices send none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// The status, 200 if it worked.
    pub status: u16,
    /// The status in words.
    pub reason: String,
    /// The number of the command.
    pub cseq: u32,
    /// RTP-Info, as it stands: `seq=…;rtptime=…`.
    pub rtp_info: Option<String>,
}

/// A body of INFO or of the answer to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A command.
    Request(Request),
    /// An answer.
    Response(Response),
}

impl Message {
    /// Reads a body; header names in any case, lines with or without CR, unreadable headers passed over.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let text = charset::decode(body);
        let mut lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
        let start = lines.next().unwrap_or_default();
        let headers = Headers(lines.take_while(|line| !line.is_empty()).collect());
        let cseq = || headers.value("CSeq").and_then(|cseq| cseq.parse().ok()).ok_or(Error::CSeq);
        let mut words = start.splitn(3, ' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if version(first).is_some() {
            let status = second.parse().map_err(|_| Error::StartLine(shortened(start)))?;
            let reason = words.next().unwrap_or_default().trim().into();
            let rtp_info = headers.value("RTP-Info").map(str::to_owned);
            return Ok(Self::Response(Response { status, reason, cseq: cseq()?, rtp_info }));
        }
        // An RTSP URI may stand between method and version.
        let version = start.rsplit(' ').next().and_then(version);
        let version = version.ok_or_else(|| Error::StartLine(shortened(start)))?;
        let command = command(first, &headers)?;
        Ok(Self::Request(Request { version, cseq: cseq()?, command }))
    }
}

struct Headers<'t>(Vec<&'t str>);

impl<'t> Headers<'t> {
    fn value(&self, name: &str) -> Option<&'t str> {
        let mut headers = self.0.iter().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn command(method: &str, headers: &Headers<'_>) -> Result<Command, Error> {
    match method.to_ascii_uppercase().as_str() {
        "PLAY" => {
            let scale = headers.value("Scale").and_then(|scale| scale.parse().ok());
            let scale = scale.filter(|scale: &f32| scale.is_finite());
            Ok(Command::Play { scale, range: headers.value("Range").and_then(range) })
        }
        "PAUSE" => Ok(Command::Pause),
        "TEARDOWN" => Ok(Command::Teardown),
        _ => Err(Error::Method(shortened(method))),
    }
}

fn range(value: &str) -> Option<Start> {
    let from = value.strip_prefix("npt")?.trim_start().strip_prefix('=')?.split('-').next()?.trim();
    if from.eq_ignore_ascii_case("now") {
        return Some(Start::Now);
    }
    Duration::try_from_secs_f64(from.parse().ok()?).ok().map(Start::At)
}

fn version(word: &str) -> Option<Version> {
    let (name, _) = word.split_once('/')?;
    match name.to_ascii_uppercase().as_str() {
        "MANSRTSP" => Some(Version::Mansrtsp),
        "RTSP" => Some(Version::Rtsp),
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, cseq: u32, command: Command) -> Message {
        Message::Request(Request { version, cseq, command })
    }

    #[test]
    fn writes_each_command() {
        let write = |command| Request { version: Version::Mansrtsp, cseq: 7, command }.to_string();
        let play = |scale, range| write(Command::Play { scale, range });
        assert_eq!(write(Command::Pause), "PAUSE MANSRTSP/1.0\r\nCSeq: 7\r\nPauseTime: now\r\n");
        assert_eq!(write(Command::Teardown), "TEARDOWN MANSRTSP/1.0\r\nCSeq: 7\r\n");
        assert_eq!(play(None, Some(Start::Now)), "PLAY MANSRTSP/1.0\r\nCSeq: 7\r\nRange: npt=now-\r\n");
        assert_eq!(
            play(Some(-0.25), Some(Start::At(Duration::from_millis(90_500)))),
            "PLAY MANSRTSP/1.0\r\nCSeq: 7\r\nScale: -0.25\r\nRange: npt=90.5-\r\n"
        );
    }

    #[test]
    fn reads_what_it_writes() {
        for command in [
            Command::Pause,
            Command::Teardown,
            Command::Play { scale: None, range: None },
            Command::Play { scale: Some(4.0), range: Some(Start::At(Duration::from_secs(11))) },
            Command::Play { scale: None, range: Some(Start::Now) },
        ] {
            let message = Request { version: Version::Rtsp, cseq: 1, command };
            assert_eq!(Message::parse(message.to_string().as_bytes()), Ok(Message::Request(message)));
        }
    }

    /// The bodies of `tests/data/gb28181`, 148 to 154.
    #[test]
    fn reads_what_peers_write() {
        let play = |scale, range| Command::Play { scale, range };
        for (body, message) in [
            ("PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n", request(Version::Rtsp, 1, Command::Pause)),
            ("PAUSE RTSP/1.0\nCSeq: 20\nPauseTime: 0\n", request(Version::Rtsp, 20, Command::Pause)),
            ("PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 4\r\n", request(Version::Rtsp, 4, play(Some(4.0), None))),
            (
                "PLAY RTSP/1.0\r\nCSeq: 22\r\nScale: 2.000000\r\nRange: npt=11-\r\n",
                request(Version::Rtsp, 22, play(Some(2.0), Some(Start::At(Duration::from_secs(11))))),
            ),
            (
                "PLAY MANSRTSP/1.0\r\nCSeq: 59367\r\nScale: 0.000000\r\n",
                request(Version::Mansrtsp, 59367, play(Some(0.0), None)),
            ),
            (
                "RTSP/1.0 200 OK\r\nCSeq: 20\r\nRTP-Info: seq=9810092;rtptime=3450012\r\n",
                Message::Response(Response {
                    status: 200,
                    reason: "OK".into(),
                    cseq: 20,
                    rtp_info: Some("seq=9810092;rtptime=3450012".into()),
                }),
            ),
        ] {
            assert_eq!(Message::parse(body.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn refuses_what_is_no_message() {
        let parse = |body: &str| Message::parse(body.as_bytes());
        assert_eq!(parse(""), Err(Error::StartLine(String::new())));
        assert_eq!(parse("PLAY\r\nCSeq: 1"), Err(Error::StartLine("PLAY".into())));
        assert_eq!(parse("RTSP/1.0 OK\r\nCSeq: 1"), Err(Error::StartLine("RTSP/1.0 OK".into())));
        assert_eq!(parse("RECORD RTSP/1.0\r\nCSeq: 1"), Err(Error::Method("RECORD".into())));
        assert_eq!(parse("PAUSE RTSP/1.0\r\nCSeq: x"), Err(Error::CSeq));
        let odd = "PLAY RTSP/1.0\r\ncseq: 1\r\nScale: NaN\r\nRange: npt=-1\r\n";
        let play = Command::Play { scale: None, range: None };
        assert_eq!(parse(odd), Ok(request(Version::Rtsp, 1, play)));
    }
}

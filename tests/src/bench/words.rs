//! What a device says, and as much of what the gateway says as a device has to understand.

use std::io::Write as _;
use std::net::SocketAddr;

use md5::{Digest as _, Md5};

/// Where the gateway of the bench belongs; its configuration's default.
pub(crate) const REGION: &str = "3707000008";
const PLATFORM: &str = "37070000082008000001";

/// Every device's password.
pub(crate) const PASSWORD: &str = "12345678";

/// What one message says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// The device that speaks.
    pub(crate) device: u32,
    pub(crate) from: SocketAddr,
    pub(crate) cseq: u32,
    /// By this its answer is known.
    pub(crate) branch: u64,
}

/// The GB28181 id of a device; [`channel`] is that of its channel.
pub(crate) fn device(number: u32) -> String {
    format!("37070000081118{number:06}")
}

pub(crate) fn channel(number: u32) -> String {
    format!("37070000081318{number:06}")
}

/// REGISTER (GB/T 28181 §9.1), with the answer to `nonce` once there is one.
pub(crate) fn register(line: Line, nonce: Option<&str>) -> Vec<u8> {
    let id = device(line.device);
    let authorization = nonce.map(|nonce| authorization(&id, nonce, line.cseq)).unwrap_or_default();
    let more = format!(
        "Contact: <sip:{id}@{}>\r\nMax-Forwards: 70\r\nUser-Agent: IP Camera\r\nExpires: 3600\r\n{authorization}",
        line.from
    );
    request("REGISTER", line, &id, &more, "")
}

/// A keepalive (GB/T 28181 §9.6).
pub(crate) fn keepalive(line: Line) -> Vec<u8> {
    let id = device(line.device);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n\
         <SN>{}</SN>\r\n<DeviceID>{id}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n",
        line.cseq
    );
    message(line, &id, &body)
}

/// Part of a catalog (GB/T 28181 §9.5): channels `from` to `to` of `sum`.
pub(crate) fn catalog(line: Line, sn: &str, (from, to, sum): (u32, u32, u32)) -> Vec<u8> {
    let id = device(line.device);
    let mut items = String::new();
    for number in from..to {
        items += &format!(
            "<Item>\r\n<DeviceID>{}</DeviceID>\r\n<Name>Gate {number}</Name>\r\n<Manufacturer>Maker</Manufacturer>\r\n\
             <Model>M-1</Model>\r\n<Owner>Owner</Owner>\r\n<CivilCode>370700</CivilCode>\r\n<Address>Road</Address>\r\n\
             <Parental>0</Parental>\r\n<ParentID>{id}</ParentID>\r\n<SafetyWay>0</SafetyWay>\r\n\
             <RegisterWay>1</RegisterWay>\r\n<Secrecy>0</Secrecy>\r\n<Status>ON</Status>\r\n</Item>\r\n",
            channel(number)
        );
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>\r\n<SN>{sn}</SN>\r\n\
         <DeviceID>{id}</DeviceID>\r\n<SumNum>{sum}</SumNum>\r\n<DeviceList Num=\"{}\">\r\n{items}</DeviceList>\r\n\
         </Response>\r\n",
        to - from
    );
    message(line, &id, &body)
}

/// What a datagram is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// An answer to what went out under `branch`; the nonce of a challenge.
    Answer { status: u16, branch: u64, nonce: Option<&'a str> },
    /// The gateway asks.
    Asked(&'a str),
    /// Our own words, from the echo.
    Echo { branch: u64 },
    /// Anything else.
    Nothing,
}

/// Reads a datagram as far as a device must.
pub(crate) fn hear(datagram: &[u8]) -> Heard<'_> {
    let Ok(text) = str::from_utf8(datagram) else { return Heard::Nothing };
    let branch = || after(text, COOKIE).and_then(|text| u64::from_str_radix(text.get(..16)?, 16).ok());
    if let Some(answer) = text.strip_prefix("SIP/2.0 ") {
        let status = answer.get(..3).and_then(|status| status.parse().ok());
        let (Some(status), Some(branch)) = (status, branch()) else { return Heard::Nothing };
        let nonce = (status == 401).then(|| after(text, "nonce=\"")?.split('"').next()).flatten();
        return Heard::Answer { status, branch, nonce };
    }
    match branch() {
        Some(branch) => Heard::Echo { branch },
        None => Heard::Asked(text),
    }
}

/// The answer 200 to a request of the gateway's, from where it came to; none to an ACK.
pub(crate) fn accept(request: &str, at: SocketAddr) -> Option<Vec<u8>> {
    if request.starts_with("ACK ") {
        return None;
    }
    let invite = request.starts_with("INVITE ");
    let mut answer = b"SIP/2.0 200 OK\r\n".to_vec();
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name) {
            let tag = if name == "To" && !line.contains(";tag=") { ";tag=bench" } else { "" };
            write!(answer, "{line}{tag}\r\n").expect("a Vec takes everything");
        }
    }
    let body = if invite { answer_to(request, at) } else { String::new() };
    if invite {
        write!(answer, "Contact: <sip:bench@{at}>\r\nContent-Type: application/sdp\r\n")
            .expect("a Vec takes everything");
    }
    write!(answer, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("a Vec takes everything");
    Some(answer)
}

/// The CmdType and SN of a query.
pub(crate) fn query(request: &str) -> Option<(&str, &str)> {
    let element = |name: &str| after(request, name)?.split('<').next();
    Some((element("<CmdType>")?, element("<SN>")?))
}

/// What every branch of ours begins with.
const COOKIE: &str = "branch=z9hG4bKbench";

fn message(line: Line, id: &str, body: &str) -> Vec<u8> {
    request("MESSAGE", line, id, "Max-Forwards: 70\r\nContent-Type: Application/MANSCDP+xml\r\n", body)
}

fn request(method: &str, line: Line, id: &str, more: &str, body: &str) -> Vec<u8> {
    let Line { from, cseq, branch, .. } = line;
    let mut bytes = Vec::with_capacity(640 + body.len());
    write!(
        bytes,
        "{method} sip:{PLATFORM}@{REGION} SIP/2.0\r\nVia: SIP/2.0/UDP {from};rport;{COOKIE}{branch:016x}\r\n\
         From: <sip:{id}@{REGION}>;tag={cseq}\r\nTo: <sip:{id}@{REGION}>\r\nCall-ID: {id}{cseq:08x}@{}\r\n\
         CSeq: {cseq} {method}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        from.ip(),
        body.len()
    )
    .expect("a Vec takes everything");
    bytes
}

/// Digest with `qop=auth` (RFC 7616 §3.4), computed anew each time.
fn authorization(id: &str, nonce: &str, cseq: u32) -> String {
    let uri = format!("sip:{PLATFORM}@{REGION}");
    let ha1 = hex::encode(Md5::digest(format!("{id}:{REGION}:{PASSWORD}")));
    let ha2 = hex::encode(Md5::digest(format!("REGISTER:{uri}")));
    let response = hex::encode(Md5::digest(format!("{ha1}:{nonce}:00000001:{cseq:08x}:auth:{ha2}")));
    format!(
        "Authorization: Digest username=\"{id}\", realm=\"{REGION}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, cnonce=\"{cseq:08x}\", qop=auth, nc=00000001\r\n"
    )
}

/// The answer to an offer: the same SSRC, from the device's own address.
fn answer_to(offer: &str, at: SocketAddr) -> String {
    let ssrc = after(offer, "\ny=").and_then(|text| text.split(['\r', '\n']).next()).unwrap_or_default();
    format!(
        "v=0\r\no=bench 0 0 IN IP4 {0}\r\ns=Play\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=video {1} RTP/AVP 96\r\na=sendonly\r\n\
         a=rtpmap:96 PS/90000\r\ny={ssrc}\r\n",
        at.ip(),
        at.port()
    )
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

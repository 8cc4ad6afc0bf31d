//! What the platform asks of devices and has them do (GB/T 28181-2016 annex A.2.3 and A.2.4).

use std::fmt::{self, Write};

use jiff::civil::DateTime;

use super::{CmdType, Root};
use crate::gb28181::{Charset, DeviceId, ptz, time};

/// A query or command for a device or channel.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// The channels.
    Catalog,
    /// The settings, of one or more kinds.
    ConfigDownload(Vec<ConfigType>),
    /// What the device is.
    DeviceInfo,
    /// How the device is.
    DeviceStatus,
    /// The positions that a camera remembers.
    PresetQuery,
    /// Moves a camera, its lens, or has it use a preset.
    Ptz(ptz::Frame),
    /// The recordings.
    RecordInfo(RecordQuery),
}

impl Request {
    /// What the request is about.
    pub fn cmd_type(&self) -> CmdType {
        match self {
            Self::Catalog => CmdType::Catalog,
            Self::ConfigDownload(_) => CmdType::ConfigDownload,
            Self::DeviceInfo => CmdType::DeviceInfo,
            Self::DeviceStatus => CmdType::DeviceStatus,
            Self::PresetQuery => CmdType::PresetQuery,
            Self::Ptz(_) => CmdType::DeviceControl,
            Self::RecordInfo(_) => CmdType::RecordInfo,
        }
    }

    /// The body as bytes in `charset`.
    pub fn encode(&self, sn: u32, device: &DeviceId, charset: Charset) -> Vec<u8> {
        charset.encode(&self.text(sn, device, charset))
    }

    /// The body as text, as a vendor's policy sees it; `charset` stands in its prolog. Lines end in CRLF.
    pub fn text(&self, sn: u32, device: &DeviceId, charset: Charset) -> String {
        let root = match self {
            Self::Ptz(_) => Root::Control.as_str(),
            _ => Root::Query.as_str(),
        };
        let mut xml = format!("<?xml version=\"1.0\" encoding=\"{}\"?>\r\n<{root}>\r\n", charset.label());
        line(&mut xml, "CmdType", &self.cmd_type());
        line(&mut xml, "SN", &sn);
        line(&mut xml, "DeviceID", device);
        self.elements(&mut xml);
        xml + &format!("</{root}>\r\n")
    }

    fn elements(&self, xml: &mut String) {
        match self {
            Self::Catalog | Self::DeviceInfo | Self::DeviceStatus | Self::PresetQuery => {}
            Self::ConfigDownload(types) => {
                let types: Vec<_> = types.iter().map(|kind| kind.as_str()).collect();
                line(xml, "ConfigType", &types.join("/"));
            }
            Self::Ptz(frame) => line(xml, "PTZCmd", frame),
            Self::RecordInfo(query) => query.elements(xml),
        }
    }
}

/// Which recordings to list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordQuery {
    /// From when, in the device's local time.
    pub start: DateTime,
    /// Until when, in the device's local time.
    pub end: DateTime,
    /// `time`, `alarm`, `manual` or `all`; empty leaves it out. A Dahua NVR answers only if it is there.
    pub kind: String,
}

impl RecordQuery {
    fn elements(&self, xml: &mut String) {
        line(xml, "StartTime", &time::format(self.start));
        line(xml, "EndTime", &time::format(self.end));
        line(xml, "Secrecy", &0);
        if !self.kind.is_empty() {
            line(xml, "Type", &self.kind);
        }
    }
}

/// A kind of setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum ConfigType {
    BasicParam,
    SvacDecodeConfig,
    SvacEncodeConfig,
    VideoParamOpt,
}

impl ConfigType {
    /// The name as the standard spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BasicParam => "BasicParam",
            Self::SvacDecodeConfig => "SVACDecodeConfig",
            Self::SvacEncodeConfig => "SVACEncodeConfig",
            Self::VideoParamOpt => "VideoParamOpt",
        }
    }
}

/// Writes one element on a line, its text escaped.
fn line(xml: &mut String, name: &str, value: &dyn fmt::Display) {
    let value = value.to_string();
    let value = quick_xml::escape::escape(value.as_str());
    // Writing to a String cannot fail.
    let _ = write!(xml, "<{name}>{value}</{name}>\r\n");
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;
    use crate::gb28181::manscdp::{Body, Fields, parse};

    fn channel() -> DeviceId {
        DeviceId::parse("34020000001310000001").unwrap()
    }

    fn record_query(kind: &str) -> Request {
        let (start, end) = (datetime(2022, 5, 3, 0, 0, 0, 0), datetime(2022, 5, 3, 23, 59, 59, 0));
        Request::RecordInfo(RecordQuery { start, end, kind: kind.into() })
    }

    #[test]
    fn writes_queries() {
        let catalog = "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n\
                       <SN>17</SN>\r\n<DeviceID>34020000001310000001</DeviceID>\r\n</Query>\r\n";
        assert_eq!(Request::Catalog.encode(17, &channel(), Charset::default()), catalog.as_bytes());
        let records = "<?xml version=\"1.0\" encoding=\"GB18030\"?>\r\n<Query>\r\n<CmdType>RecordInfo</CmdType>\r\n\
                       <SN>18</SN>\r\n<DeviceID>34020000001310000001</DeviceID>\r\n\
                       <StartTime>2022-05-03T00:00:00</StartTime>\r\n<EndTime>2022-05-03T23:59:59</EndTime>\r\n\
                       <Secrecy>0</Secrecy>\r\n<Type>all</Type>\r\n</Query>\r\n";
        assert_eq!(record_query("all").encode(18, &channel(), Charset::Gb18030), records.as_bytes());
    }

    #[test]
    fn writes_commands() {
        let stop = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<Control>\r\n<CmdType>DeviceControl</CmdType>\r\n\
                    <SN>19</SN>\r\n<DeviceID>34020000001310000001</DeviceID>\r\n\
                    <PTZCmd>A50F0100000000B5</PTZCmd>\r\n</Control>\r\n";
        assert_eq!(Request::Ptz(ptz::Frame::stop()).encode(19, &channel(), Charset::Utf8), stop.as_bytes());
    }

    #[test]
    fn escapes_text_and_writes_it_in_the_charset() {
        let id = DeviceId::parse("门<&\">1").unwrap();
        let bytes = Request::Catalog.encode(1, &id, Charset::Gb2312);
        let escaped: &[u8] = b"<DeviceID>\xC3\xC5&lt;&amp;&quot;&gt;1</DeviceID>";
        assert!(bytes.windows(escaped.len()).any(|window| window == escaped));
        assert_eq!(parse(&bytes).unwrap().device_id, id);
    }

    #[test]
    fn every_request_is_read_as_it_was_meant() {
        let settings = Request::ConfigDownload(vec![ConfigType::BasicParam, ConfigType::VideoParamOpt]);
        let ptz = Request::Ptz(ptz::Frame::preset(ptz::PresetAction::Call, 3));
        for (request, root, own) in [
            (Request::Catalog, Root::Query, vec![]),
            (Request::DeviceInfo, Root::Query, vec![]),
            (Request::DeviceStatus, Root::Query, vec![]),
            (Request::PresetQuery, Root::Query, vec![]),
            (settings, Root::Query, vec![("ConfigType", "BasicParam/VideoParamOpt")]),
            (ptz, Root::Control, vec![("PTZCmd", "A50F01820003003A")]),
            (
                record_query("<time>"),
                Root::Query,
                vec![
                    ("StartTime", "2022-05-03T00:00:00"),
                    ("EndTime", "2022-05-03T23:59:59"),
                    ("Secrecy", "0"),
                    ("Type", "<time>"),
                ],
            ),
        ] {
            let document = parse(&request.encode(u32::MAX, &channel(), Charset::Gb18030)).unwrap();
            let cmd_type = request.cmd_type();
            let sn = u32::MAX.to_string();
            let head = [("CmdType", cmd_type.as_str()), ("SN", &sn), ("DeviceID", channel().as_str())]
                .map(|(name, text)| (name.to_owned(), text.to_owned()));
            let own = own.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
            let body = Body::Other(Fields(head.into_iter().chain(own).collect()));
            assert_eq!((document.root, document.sn), (root, Some(u32::MAX)));
            assert_eq!((&document.cmd_type, document.body), (&cmd_type, body));
        }
    }
}

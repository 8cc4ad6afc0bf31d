//! What the platform asks of devices and has them do (GB/T 28181 annex A.2.3 and A.2.4).

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
    /// `time`, `alarm`, `manual` or `all`. A Dahua NVR answers only if it is there.
    pub kind: String,
}

impl RecordQuery {
    fn elements(&self, xml: &mut String) {
        line(xml, "StartTime", &time::format(self.start));
        line(xml, "EndTime", &time::format(self.end));
        line(xml, "Secrecy", &0);
        line(xml, "Type", &self.kind);
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

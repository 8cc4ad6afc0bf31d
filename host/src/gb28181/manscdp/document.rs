//! A whole document: its root, its head, and the body that the CmdType says.

use std::{borrow::Cow, fmt};

use super::{
    Alarm, Broadcast, Catalog, Config, DeviceInfo, DeviceStatus, Error, Fields, Keepalive, MediaStatus,
    MobilePosition, Presets, RecordInfo, mend::mend, reader::Trees, tree::Element,
};
use crate::gb28181::{DeviceId, charset};

/// The largest body read, in bytes of text. A datagram has 64 KiB; over TCP, catalogs of thousands of items come.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A MANSCDP document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is for.
    pub root: Root,
    /// What it is about.
    pub cmd_type: CmdType,
    /// The number that an answer shares with its question; none where it is missing or no number of 32 bits.
    pub sn: Option<u32>,
    /// Whom it is about: a device, or one of its channels. In a Broadcast, the target.
    pub device_id: DeviceId,
    /// What it says.
    pub body: Body,
}

impl Document {
    fn of(root: &Element<'_>) -> Result<Self, Error> {
        let kind = Root::parse(root.name)?;
        let cmd_type = head(root, "CmdType").map(CmdType::parse).ok_or(Error::Missing("CmdType"))?;
        let id = head(root, "DeviceID").or_else(|| head(root, "TargetID"));
        let id = id.ok_or(Error::Missing("DeviceID"))?;
        let device_id = DeviceId::parse(id).map_err(|_| Error::field("DeviceID", id))?;
        let sn = head(root, "SN").and_then(|sn| sn.parse().ok());
        let body = Body::of(kind, &cmd_type, &device_id, root)?;
        Ok(Self { root: kind, cmd_type, sn, device_id, body })
    }
}

/// Reads the first document of a body.
pub fn parse(bytes: &[u8]) -> Result<Document, Error> {
    let text = repair(bytes)?;
    let root = Trees::new(&text).next()?.ok_or(Error::NotXml)?;
    Document::of(&root)
}

/// Reads every document of a body; a Dahua recorder sent two keepalives as one
/// (`data/manscdp/07-dahua-Keepalive-two-documents.xml`).
///
/// Errors: that of the first document if it has one. A later document that cannot be read is left out.
pub fn parse_all(bytes: &[u8]) -> Result<Vec<Document>, Error> {
    let text = repair(bytes)?;
    let mut trees = Trees::new(&text);
    let mut documents = vec![Document::of(&trees.next()?.ok_or(Error::NotXml)?)?];
    while let Some(root) = trees.next()? {
        documents.extend(Document::of(&root));
    }
    Ok(documents)
}

/// The text of a body, as it is read: its characters decoded by their content, and broken markup mended so that
/// every `<` and `&` in it is one. What is sound stays as it is.
///
/// Errors: the body is too large, or declares a document type.
pub fn repair(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    match charset::decode(bytes) {
        Cow::Borrowed(text) => mend(text),
        Cow::Owned(text) => match mend(&text)? {
            Cow::Owned(mended) => Ok(Cow::Owned(mended)),
            Cow::Borrowed(_) => Ok(Cow::Owned(text)),
        },
    }
}

/// The CmdType of a body that nobody has parsed yet, by which a vendor's repair is chosen. It may be wrong
/// about broken bodies.
pub fn cmd_type(bytes: &[u8]) -> Option<CmdType> {
    peek(bytes, b"CmdType").map(|name| CmdType::parse(&name))
}

/// The first DeviceID of a body that nobody has parsed yet. It may be wrong about broken bodies.
pub fn device_id(bytes: &[u8]) -> Option<DeviceId> {
    DeviceId::parse(&peek(bytes, b"DeviceID")?).ok()
}

/// The word that follows the first `name`, as element or attribute.
fn peek(bytes: &[u8], name: &[u8]) -> Option<String> {
    let at = bytes.windows(name.len()).position(|window| window == name)?;
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'=' | b'"' | b'\'');
    let value = bytes[at + name.len()..].iter().copied().skip_while(is_between).take_while(is_word);
    let word: String = value.map(char::from).collect();
    (!word.is_empty()).then_some(word)
}

/// What a document is for; its root element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Root {
    /// Asks.
    Query,
    /// Commands.
    Control,
    /// Tells unasked.
    Notify,
    /// Answers.
    Response,
}

impl Root {
    fn parse(name: &str) -> Result<Self, Error> {
        let roots = [Self::Query, Self::Control, Self::Notify, Self::Response];
        let root = roots.into_iter().find(|root| root.as_str().eq_ignore_ascii_case(name));
        root.ok_or_else(|| Error::Root(name.chars().take(64).collect()))
    }

    /// The element's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Control => "Control",
            Self::Notify => "Notify",
            Self::Response => "Response",
        }
    }
}

/// What a document is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum CmdType {
    Alarm,
    Broadcast,
    Catalog,
    ConfigDownload,
    DeviceConfig,
    DeviceControl,
    DeviceInfo,
    DeviceStatus,
    Keepalive,
    MediaStatus,
    MobilePosition,
    PresetQuery,
    RecordInfo,
    /// One that this gateway has no type for.
    Other(String),
}

impl CmdType {
    const KNOWN: [Self; 13] = [
        Self::Alarm,
        Self::Broadcast,
        Self::Catalog,
        Self::ConfigDownload,
        Self::DeviceConfig,
        Self::DeviceControl,
        Self::DeviceInfo,
        Self::DeviceStatus,
        Self::Keepalive,
        Self::MediaStatus,
        Self::MobilePosition,
        Self::PresetQuery,
        Self::RecordInfo,
    ];

    /// Reads a CmdType of any case.
    pub fn parse(name: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name));
        known.unwrap_or_else(|| Self::Other(name.chars().take(64).collect()))
    }

    /// The name as the standard spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Alarm => "Alarm",
            Self::Broadcast => "Broadcast",
            Self::Catalog => "Catalog",
            Self::ConfigDownload => "ConfigDownload",
            Self::DeviceConfig => "DeviceConfig",
            Self::DeviceControl => "DeviceControl",
            Self::DeviceInfo => "DeviceInfo",
            Self::DeviceStatus => "DeviceStatus",
            Self::Keepalive => "Keepalive",
            Self::MediaStatus => "MediaStatus",
            Self::MobilePosition => "MobilePosition",
            Self::PresetQuery => "PresetQuery",
            Self::RecordInfo => "RecordInfo",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for CmdType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a document says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// An alarm went off.
    Alarm(Alarm),
    /// Voice is to be broadcast.
    Broadcast(Broadcast),
    /// Channels: a part of an answer, or changes.
    Catalog(Catalog),
    /// The answer to ConfigDownload.
    Config(Config),
    /// The answer to DeviceInfo.
    DeviceInfo(DeviceInfo),
    /// The answer to DeviceStatus.
    DeviceStatus(DeviceStatus),
    /// A device is there.
    Keepalive(Keepalive),
    /// A recorded stream ended.
    MediaStatus(MediaStatus),
    /// Where devices are.
    MobilePosition(MobilePosition),
    /// An answer that only says whether it worked: of Alarm, Broadcast, DeviceConfig, DeviceControl, and of
    /// subscriptions.
    Outcome(Outcome),
    /// The answer to PresetQuery.
    Presets(Presets),
    /// A part of the answer to RecordInfo.
    RecordInfo(RecordInfo),
    /// Queries, controls, and what there is no type for.
    Other(Fields),
}

impl Body {
    fn of(root: Root, cmd_type: &CmdType, device: &DeviceId, element: &Element<'_>) -> Result<Self, Error> {
        use CmdType as Cmd;
        Ok(match (root, cmd_type) {
            (Root::Notify, Cmd::Alarm) => Self::Alarm(Alarm::of(element)),
            (Root::Notify, Cmd::Broadcast) => Self::Broadcast(Broadcast::of(element)?),
            (Root::Notify, Cmd::Keepalive) => Self::Keepalive(Keepalive::of(element)),
            (Root::Notify, Cmd::MediaStatus) => Self::MediaStatus(MediaStatus::of(element)?),
            (Root::Notify, Cmd::MobilePosition) => Self::MobilePosition(MobilePosition::of(element, device)),
            (Root::Notify | Root::Response, Cmd::Catalog) => Self::catalog(element),
            (Root::Response, Cmd::ConfigDownload) => Self::Config(Config::of(element)),
            (Root::Response, Cmd::DeviceInfo) => Self::DeviceInfo(DeviceInfo::of(element)),
            (Root::Response, Cmd::DeviceStatus) => Self::DeviceStatus(DeviceStatus::of(element)),
            (Root::Response, Cmd::PresetQuery) => Self::Presets(Presets::of(element)),
            (Root::Response, Cmd::RecordInfo) => Self::RecordInfo(RecordInfo::of(element, device)),
            (
                Root::Response,
                Cmd::Alarm | Cmd::Broadcast | Cmd::DeviceConfig | Cmd::DeviceControl | Cmd::MobilePosition,
            ) => Self::Outcome(Outcome::of(element)),
            _ => Self::Other(Fields::of(element)),
        })
    }

    /// The answer to a catalog subscription has the CmdType of the catalog itself, but only a Result.
    fn catalog(element: &Element<'_>) -> Self {
        let catalog = Catalog::of(element);
        if catalog.items.is_empty() && catalog.sum_num.is_none() && element.text("Result").is_some() {
            return Self::Outcome(Outcome::of(element));
        }
        Self::Catalog(catalog)
    }
}

/// Whether something worked: Result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It did.
    Ok,
    /// It did not.
    Error,
}

impl Outcome {
    /// Reads Result. Missing counts as OK: the device answered.
    pub(super) fn of(element: &Element<'_>) -> Self {
        match element.text("Result") {
            Some(text) if !text.eq_ignore_ascii_case("OK") => Self::Error,
            _ => Self::Ok,
        }
    }
}

/// A value of the head: an element, or an attribute of the root (MiBeeNvr; crate gb28181-rs).
fn head<'e>(root: &'e Element<'_>, name: &str) -> Option<&'e str> {
    root.text(name).or_else(|| root.attribute(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: &str = "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>34</DeviceID></Notify>";

    fn keepalive(sn: Option<u32>) -> Document {
        Document {
            root: Root::Notify,
            cmd_type: CmdType::Keepalive,
            sn,
            device_id: DeviceId::parse("34").unwrap(),
            body: Body::Keepalive(Keepalive { status: "OK".into(), faulty: vec![] }),
        }
    }

    #[test]
    fn reads_the_head_wherever_it_stands() {
        for body in [
            KEEPALIVE,
            "<notify cmdtype=' keepalive ' SN='1'><DEVICEID> 34 </DEVICEID></notify>",
            "<Notify CmdType=\"Catalog\"><SN/><SN>1</SN><DeviceID>34</DeviceID><CmdType>Keepalive</CmdType></Notify>",
        ] {
            assert_eq!(parse(body.as_bytes()), Ok(keepalive(Some(1))), "{body}");
        }
        for sn in ["", "x", "-1", "4294967296"] {
            assert_eq!(parse(KEEPALIVE.replace('1', sn).as_bytes()), Ok(keepalive(None)), "{sn}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_body() {
        for (body, error) in [
            ("", Error::NotXml),
            ("\0\0 Catalog", Error::NotXml),
            ("<Notice/>", Error::Root("Notice".into())),
            ("<Notify/>", Error::Missing("CmdType")),
            ("<Notify><CmdType>Keepalive</CmdType></Notify>", Error::Missing("DeviceID")),
            (&KEEPALIVE.replace("34", "3 4"), Error::Field { field: "DeviceID", value: "3 4".into() }),
            (&KEEPALIVE.replace("Keepalive", "MediaStatus"), Error::Missing("NotifyType")),
            (&format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{KEEPALIVE}"), Error::Doctype),
            (&"x".repeat(MAX_BYTES + 1), Error::TooLarge),
        ] {
            assert_eq!(parse(body.as_bytes()), Err(error.clone()));
            assert_eq!(parse_all(body.as_bytes()), Err(error));
        }
    }

    #[test]
    fn a_bad_document_does_not_cost_the_one_before() {
        let bodies = format!("{KEEPALIVE}<Notice/>{}", KEEPALIVE.replace('1', "2"));
        assert_eq!(parse(bodies.as_bytes()), Ok(keepalive(Some(1))));
        assert_eq!(parse_all(bodies.as_bytes()), Ok(vec![keepalive(Some(1)), keepalive(Some(2))]));
    }

    #[test]
    fn names_the_cmd_type_without_parsing() {
        for body in [
            KEEPALIVE,
            "<Notify CmdType = 'Keepalive' SN='1'/>",
            "\0<CmdType>\r\nKeepalive",
            "CmdType=Keepalive",
        ] {
            assert_eq!(cmd_type(body.as_bytes()), Some(CmdType::Keepalive), "{body}");
        }
        assert_eq!(cmd_type(b"<CmdType>PTZPosition<"), Some(CmdType::Other("PTZPosition".into())));
        assert_eq!(cmd_type(b"<CmdType></CmdType>"), None);
        assert_eq!(cmd_type(b"<Notify/>"), None);
    }

    #[test]
    fn tells_a_subscription_answer_from_a_catalog() {
        let answer = |body: &str| {
            let head = "<Response><CmdType>Catalog</CmdType><DeviceID>34</DeviceID>";
            parse(format!("{head}{body}</Response>").as_bytes()).unwrap().body
        };
        assert_eq!(answer("<Result>OK</Result>"), Body::Outcome(Outcome::Ok));
        assert_eq!(answer("<Result>Error</Result>"), Body::Outcome(Outcome::Error));
        let empty = Catalog { sum_num: Some(0), num: None, items: vec![], skipped: 0 };
        assert_eq!(answer("<Result>OK</Result><SumNum>0</SumNum>"), Body::Catalog(empty));
    }
}

//! Catalog: the channels of a device (GB/T 28181-2016 §9.5), and what became of them (§9.11).

use super::{Error, Fields, tree::Element};
use crate::gb28181::DeviceId;

/// A part of a catalog. There is no mark on the last part: a catalog is complete when as many items came as
/// it has, and devices are wrong about that number (`data/manscdp/09-dahua-…`, `data/gb28181/057-td-tech-…`).
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// SumNum: how many items all parts together have, as the device says.
    pub sum_num: Option<u32>,
    /// Num: how many items this part has, as the device says.
    pub num: Option<u32>,
    /// The items, repeated ones too.
    pub items: Vec<Item>,
    /// How many items were damaged or had no DeviceID.
    pub skipped: usize,
}

impl Catalog {
    pub(super) fn of(element: &Element<'_>) -> Self {
        let elements = element.descendants("Item");
        let items = elements.iter().filter(|item| !item.cut);
        let items: Vec<_> = items.filter_map(|item| Item::from_fields(Fields::of(item)).ok()).collect();
        let list = element.child("DeviceList");
        Self {
            sum_num: element.number("SumNum"),
            num: list.and_then(|list| list.attribute("Num")?.parse().ok()),
            skipped: elements.len() - items.len(),
            items,
        }
    }
}

/// A channel, an alarm input, or a division that groups them.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its id; of 2 to 8 digits if it is a division.
    pub device_id: DeviceId,
    /// Its name.
    pub name: Option<String>,
    /// The maker.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Whose it is; some makers put the firmware here (Uniview).
    pub owner: Option<String>,
    /// The division it stands in, 2 to 8 digits (GB/T 2260). Other text there is none: the word `CivilCode`
    /// (Uniview), the platform's domain, a whole id.
    pub civil_code: Option<String>,
    /// The police area.
    pub block: Option<String>,
    /// Where it is installed.
    pub address: Option<String>,
    /// Whether it has children: 0 or 1. Hikvision's 65535 is 1.
    pub parental: Option<u8>,
    /// Its parent: the last of a path (`a/b/c`), none if it names itself.
    pub parent_id: Option<DeviceId>,
    /// The signalling's protection: 0 none, 2 S/MIME, 3 S/MIME with encryption, 4 digest.
    pub safety_way: Option<u32>,
    /// How it registers: 1 by RFC 3261, 2 with passwords both ways, 3 with certificates.
    pub register_way: Option<u32>,
    /// 0 open, 1 secret.
    pub secrecy: Option<u32>,
    /// IPAddress; Dahua recorders put an RTSP URL here.
    pub ip_address: Option<String>,
    /// The port belonging to it.
    pub port: Option<u16>,
    /// Whether it is on; none if the item does not say.
    pub status: Option<Status>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// 1 dome, 2 half dome, 3 fixed, 4 fixed with remote control; the 2022 edition has more. In `Info`, or
    /// beside it (2011 edition).
    pub ptz_type: Option<u8>,
    /// What happened, in notifications. None there means [`Event::Add`].
    pub event: Option<Event>,
    /// Everything that the item said, for what only its maker understands.
    pub fields: Fields,
}

impl Item {
    /// Makes an item of names and texts, as a vendor's policy hands them back.
    ///
    /// Errors: DeviceID is missing or no id. Other fields that cannot be read are none.
    pub fn from_fields(fields: Fields) -> Result<Self, Error> {
        let id = fields.text("DeviceID").ok_or(Error::Missing("DeviceID"))?;
        let device_id = DeviceId::parse(id).map_err(|_| Error::field("DeviceID", id))?;
        let parent =
            fields.text("ParentID").and_then(|path| path.rsplit('/').find(|id| !id.trim().is_empty()));
        Ok(Self {
            name: fields.string("Name"),
            manufacturer: fields.string("Manufacturer"),
            model: fields.string("Model"),
            owner: fields.string("Owner"),
            civil_code: fields.string("CivilCode").filter(|code| is_civil_code(code)),
            block: fields.string("Block"),
            address: fields.string("Address"),
            parental: fields.number("Parental").map(|parental: u32| u8::from(parental != 0)),
            parent_id: parent.and_then(|id| DeviceId::parse(id).ok()).filter(|id| *id != device_id),
            safety_way: fields.number("SafetyWay"),
            register_way: fields.number("RegisterWay"),
            secrecy: fields.number("Secrecy"),
            ip_address: fields.string("IPAddress"),
            port: fields.number("Port"),
            status: fields.text("Status").and_then(Status::parse),
            longitude: fields.degrees("Longitude", 180.0),
            latitude: fields.degrees("Latitude", 90.0),
            ptz_type: fields.number("Info/PTZType").or_else(|| fields.number("PTZType")),
            event: fields.text("Event").and_then(Event::parse),
            device_id,
            fields,
        })
    }
}

fn is_civil_code(code: &str) -> bool {
    (2..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// On or off, of a channel or one of its functions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// It works.
    On,
    /// It does not.
    Off,
}

impl Status {
    /// Reads what devices say: `ON`, `On`, `OK`, `ONLINE` (Hikvision DS-7716N-E4), `OFF`, `Off`, `OFFLINE`,
    /// and the events for a channel that has no picture. None for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        let is = |words: &[&str]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
        if is(&["ON", "OK", "ONLINE"]) {
            return Some(Self::On);
        }
        is(&["OFF", "OFFLINE", "VLOST", "DEFECT", "ERROR"]).then_some(Self::Off)
    }

    /// `ON` or `OFF`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
        }
    }
}

/// What happened to a channel (GB/T 28181-2016 annex A.2.5, notification of the catalog).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// It came back.
    On,
    /// It went away.
    Off,
    /// Its video was lost.
    Vlost,
    /// It is faulty.
    Defect,
    /// It is new.
    Add,
    /// It is gone for good.
    Del,
    /// What is said of it changed.
    Update,
}

impl Event {
    /// Reads an event of any case; none for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_uppercase().as_str() {
            "ON" => Self::On,
            "OFF" => Self::Off,
            "VLOST" => Self::Vlost,
            "DEFECT" => Self::Defect,
            "ADD" => Self::Add,
            "DEL" => Self::Del,
            "UPDATE" => Self::Update,
            _ => return None,
        })
    }

    /// The status that a channel has after it; none if it says nothing of it.
    pub fn status(self) -> Option<Status> {
        match self {
            Self::On => Some(Status::On),
            Self::Off | Self::Vlost | Self::Defect => Some(Status::Off),
            Self::Add | Self::Del | Self::Update => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb28181::manscdp::{Body, parse};

    fn catalog(body: &[u8]) -> Catalog {
        match parse(body).unwrap().body {
            Body::Catalog(catalog) => catalog,
            other => panic!("{other:?}"),
        }
    }

    fn of_items(items: &str) -> Catalog {
        let head = "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>1</DeviceID><SumNum>3</SumNum>";
        catalog(format!("{head}<DeviceList Num=\" 3 \">{items}</DeviceList></Response>").as_bytes())
    }

    fn ids(catalog: &Catalog) -> Vec<&str> {
        catalog.items.iter().map(|item| item.device_id.as_str()).collect()
    }

    #[test]
    fn reads_every_field() {
        let file = include_bytes!("../../../../tests/data/manscdp/04-dahua-Catalog-response-part-4of4.xml");
        let fields = [
            ("DeviceID", "34020000001310000004"),
            ("Name", "1.64 海康摄像机"),
            ("Manufacturer", "General"),
            ("Model", "DS-2CD2725EFD-IS"),
            ("Owner", "0"),
            ("CivilCode", "340200"),
            ("Address", "axy"),
            ("Parental", "0"),
            ("ParentID", "34020000001180000001"),
            ("RegisterWay", "1"),
            ("Secrecy", "0"),
            ("StreamNum", "2"),
            ("IPAddress", "192.168.1.64"),
            ("Port", "80"),
            ("Status", "ON"),
            ("Info/PTZType", "3"),
            ("Info/DownloadSpeed", "1/2/4/8"),
        ];
        let fields = Fields(fields.map(|(name, text)| (name.into(), text.into())).into());
        let item = Item {
            device_id: DeviceId::parse("34020000001310000004").unwrap(),
            name: Some("1.64 海康摄像机".into()),
            manufacturer: Some("General".into()),
            model: Some("DS-2CD2725EFD-IS".into()),
            owner: Some("0".into()),
            civil_code: Some("340200".into()),
            block: None,
            address: Some("axy".into()),
            parental: Some(0),
            parent_id: DeviceId::parse("34020000001180000001").ok(),
            safety_way: None,
            register_way: Some(1),
            secrecy: Some(0),
            ip_address: Some("192.168.1.64".into()),
            port: Some(80),
            status: Some(Status::On),
            longitude: None,
            latitude: None,
            ptz_type: Some(3),
            event: None,
            fields: fields.clone(),
        };
        assert_eq!(Item::from_fields(fields), Ok(item.clone()));
        assert_eq!(catalog(file), Catalog { sum_num: Some(4), num: Some(1), items: vec![item], skipped: 0 });
    }

    #[test]
    fn a_bad_item_costs_only_itself() {
        for (story, items, good, skipped) in [
            ("no id", "<Item><Name>a</Name></Item><Item><DeviceID>2</DeviceID></Item>", &["2"][..], 1),
            (
                "a bad id",
                "<Item><DeviceID>1 2</DeviceID></Item><Item><DeviceID>2</DeviceID></Item>",
                &["2"],
                1,
            ),
            ("a lost end", "<Item><DeviceID>1</DeviceID><Item><DeviceID>2</DeviceID></Item>", &["1", "2"], 0),
            (
                "a doubled end (wvp #1320)",
                "<Item><DeviceID>1</DeviceID></Item>\n</Item><Item><DeviceID>2</DeviceID></Item>",
                &["1", "2"],
                0,
            ),
            (
                "junk in Address (Hikvision, wvp #903)",
                "<Item><DeviceID>1</DeviceID><Address>??<KP?<K?'@?'@?f/@P?<KL?</Address></Item>\
                 <Item><DeviceID>2</DeviceID></Item>",
                &["1", "2"],
                0,
            ),
            (
                "two mangled bytes (Hikvision, wvp #858)",
                "<Item><Devi\u{1}?ID>1</DeviceID></Item><Item><DeviceID>2</DeviceID></Item>",
                &["2"],
                1,
            ),
            (
                "a mangled item",
                "<It?m><DeviceID>1</DeviceID></Item><Item><DeviceID>2</DeviceID></Item>",
                &["2"],
                0,
            ),
        ] {
            let catalog = of_items(items);
            assert_eq!((ids(&catalog), catalog.skipped), (good.to_vec(), skipped), "{story}");
            assert_eq!((catalog.sum_num, catalog.num), (Some(3), Some(3)), "{story}");
        }
    }

    #[test]
    fn drops_an_item_that_the_end_cuts() {
        let head = "<Response CmdType=\"Catalog\" SN=\"7\" DeviceID=\"1\"><DeviceList>";
        let cut = format!("{head}<Item><DeviceID>1</DeviceID></Item><Item><DeviceID>2</DeviceID><Name>Cam");
        let catalog = catalog(cut.as_bytes());
        assert_eq!((ids(&catalog), catalog.skipped), (vec!["1"], 1));
    }

    #[test]
    fn normalises_what_makers_vary() {
        let item = |fields: &[(&str, &str)]| {
            let id = [("DeviceID".to_owned(), "34020000001310000001".to_owned())];
            let fields = fields.iter().map(|(name, text)| (name.to_string(), text.to_string()));
            Item::from_fields(Fields(id.into_iter().chain(fields).collect())).unwrap()
        };
        let parent = |path| item(&[("ParentID", path)]).parent_id.map(|id| id.to_string());
        assert_eq!(parent("340200/34020000002160000001").as_deref(), Some("34020000002160000001"));
        assert_eq!(parent("34020000002000000001/").as_deref(), Some("34020000002000000001"));
        assert_eq!(parent("34020000001310000001"), None);
        assert_eq!(parent("null"), None);
        assert_eq!(item(&[("Parental", "65535")]).parental, Some(1));
        assert_eq!(item(&[("PTZType", " 2 ")]).ptz_type, Some(2));
        assert_eq!(item(&[("PTZType", "2"), ("info/ptztype", "3")]).ptz_type, Some(3));
        let civil_code = |code| item(&[("CivilCode", code)]).civil_code;
        assert_eq!(civil_code("340200"), Some("340200".into()));
        for rubbish in ["null", "CivilCode", "3402000000", "3", ""] {
            assert_eq!(civil_code(rubbish), None, "{rubbish}");
        }
        let place = item(&[("Longitude", "171.3"), ("Latitude", "134.2")]);
        assert_eq!((place.longitude, place.latitude), (Some(171.3), None));
        assert_eq!(item(&[("Longitude", "NaN"), ("Port", "99999")]).longitude, None);
        assert_eq!(item(&[]).status, None);
    }

    /// wvp-GB28181-pro 0a70257b4 and the devices behind it.
    #[test]
    fn reads_every_word_for_on_and_off() {
        for word in ["ON", "On", "OK", "ONLINE", " on "] {
            assert_eq!(Status::parse(word), Some(Status::On), "{word}");
        }
        for word in ["OFF", "Off", "OFFLINE", "VLOST", "DEFECT"] {
            assert_eq!(Status::parse(word), Some(Status::Off), "{word}");
        }
        assert_eq!(Status::parse("sometimes"), None);
    }
}

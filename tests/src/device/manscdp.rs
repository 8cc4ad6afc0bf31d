//! MANSCDP bodies, written and searched as plain text (GB/T 28181 annex A).

use std::fmt::Write as _;

use super::config::{Channel, Charset, DeviceConfig, Recording};
use super::habits::Habits;

/// The Content-Type of a MANSCDP body.
pub(super) const CONTENT_TYPE: &str = "Application/MANSCDP+xml";

/// What a body from the platform asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The root element: `Query`, `Control`, `Notify`, `Response`.
    pub(super) root: String,
    pub(super) command: String,
    pub(super) sn: String,
    pub(super) target: String,
    /// The whole text.
    pub(super) body: String,
}

impl Asked {
    /// Reads a body in GB18030 or UTF-8. What is missing is empty.
    pub(super) fn read(body: &[u8]) -> Self {
        let text = decode(body);
        let find = |name| element(&text, name).unwrap_or_default().to_owned();
        let root = text.split('<').skip(1).find(|tag| !tag.starts_with(['?', '!'])).unwrap_or_default();
        Self {
            root: root.split([' ', '>', '/', '\r', '\n']).next().unwrap_or_default().to_owned(),
            command: find("CmdType"),
            sn: find("SN"),
            target: find("DeviceID"),
            body: text,
        }
    }

    pub(super) fn field(&self, name: &str) -> &str {
        element(&self.body, name).unwrap_or_default()
    }
}

/// The bytes of a body in the device's charset; the prolog goes before it.
pub(super) fn encode(xml: &str, charset: Charset) -> Vec<u8> {
    let (label, gb) = match charset {
        Charset::Gb18030 => (" encoding=\"GB18030\"", true),
        Charset::Gb2312 => (" encoding=\"GB2312\"", true),
        Charset::Utf8 => (" encoding=\"UTF-8\"", false),
        Charset::Utf8DeclaredTwice => ("?> encoding=\"UTF-8\"", false),
        Charset::Utf8LabelledGb2312 => (" encoding=\"GB2312\"", false),
    };
    let text = format!("<?xml version=\"1.0\"{label}?>\r\n{xml}");
    if gb { encoding_rs::GB18030.encode(&text).0.into_owned() } else { text.into_bytes() }
}

pub(super) fn keepalive(sn: u32, id: &str, status: &str) -> String {
    document("Notify", "Keepalive", &sn.to_string(), id, &element_line("Status", status))
}

/// The end of a recorded file (NotifyType 121), said of a channel.
pub(super) fn media_status(sn: u32, channel: &str) -> String {
    document("Notify", "MediaStatus", &sn.to_string(), channel, &element_line("NotifyType", "121"))
}

pub(super) fn device_info(config: &DeviceConfig, channels: usize, asked: &Asked) -> String {
    let fields = [
        ("DeviceName", config.name.as_str()),
        ("Result", "OK"),
        ("Manufacturer", &config.manufacturer),
        ("Model", &config.model),
        ("Firmware", &config.firmware),
        ("Channel", &channels.to_string()),
    ];
    document("Response", "DeviceInfo", &asked.sn, &asked.target, &lines(&fields))
}

pub(super) fn device_status(time: &str, asked: &Asked) -> String {
    let fields = [
        ("Result", "OK"),
        ("Online", "ONLINE"),
        ("Status", "OK"),
        ("Encode", "ON"),
        ("Record", "OFF"),
        ("DeviceTime", time),
    ];
    document("Response", "DeviceStatus", &asked.sn, &asked.target, &lines(&fields))
}

/// The answer to a command that has one.
pub(super) fn result(asked: &Asked) -> String {
    document("Response", &asked.command, &asked.sn, &asked.target, &element_line("Result", "OK"))
}

pub(super) fn catalog(config: &DeviceConfig, sn: &str, sum_num: usize, channels: &[Channel]) -> String {
    let items: String = channels.iter().map(|channel| catalog_item(config, channel)).collect();
    let list = list("DeviceList", &sum_num.to_string(), &channels.len().to_string(), &items);
    document("Response", "Catalog", sn, &config.id, &list)
}

fn catalog_item(config: &DeviceConfig, channel: &Channel) -> String {
    item(&config.habits.item(&[
        ("DeviceID", &channel.id),
        ("Name", &channel.name),
        ("Manufacturer", &config.manufacturer),
        ("Model", &config.model),
        ("Owner", "Owner"),
        ("CivilCode", config.domain.get(..6).unwrap_or_default()),
        ("Address", "Address"),
        ("Parental", "0"),
        ("ParentID", &channel.parent),
        ("SafetyWay", "0"),
        ("RegisterWay", "1"),
        ("Secrecy", "0"),
        ("Status", &channel.status),
    ]))
}

pub(super) fn record_info(
    config: &DeviceConfig,
    asked: &Asked,
    sum_num: usize,
    found: &[Recording],
) -> String {
    let number = |number| config.habits.number(number);
    let item = |recording| record_item(&asked.target, recording, &config.habits);
    let items: String = found.iter().map(item).collect();
    let name = element_line("Name", &config.name);
    // Several vendors leave the list out when it is empty.
    let list = if found.is_empty() {
        element_line("SumNum", &number(sum_num))
    } else {
        list("RecordList", &number(sum_num), &number(found.len()), &items)
    };
    document("Response", "RecordInfo", &asked.sn, &asked.target, &format!("{name}{list}"))
}

fn record_item(channel: &str, recording: &Recording, habits: &Habits) -> String {
    item(&[
        ("DeviceID", channel),
        ("Name", &recording.name),
        ("FilePath", "file_path"),
        ("Address", "Address"),
        ("StartTime", &recording.start),
        ("EndTime", &recording.end),
        ("Secrecy", &habits.number(0)),
        ("Type", &recording.kind),
        ("FileSize", &habits.number(recording.size)),
    ])
}

fn document(root: &str, command: &str, sn: &str, id: &str, rest: &str) -> String {
    let head = lines(&[("CmdType", command), ("SN", sn), ("DeviceID", id)]);
    format!("<{root}>\r\n{head}{rest}</{root}>\r\n")
}

fn list(name: &str, sum_num: &str, num: &str, items: &str) -> String {
    let sum_num = element_line("SumNum", sum_num);
    format!("{sum_num}<{name} Num=\"{num}\">\r\n{items}</{name}>\r\n")
}

fn item(fields: &[(&str, &str)]) -> String {
    format!("<Item>\r\n{}</Item>\r\n", lines(fields))
}

fn lines(fields: &[(&str, &str)]) -> String {
    fields.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = write!(text, "<{name}>{}</{name}>\r\n", escape(value));
        text
    })
}

fn element_line(name: &str, value: &str) -> String {
    lines(&[(name, value)])
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    Some(after.split_once("</")?.0.trim())
}

fn decode(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::GB18030.decode(body).0.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read() {
        let body = b"<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\n\
                     <SN>17</SN><DeviceID> 34020000001320000001 </DeviceID></Query>";
        let asked = Asked::read(body);
        assert_eq!(
            (asked.root.as_str(), asked.command.as_str(), asked.sn.as_str(), asked.target.as_str()),
            ("Query", "Catalog", "17", "34020000001320000001")
        );
        assert_eq!(asked.field("StartTime"), "");
    }

    #[test]
    fn names_are_written_in_the_charset_of_the_device() {
        let gb = encode("<Name>通道</Name>", Charset::Gb2312);
        assert!(gb.starts_with(b"<?xml version=\"1.0\" encoding=\"GB2312\"?>"));
        assert!(gb.ends_with(b"<Name>\xcd\xa8\xb5\xc0</Name>"), "{gb:x?}");
        assert_eq!(Asked::read(&gb).field("Name"), "通道");
        assert!(
            encode("<Name>通道</Name>", Charset::Utf8LabelledGb2312)
                .ends_with("<Name>通道</Name>".as_bytes())
        );
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(element_line("Name", "a<b>&c"), "<Name>a&lt;b&gt;&amp;c</Name>\r\n");
    }
}

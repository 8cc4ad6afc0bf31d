//! A device of each maker, as far as captures (`tests/data`) and reports tell: what it says of itself, and what it
//! does in its own way.

use std::time::Duration;

use super::config::{Charset, DeviceConfig, Paging};
use super::habits::{Habits, Owner};

/// A maker's device.
#[derive(Debug, Clone, Copy)]
pub struct Maker {
    /// Who makes it.
    pub name: &'static str,
    /// The vendor module that should know it.
    pub module: &'static str,
    /// How sure that should be once the device has described itself.
    pub certainty: u8,
    /// Makes a device of anybody's one of theirs.
    pub dress: fn(&mut DeviceConfig),
}

/// A device for every vendor module, and Mercury's beside TP-Link's.
pub const MAKERS: [Maker; 10] = [
    Maker { name: "Dahua", module: "dahua", certainty: 95, dress: dahua },
    Maker { name: "EZVIZ", module: "ezviz", certainty: 95, dress: ezviz },
    Maker { name: "Hikvision", module: "hikvision", certainty: 95, dress: hikvision },
    Maker { name: "Huawei", module: "huawei", certainty: 95, dress: huawei },
    Maker { name: "Kedacom", module: "kedacom", certainty: 95, dress: kedacom },
    Maker { name: "Mercury", module: "tp-link", certainty: 95, dress: mercury },
    Maker { name: "Tiandy", module: "tiandy", certainty: 95, dress: tiandy },
    Maker { name: "TP-Link", module: "tp-link", certainty: 95, dress: tp_link },
    Maker { name: "Uniview", module: "uniview", certainty: 95, dress: uniview },
    Maker { name: "any, of 2022", module: "generic-2022", certainty: 10, dress: edition_2022 },
];

/// A camera (gb28181/122, 129 and 130, manscdp/05): PS leads, queries wait, and it takes RFC 2617 at its word.
pub fn dahua(config: &mut DeviceConfig) {
    says(config, "DH SIP UAS V1.0", ["DAHUA", "IPC-HFW4150D-V2", "2.400.0000.14.R"]);
    config.catalog.per_message = 1;
    config.behaviour.provisional = vec![101];
    config.habits = Habits {
        answer: DAHUA,
        item: &[("CivilCode", "340200"), ("SafetyWay", ""), ("StreamNum", "2")],
        needs_algorithm: true,
        payloads: &[96],
        record_type: Some("all"),
        settling: Duration::from_secs(2),
        sorted_headers: true,
        sub_stream: Some("a=stream:1"),
        ..Habits::default()
    };
}

/// A recorder (gb28181/124): Hikvision's User-Agent, and recorded time eight hours off.
pub fn ezviz(config: &mut DeviceConfig) {
    says(config, "Embedded Net DVR/NVR/DVS", ["EZVIZ", "X5S", "V1.0"]);
    config.habits.answer = EZVIZ;
}

/// A recorder (gb28181/044 and 134): ONLINE for ON, 65535 for parental, no parent, its items side by side. It takes
/// no offer but one in the channel's name.
pub fn hikvision(config: &mut DeviceConfig) {
    says(config, "Embedded Net DVR/NVR/DVS", ["Hikvision", "DS-7716N-E4", "V4.30.085"]);
    config.catalog = Paging { per_message: 1, at_once: true, ..Paging::default() };
    config.behaviour.jak = true;
    config.habits.answer = HIKVISION;
    config.habits.owner = Some(Owner::Channel);
    config.habits.item =
        &[("CivilCode", "CivilCode"), ("Parental", "65535"), ("ParentID", ""), ("Status", "ONLINE")];
}

/// A camera that registers once, with a Via that leads nowhere.
pub fn huawei(config: &mut DeviceConfig) {
    config.manufacturer = "Huawei".to_owned();
    config.habits = Habits { private_via: true, registers_once: true, ..Habits::default() };
}

/// A device of which nothing but the maker is known.
pub fn kedacom(config: &mut DeviceConfig) {
    config.manufacturer = "Kedacom".to_owned();
}

/// A camera that refuses requests with a To tag outside a dialog.
pub fn mercury(config: &mut DeviceConfig) {
    config.manufacturer = "MERCURY".to_owned();
    config.habits.refuses_stray_tags = true;
}

/// A recorder that later says it has but one channel.
pub fn tiandy(config: &mut DeviceConfig) {
    says(config, "Tiandy Tech SIP Agent", ["Tiandy", "TC-2808AN-HD", "V2.1, build 091111"]);
    config.habits.repeats_first_item = true;
}

/// A camera with blanks around its numbers, and words of its own for its streams.
pub fn tp_link(config: &mut DeviceConfig) {
    config.manufacturer = "TP-LINK".to_owned();
    config.model = "IPC43AW".to_owned();
    config.habits =
        Habits { spaced_numbers: true, sub_stream: Some("a=streamMode:sub"), ..Habits::default() };
}

/// A camera behind their platform (manscdp/12, gb28181/065): UTF-8, under a declaration that is closed twice.
pub fn uniview(config: &mut DeviceConfig) {
    says(config, "IMOS/V3", ["UNIVIEW", "HIC6622-IR@X33-VF", "IPC-B2202.7.11.230222"]);
    config.charset = Charset::Utf8DeclaredTwice;
    config.habits.item = &[
        ("Owner", "IPC-B2202.7.11.230222"),
        ("CivilCode", "CivilCode"),
        ("Parental", "1"),
        ("ParentID", "75015310072008100002"),
        ("Longitude", "0.0000000"),
        ("Latitude", "0.0000000"),
    ];
}

/// A device of the edition of 2022 (gb28181/031 and 142), which insists on who sends an offer.
pub fn edition_2022(config: &mut DeviceConfig) {
    config.user_agent = "Happytime GB28181 Device V7.0".to_owned();
    config.charset = Charset::Gb18030;
    config.habits = Habits {
        answer: HAPPYTIME,
        owner: Some(Owner::Platform),
        sub_stream: Some("a=streamnumber:1"),
        version: Some("3.0"),
        ..Habits::default()
    };
}

/// Manufacturer, model and firmware.
fn says(config: &mut DeviceConfig, user_agent: &str, described: [&str; 3]) {
    user_agent.clone_into(&mut config.user_agent);
    [config.manufacturer, config.model, config.firmware] = described.map(str::to_owned);
}

const DAHUA: &[&str] = &[
    "v=0",
    "o={channel} 0 0 IN IP4 {origin}",
    "s={session}",
    "i=VCam Live Video",
    "c=IN IP4 {address}",
    "t={time}",
    "m=video {port} {protocol} 96",
    "a=sendonly",
    "a=rtpmap:96 PS/90000",
    "a=streamprofile:0",
    "{setup}",
    "{connection}",
    "{ssrc}",
    "f=v/0/0/0/0/0a/0/0/0",
];

const EZVIZ: &[&str] = &[
    "v=0",
    "o={device} 0 0 IN IP4 {origin}",
    "s=EZVIZ X5S",
    "c=IN IP4 {address}",
    "t={shifted}",
    "m=video {port} {protocol} 96",
    "a=sendonly",
    "a=rtpmap:96 PS/90000",
    "a=username:{device}",
    "{setup}",
    "{connection}",
    "a=filesize:1",
    "{ssrc}",
    "f=",
];

const HAPPYTIME: &[&str] = &[
    "v=0",
    "o={channel} 0 0 IN IP4 {origin}",
    "s={session}",
    "c=IN IP4 {address}",
    "t={time}",
    "m=video {port} {protocol} 96",
    "{setup}",
    "{connection}",
    "a=rtpmap:96 PS/90000",
    "a=sendonly",
    "f=v/2/5///a/1//1",
];

const HIKVISION: &[&str] = &[
    "v=0",
    "o={device} 2851 2851 IN IP4 {origin}",
    "s=Network Video Recorder",
    "c=IN IP4 {address}",
    "t={shifted}",
    "m=video {port} {protocol} 96",
    "{setup}",
    "{connection}",
    "a=sendonly",
    "a=rtpmap:96 PS/90000",
    "a=username:{device}",
    "a=filesize:0",
    "{ssrc}",
    "f=",
];

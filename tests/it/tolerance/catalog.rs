//! Channels as devices describe them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::device::Device;
use sluice_tests::site::{PASSWORD, Site};

use crate::wire::{self, Wire};

/// Captured bodies, or rebuilt from what was reported, and the channels that come of them: id's last digits, name
/// and status.
const BODIES: [(&str, &[[&str; 3]]); 12] = [
    (
        "manscdp-field/01-hikvision-Catalog-response-junk-in-address.xml",
        &[["0001", "摄像机 1", "ON"], ["0002", "摄像机 2", "ON"]],
    ),
    (
        "manscdp-field/02-hikvision-Catalog-response-control-character.xml",
        &[["0001", "摄像机 1", "ON"], ["0002", "摄像机 2", "ON"]],
    ),
    (
        "manscdp-field/03-hikvision-Catalog-response-doubled-end-tag-and-nul.xml",
        &[["0001", "摄像机 1", "ON"], ["0002", "摄像机 2", "ON"]],
    ),
    (
        "manscdp-field/04-hikvision-Catalog-response-bare-ampersand.xml",
        &[["0001", "摄像机 1", "ON"], ["0002", "摄像机 2", "ON"]],
    ),
    (
        "manscdp-field/05-hikvision-Catalog-response-mangled-bytes.xml",
        &[["0001", "摄像机 1", "ON"], ["0003", "摄像机 3", "ON"]],
    ),
    ("manscdp-field/06-hikvision-Catalog-response-utf8-under-gb2312.xml", &[["0001", "摄像机 1", "ON"]]),
    ("manscdp-field/07-dahua-platform-Catalog-response-empty-tags.xml", &[["0001", "摄像机 1", "ON"]]),
    (
        "manscdp-field/08-hikvision-Catalog-response-online-and-65535.xml",
        &[["0001", "摄像机 1", "ON"], ["0002", "摄像机 2", "OFF"], ["0003", "摄像机 3", "ON"]],
    ),
    ("manscdp-field/09-hikvision-Catalog-response-cut-by-the-datagram.xml", &[["0001", "摄像机 1", "ON"]]),
    ("manscdp-field/10-gb28181-rs-Catalog-response-attributes.xml", &[["0001", "Camera 1", "ON"]]),
    ("manscdp/09-dahua-Catalog-response-duplicate-item.xml", &[["0002", "本地测试", "ON"]]),
    ("manscdp/12-uniview-Catalog-response-item.xml", &[["0002", "209", "ON"]]),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_of_a_broken_catalog_is_taken() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.adopt_channels = true).await?;
    for (file, channels) in BODIES {
        let body = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file))?;
        let issued = site.issue(0).await?;
        let wire = Wire::open(site.sip).await?;
        assert_eq!(wire.register(&issued.device, PASSWORD).await?.status(), Some(200));
        let message = wire::from(&issued.device, "MESSAGE").with_body("Application/MANSCDP+xml", body);
        assert_eq!(wire.ask(&message).await?.status(), Some(200), "{file}");
        let sql = "SELECT json_group_array(json_array(substr(deviceid, -4), name, status)) FROM
                   (SELECT * FROM channels WHERE pdid = ?1 ORDER BY deviceid)";
        let known: Value = serde_json::from_str(&site.row(sql, &issued.device)?)?;
        assert_eq!(known, json!(channels), "{file}");
        // The same channels come from the next.
        site.api.get(&format!("/users/{}/delete", issued.device), &[]).await?.ok()?;
    }
    Ok(())
}

/// What an item says beside its id, and what is known of its channel then: parent, Parental, civil code, kind of PTZ.
const ITEMS: [(&str, &str, Known); 12] = [
    ("nothing", "", ("DEVICE", 0, "", None)),
    (
        "a path (#858)",
        "<ParentID>340200/34020000002160000001/</ParentID>",
        ("34020000002160000001", 0, "", None),
    ),
    ("itself (6dbc7a68b)", "<ParentID>CHANNEL</ParentID>", ("DEVICE", 0, "", None)),
    ("the platform", "<ParentID>37070000082008000001</ParentID>", ("DEVICE", 0, "", None)),
    (
        "what Java prints for nothing",
        "<ParentID>null</ParentID><CivilCode>null</CivilCode>",
        ("DEVICE", 0, "", None),
    ),
    (
        "an id of another length (deeff5533)",
        "<ParentID>340200000021600000</ParentID>",
        ("340200000021600000", 0, "", None),
    ),
    ("65535 (Hikvision)", "<Parental>65535</Parental>", ("DEVICE", 1, "", None)),
    ("the name of the field (Uniview)", "<CivilCode>CivilCode</CivilCode>", ("DEVICE", 0, "", None)),
    ("a whole id (Uniview IMOS)", "<CivilCode>51010701012000000101</CivilCode>", ("DEVICE", 0, "", None)),
    ("blanks", "<CivilCode> 370700\n</CivilCode><Parental> 1 </Parental>", ("DEVICE", 1, "370700", None)),
    ("PTZType where 2011 has it", "<PTZType>2</PTZType>", ("DEVICE", 0, "", Some(2))),
    (
        "PTZType in both places",
        "<PTZType>2</PTZType><info><ptztype>3</ptztype></info>",
        ("DEVICE", 0, "", Some(3)),
    ),
];

type Known = (&'static str, u8, &'static str, Option<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn what_an_item_says_is_understood_however_it_is_written() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(ITEMS.len()).await?;
    let device = site.recorder(&issued).start().await?;
    device.behave(|device| device.no_query_answers = true);
    assert_eq!(device.register().await?.status, 200);
    for (channel, (story, item, known)) in issued.channels.iter().zip(ITEMS) {
        let item = item.replace("CHANNEL", channel);
        say(&device, "Response", &format!("<DeviceID>{channel}</DeviceID><Name>门</Name>{item}")).await?;
        let sql =
            "SELECT json_array(parentid, parental, civilcode, ptztype) FROM channels WHERE deviceid = ?1";
        let (parent, parental, civil_code, ptz_type) = known;
        let expected = json!([parent.replace("DEVICE", &issued.device), parental, civil_code, ptz_type]);
        assert_eq!(serde_json::from_str::<Value>(&site.row(sql, channel)?)?, expected, "{story}");
    }
    Ok(())
}

/// A device that never says Status has channels all the same; one that said OFF is believed until it says more.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_status_is_on_until_the_device_says_other() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let device = site.recorder(&issued).start().await?;
    device.behave(|device| device.no_query_answers = true);
    assert_eq!(device.register().await?.status, 200);
    let id = format!("<DeviceID>{}</DeviceID>", issued.channels[0]);
    for (root, item, status) in [
        ("Response", "<Name>门</Name>", "ON"),
        ("Response", "<Status>OFF</Status>", "OFF"),
        ("Response", "<Name>门</Name>", "OFF"),
        // A notification without Event is as good as ADD.
        ("Notify", "<Name>窗</Name><Status>ON</Status>", "ON"),
        ("Notify", "<Event>VLOST</Event>", "OFF"),
    ] {
        say(&device, root, &format!("{id}{item}")).await?;
        let known = site.row("SELECT status FROM channels WHERE deviceid = ?1", &issued.channels[0])?;
        assert_eq!(known, status, "{root} {item}");
    }
    let name = site.row("SELECT name FROM channels WHERE deviceid = ?1", &issued.channels[0])?;
    assert_eq!(name, "窗");
    Ok(())
}

/// Hikvision names the channel in From or in the body where the standard has the device.
#[tokio::test(flavor = "multi_thread")]
async fn news_is_taken_from_the_device_whoever_it_names() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let wire = Wire::open(site.sip).await?;
    assert_eq!(wire.register(&issued.device, PASSWORD).await?.status(), Some(200));
    let (device, channel) = (issued.device.as_str(), issued.channels[0].as_str());
    for (from, about, status) in
        [(device, device, 200), (device, channel, 200), (channel, device, 200), (channel, channel, 403)]
    {
        let body = format!(
            "<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{about}</DeviceID><AlarmPriority>1</AlarmPriority>\
             <AlarmMethod>5</AlarmMethod></Notify>"
        );
        let message = wire::from(from, "MESSAGE").with_body("Application/MANSCDP+xml", body.into_bytes());
        assert_eq!(wire.ask(&message).await?.status(), Some(status), "{from} tells of {about}");
    }
    Ok(())
}

/// Tells of one channel, unasked.
async fn say(device: &Device, root: &str, item: &str) -> anyhow::Result<()> {
    let id = device.id();
    let body = format!(
        "<{root}><CmdType>Catalog</CmdType><SN>4711</SN><DeviceID>{id}</DeviceID><SumNum>1</SumNum>\
         <DeviceList Num=\"1\"><Item>{item}</Item></DeviceList></{root}>\r\n"
    );
    assert_eq!(device.message(&body).await?, 200, "{item}");
    Ok(())
}

//! Queries and their answers.

use super::{ID, Platform, start};
use crate::device::{Charset, Device, DeviceConfig, DeviceEvent, Order, Paging, Recording, channel_ids};
use crate::sip::Message;

fn catalog() -> String {
    format!(
        "<?xml version=\"1.0\"?>\r\n<Query>\r\n<CmdType>Catalog</CmdType>\r\n<SN>7</SN>\r\n<DeviceID>{ID}</DeviceID>\r\n</Query>\r\n"
    )
}

/// The next body from the device, answered with 200.
async fn body(device: &Device, platform: &Platform) -> Vec<u8> {
    let message = platform.request("MESSAGE").await;
    platform.respond(device, Message::response(&message, 200)).await;
    message.body
}

fn all<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}>");
    text.split(&open).skip(1).filter_map(|rest| rest.split("</").next()).collect()
}

#[tokio::test]
async fn a_catalog_comes_in_parts_with_names_in_gb18030() {
    let channels = channel_ids(ID, 3);
    assert_eq!(channels, ["34020000001310000001", "34020000001310000002", "34020000001310000003"]);
    let ids = channels.clone();
    let (device, platform) = start(move |config| DeviceConfig::recorder(ID, "x", config.platform, ids)).await;
    device.set_channel_status(&channels[2], "OFF");
    platform.send(&device, &platform.query(ID, &catalog())).await;
    platform.status("MESSAGE", 200).await;
    let (first, second) = (body(&device, &platform).await, body(&device, &platform).await);
    let (first, _, broken) = encoding_rs::GB18030.decode(&first);
    assert!(!broken);
    let second = encoding_rs::GB18030.decode(&second).0;
    assert_eq!((all(&first, "SN"), all(&first, "SumNum")), (vec!["7"], vec!["3"]));
    assert_eq!(all(&first, "DeviceID"), [ID, &channels[0], &channels[1]]);
    assert_eq!(all(&first, "Name"), ["通道1", "通道2"]);
    assert_eq!((all(&second, "DeviceID"), all(&second, "Status")), (vec![ID, &channels[2]], vec!["OFF"]));
    assert!(first.contains("<DeviceList Num=\"2\">") && second.contains("<DeviceList Num=\"1\">"));
    device
        .wait_for(|event| matches!(event, DeviceEvent::Queried { command, sn, .. } if command == "Catalog" && sn == "7"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_catalog_can_be_disordered_repeated_and_wrongly_counted() {
    let paging = Paging {
        per_message: 1,
        order: Order::Backward,
        repeat: true,
        sum_num: vec![2, 99],
        ..Paging::default()
    };
    let (device, platform) = start(move |config| {
        let recorder = DeviceConfig::recorder(ID, "x", config.platform, channel_ids(ID, 2));
        DeviceConfig { catalog: paging, charset: Charset::Utf8, ..recorder }
    })
    .await;
    platform.send(&device, &platform.query(ID, &catalog())).await;
    platform.status("MESSAGE", 200).await;
    let mut sums = Vec::new();
    for _ in 0..4 {
        let text = String::from_utf8(body(&device, &platform).await).unwrap();
        sums.push(format!("{} {}", all(&text, "SumNum")[0], all(&text, "DeviceID")[1]));
    }
    let ids = channel_ids(ID, 2);
    let (one, two) = (format!("2 {}", ids[0]), format!("99 {}", ids[1]));
    assert_eq!(sums, [two.clone(), two, one.clone(), one]);
}

#[tokio::test]
async fn recordings_of_the_asked_time_are_listed() {
    let recording = |hour: u32| Recording {
        name: "r".to_owned(),
        start: format!("2026-11-22T{hour:02}:00:00"),
        end: format!("2026-11-22T{:02}:00:00", hour + 1),
        kind: "time".to_owned(),
        size: 1_000,
    };
    let recordings = (0..5).map(recording).collect();
    let (device, platform) = start(|config| DeviceConfig { recordings, ..config }).await;
    let ask = |from: &str, to: &str| {
        format!(
            "<Query><CmdType>RecordInfo</CmdType><SN>8</SN><DeviceID>{ID}</DeviceID>\
             <StartTime>{from}</StartTime><EndTime>{to}</EndTime></Query>"
        )
    };
    let within = ask("2026-11-22T01:30:00", "2026-11-22T03:00:00");
    platform.send(&device, &platform.query(ID, &within)).await;
    platform.status("MESSAGE", 200).await;
    let body_text = encoding_rs::GB18030.decode(&body(&device, &platform).await).0.into_owned();
    assert_eq!(all(&body_text, "StartTime"), ["2026-11-22T01:00:00", "2026-11-22T02:00:00"]);
    assert_eq!(all(&body_text, "SumNum"), ["2"]);
    platform.send(&device, &platform.query(ID, &ask("2027-01-01T00:00:00", "2027-01-02T00:00:00"))).await;
    platform.status("MESSAGE", 200).await;
    let empty = encoding_rs::GB18030.decode(&body(&device, &platform).await).0.into_owned();
    assert_eq!((all(&empty, "SumNum"), empty.contains("RecordList")), (vec!["0"], false));
}

#[tokio::test]
async fn info_status_and_commands_are_answered() {
    let (device, platform) = start(|config| config).await;
    let ask = |root: &str, command: &str, more: &str| {
        format!("<{root}><CmdType>{command}</CmdType><SN>9</SN><DeviceID>{ID}</DeviceID>{more}</{root}>")
    };
    let cases = [
        ("Query", "DeviceInfo", "", "Manufacturer", "Sluice"),
        ("Query", "DeviceStatus", "", "Online", "ONLINE"),
        ("Control", "DeviceControl", "<GuardCmd>SetGuard</GuardCmd>", "Result", "OK"),
    ];
    for (root, command, more, field, value) in cases {
        platform.send(&device, &platform.query(ID, &ask(root, command, more))).await;
        platform.status("MESSAGE", 200).await;
        let text = encoding_rs::GB18030.decode(&body(&device, &platform).await).0.into_owned();
        assert_eq!((all(&text, "CmdType"), all(&text, field)), (vec![command], vec![value]));
    }
}

#[tokio::test]
async fn options_are_answered_and_strange_methods_refused() {
    let (device, platform) = start(|config| config).await;
    for (method, status) in [("OPTIONS", 200), ("PUBLISH", 405), ("INFO", 481)] {
        platform.send(&device, &platform.make(method, ID, "c1", 1)).await;
        platform.status(method, status).await;
    }
}

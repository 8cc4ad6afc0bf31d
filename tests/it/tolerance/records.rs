//! Lists of recordings as devices write them.

use serde_json::{Value, json};
use sluice_tests::device::{Device, DeviceEvent};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Issued, Site};

/// 2022-05-03 01:02:03 in Shanghai.
const START: i64 = 1_651_510_923;

/// From and to, in seconds after [`START`].
type Periods = &'static [(i64, i64)];

/// Whose answer it is, its parts between DeviceID and the end, and the periods read from it.
const LISTS: [(&str, &[&str], Periods); 7] = [
    (
        "blanks around numbers (TP-Link IPC43AW)",
        &["<SumNum> 1 </SumNum><RecordList Num=\" 1 \"><Item><StartTime> 2022-05-03T01:02:03 </StartTime>\
           <EndTime>2022-05-03T01:12:03\t</EndTime><FileSize> 1048576 </FileSize></Item></RecordList>"],
        &[(0, 600)],
    ),
    (
        "single digits, a zone, fractions, a blank for T (Unisinsight)",
        &["<SumNum>4</SumNum><RecordList Num=\"4\">\
           <Item><StartTime>2022-5-3T1:2:3</StartTime><EndTime>2022-5-3T1:12:3</EndTime></Item>\
           <Item><StartTime>2022-05-03T01:13:03+08:00</StartTime><EndTime>2022-05-03T01:14:03+08:00</EndTime></Item>\
           <Item><StartTime>2022-05-03T01:15:03.250</StartTime><EndTime>2022-05-03 01:16:03</EndTime></Item>\
           <Item><StartTime>null</StartTime><EndTime>2022-05-03T01:42:03</EndTime></Item></RecordList>"],
        &[(0, 600), (660, 720), (780, 840)],
    ),
    ("no list at all (Dahua NVR, a556d8520)", &["<SumNum>0</SumNum>"], &[]),
    ("not even a total", &[""], &[]),
    (
        "broken off in the middle of an item (Hikvision, #291)",
        &["<SumNum>3</SumNum><RecordList Num=\"3\">\
           <Item><StartTime>2022-05-03T01:02:03</StartTime><EndTime>2022-05-03T01:12:03</EndTime></Item>\
           <Item><StartTime>2022-05-03T01:13:03</StartTime><EndTime>2022-05-03T01:1</Item>\
           <Item><StartTime>2022-05-03T01:15:03</StartTime><EndTime>2022-05-03T01:16:03</EndTime></Item>\
           <Item><StartTime>2022-05-"],
        &[(0, 600), (780, 840)],
    ),
    (
        "two of the same times, and parts out of order (#2232)",
        &[
            "<SumNum>3</SumNum><RecordList Num=\"1\"><Item><Name>c</Name>\
             <StartTime>2022-05-03T01:15:03</StartTime><EndTime>2022-05-03T01:16:03</EndTime></Item></RecordList>",
            "<SumNum>3</SumNum><RecordList Num=\"2\">\
             <Item><Name>a</Name><StartTime>2022-05-03T01:02:03</StartTime><EndTime>2022-05-03T01:12:03</EndTime></Item>\
             <Item><Name>b</Name><StartTime>2022-05-03T01:02:03</StartTime><EndTime>2022-05-03T01:12:03</EndTime></Item>\
             </RecordList>",
        ],
        &[(0, 600), (780, 840)],
    ),
    (
        "more than the total says",
        &["<SumNum>1</SumNum><RecordList Num=\"1\">\
           <Item><StartTime>2022-05-03T01:02:03</StartTime><EndTime>2022-05-03T01:12:03</EndTime></Item>\
           <Item><StartTime>2022-05-03T01:13:03</StartTime><EndTime>2022-05-03T01:14:03</EndTime></Item></RecordList>"],
        &[(0, 600), (660, 720)],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_listed_however_they_are_written() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.files_timeout_secs = 1).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.no_query_answers = true);
    for (story, parts, periods) in LISTS {
        let mark = device.journal().mark();
        let (listed, answered) = tokio::join!(files(&site, &issued), answer(&device, mark, parts));
        answered?;
        let items: Vec<Value> = periods
            .iter()
            .map(|(start, end)| json!({ "start": START + start, "end": START + end }))
            .collect();
        let days =
            if items.is_empty() { json!([]) } else { json!([{ "date": "2022-05-03", "items": items }]) };
        assert_eq!(listed?["list"], days, "{story}");
    }
    Ok(())
}

/// What the gateway lists of the hour after [`START`].
async fn files(site: &Site, issued: &Issued) -> anyhow::Result<Value> {
    let [start, end] = [START, START + 3600].map(|time| time.to_string());
    let path = format!("/devices/{}/files", issued.channels[0]);
    site.api.get(&path, &[("start", &start), ("end", &end)]).await?.ok()
}

/// Answers the next query for recordings.
async fn answer(device: &Device, mark: usize, parts: &[&str]) -> anyhow::Result<()> {
    let asked = |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "RecordInfo");
    let DeviceEvent::Queried { sn, target, .. } = device.journal().wait_after(mark, PATIENCE, asked).await?
    else {
        unreachable!("it was matched")
    };
    for part in parts {
        let head = format!(
            "<CmdType>RecordInfo</CmdType><SN> {sn} </SN><DeviceID>{target}</DeviceID><Name>门</Name>"
        );
        let answer = format!("<Response>{head}{part}</Response>\r\n");
        assert_eq!(device.message(&answer).await?, 200);
    }
    Ok(())
}

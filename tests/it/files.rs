//! What a device has recorded, as devices tell it: late, wrong, and in their own spelling (GB/T 28181 §9.7).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::device::{Device, DeviceEvent, Recording};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Issued, Settings, Site};
use tokio::task::JoinHandle;

/// 2026-11-21 10:00:00 in Shanghai.
const TEN: i64 = 1_795_226_400;
const HOUR: i64 = 3_600;

/// A site with a device that answers no query by itself.
async fn silent(change: impl FnOnce(&mut Settings)) -> anyhow::Result<(Arc<Site>, Issued, Device)> {
    let site = Site::start_with(change).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|behaviour| behaviour.no_query_answers = true);
    Ok((Arc::new(site), issued, device))
}

/// Begins to ask for a day's files; the query's SN once it is at the device.
async fn ask(
    site: &Arc<Site>,
    issued: &Issued,
    device: &Device,
) -> anyhow::Result<(String, JoinHandle<anyhow::Result<Value>>)> {
    let mark = device.journal().mark();
    let (site, path) = (Arc::clone(site), format!("/devices/{}/files", issued.channels[0]));
    let call = tokio::spawn(async move {
        let [start, end] = [TEN - 10 * HOUR, TEN + 14 * HOUR].map(|time| time.to_string());
        site.api.get(&path, &[("start", &start), ("end", &end)]).await?.ok()
    });
    let asked = |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "RecordInfo");
    match device.journal().wait_after(mark, PATIENCE, asked).await? {
        DeviceEvent::Queried { sn, .. } => Ok((sn, call)),
        other => anyhow::bail!("{other:?}"),
    }
}

/// A part of an answer: `sum` in all, and these periods, as the device writes them.
async fn tell(
    device: &Device,
    issued: &Issued,
    sn: &str,
    sum: &str,
    items: &[[&str; 2]],
) -> anyhow::Result<()> {
    let channel = &issued.channels[0];
    let items: String = items
        .iter()
        .map(|[start, end]| {
            format!(
                "<Item><DeviceID>{channel}</DeviceID><StartTime>{start}</StartTime><EndTime>{end}</EndTime></Item>"
            )
        })
        .collect();
    let body = format!(
        "<Response><CmdType>RecordInfo</CmdType><SN>{sn}</SN><DeviceID>{channel}</DeviceID>\
         <SumNum>{sum}</SumNum><RecordList>{items}</RecordList></Response>"
    );
    assert_eq!(device.message(&body).await?, 200);
    Ok(())
}

/// The periods of one day in an answer, in hours after ten.
fn hours(list: &Value) -> Vec<(i64, i64)> {
    let items = list["list"][0]["items"].as_array().into_iter().flatten();
    let hour = |item: &Value, name: &str| (item[name].as_i64().unwrap_or_default() - TEN) / HOUR;
    items.map(|item| (hour(item, "start"), hour(item, "end"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_late_is_in_nobody_else_s_answer() -> anyhow::Result<()> {
    let (site, issued, device) = silent(|settings| settings.files_timeout_secs = 1).await?;
    let (first, call) = ask(&site, &issued, &device).await?;
    tell(&device, &issued, &first, "2", &[["2026-11-21T10:00:00", "2026-11-21T11:00:00"]]).await?;
    assert_eq!(hours(&call.await??), [(0, 1)], "what came in time");

    let (second, call) = ask(&site, &issued, &device).await?;
    assert_ne!(first, second);
    tell(&device, &issued, &first, "2", &[["2026-11-21T14:00:00", "2026-11-21T15:00:00"]]).await?;
    tell(&device, &issued, &second, "1", &[["2026-11-21T12:00:00", "2026-11-21T13:00:00"]]).await?;
    assert_eq!(hours(&call.await??), [(2, 3)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_cannot_answer() -> anyhow::Result<()> {
    let (site, issued, device) = silent(|_| {}).await?;
    let (_, stranger) = site.online(1, |_| {}).await?;
    let (sn, call) = ask(&site, &issued, &device).await?;
    tell(&stranger, &issued, &sn, "1", &[["2026-11-21T14:00:00", "2026-11-21T15:00:00"]]).await?;
    tell(&device, &issued, &sn, "1", &[["2026-11-21T12:00:00", "2026-11-21T13:00:00"]]).await?;
    assert_eq!(hours(&call.await??), [(2, 3)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_whose_parts_come_interleaved_get_their_own() -> anyhow::Result<()> {
    let (site, issued, device) = silent(|_| {}).await?;
    let (one, first) = ask(&site, &issued, &device).await?;
    let (two, second) = ask(&site, &issued, &device).await?;
    tell(&device, &issued, &two, "2", &[["2026-11-21T12:00:00", "2026-11-21T13:00:00"]]).await?;
    tell(&device, &issued, &one, "2", &[["2026-11-21T11:00:00", "2026-11-21T12:00:00"]]).await?;
    tell(&device, &issued, &two, "2", &[["2026-11-21T14:00:00", "2026-11-21T15:00:00"]]).await?;
    tell(&device, &issued, &one, "2", &[["2026-11-21T10:00:00", "2026-11-21T11:00:00"]]).await?;
    assert_eq!(hours(&first.await??), [(0, 2)]);
    assert_eq!(hours(&second.await??), [(2, 3), (4, 5)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_total_costs_time_but_no_recording() -> anyhow::Result<()> {
    let hour = |hour: u32| Recording {
        name: "录像".to_owned(),
        start: format!("2026-11-21T{hour}:00:00"),
        end: format!("2026-11-21T{hour}:30:00"),
        kind: "time".to_owned(),
        size: 1 << 20,
    };
    for (sums, delay) in [([9, 9], 0), ([1, 1], 300), ([0, 0], 300), ([4, 2], 0), ([2, 4], 0)] {
        let site = Site::start_with(|settings| settings.files_timeout_secs = 3).await?;
        let (issued, _device) = site
            .online(1, |config| {
                config.recordings = [10, 12, 14, 16].map(hour).to_vec();
                config.record_list.sum_num = sums.to_vec();
                config.record_list.delay = Duration::from_millis(delay);
            })
            .await?;
        let path = format!("/devices/{}/files", issued.channels[0]);
        let [start, end] = [TEN, TEN + 10 * HOUR].map(|time| time.to_string());
        let listed = site.api.get(&path, &[("start", &start), ("end", &end)]).await?.ok()?;
        assert_eq!(listed["timenum"], 4, "{sums:?}: {listed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_read_as_devices_write_them() -> anyhow::Result<()> {
    let (site, issued, device) = silent(|_| {}).await?;
    let (sn, call) = ask(&site, &issued, &device).await?;
    let items = [
        ["2026-11-21T9:0:0", "2026-11-21T10:0:0"],
        ["2026-11-21T11:00:00+08:00", "2026-11-21T12:00:00+08:00"],
        ["2026-11-21T13:00:00.000", "2026-11-21T14:00:00.999"],
        ["2026-11-21 15:00:00", "2026-11-21 16:00:00"],
        ["no date", "2026-11-21T18:00:00"],
    ];
    tell(&device, &issued, &sn, "4", &items).await?;
    assert_eq!(hours(&call.await??), [(-1, 0), (1, 2), (3, 4), (5, 6)]);
    Ok(())
}

/// The civil time that a device speaks is the operator's to say: of the query, of the answer, and of midnight.
#[tokio::test(flavor = "multi_thread")]
async fn the_zone_is_the_operator_s() -> anyhow::Result<()> {
    let (site, issued, device) = silent(|settings| settings.timezone = "UTC").await?;
    let (sn, call) = ask(&site, &issued, &device).await?;
    let query = |event: &DeviceEvent| match event {
        DeviceEvent::Received { message } => String::from_utf8_lossy(&message.body).contains("RecordInfo"),
        _ => false,
    };
    let DeviceEvent::Received { message } = device.wait_for(query).await? else { anyhow::bail!("no query") };
    let body = String::from_utf8_lossy(&message.body).into_owned();
    assert!(body.contains("<StartTime>2026-11-20T16:00:00</StartTime>"), "{body}");
    assert!(body.contains("<EndTime>2026-11-21T16:00:00</EndTime>"), "{body}");
    tell(&device, &issued, &sn, "1", &[["2026-11-20T23:00:00", "2026-11-21T01:00:00"]]).await?;
    // Midnight in Greenwich is eight in Shanghai.
    let midnight = TEN - 2 * HOUR;
    let expected = json!({ "daynum": 2, "timenum": 2, "list": [
        { "date": "2026-11-20", "items": [{ "start": midnight - HOUR, "end": midnight - 1 }] },
        { "date": "2026-11-21", "items": [{ "start": midnight, "end": midnight + HOUR }] },
    ] });
    assert_eq!(call.await??, expected);
    Ok(())
}

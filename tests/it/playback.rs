//! Recordings on the device: played back and listed.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::device::{Behaviour, DeviceEvent, Order, Recording};
use sluice_tests::site::{Issued, Site};

use crate::live_steps::{flows, over};

/// 2026-11-21 10:00:00 in Shanghai.
const TEN: i64 = 1_795_226_400;

async fn replay(
    site: &Site,
    issued: &Issued,
    start: i64,
    end: i64,
) -> anyhow::Result<sluice_tests::site::Reply> {
    let period = [("start", start.to_string()), ("end", end.to_string())];
    let query: Vec<(&str, &str)> = period.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.api.get(&format!("/devices/{}/replay", issued.channels[0]), &query).await
}

async fn files(site: &Site, issued: &Issued, start: i64, end: i64) -> anyhow::Result<Value> {
    let period = [("start", start.to_string()), ("end", end.to_string())];
    let query: Vec<(&str, &str)> = period.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.api.get(&format!("/devices/{}/files", issued.channels[0]), &query).await?.ok()
}

fn recording(start: &str, end: &str) -> Recording {
    Recording {
        name: "录像".to_owned(),
        start: start.to_owned(),
        end: end.to_owned(),
        kind: "time".to_owned(),
        size: 1 << 20,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replay_is_a_stream_of_its_own_and_ends_with_the_file() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.file_frames = 200).await?;
    let first = replay(&site, &issued, TEN, TEN + 60).await?.ok()?;
    let second = replay(&site, &issued, TEN, TEN + 60).await?.ok()?;
    let id = |stream: &Value| stream["ssrc"].as_str().unwrap_or_default().to_owned();
    assert_ne!(id(&first), id(&second));
    assert_eq!(first["deviceid"], issued.channels[0].as_str());

    let invited = device.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
    let DeviceEvent::Invited { sdp, .. } = invited else { anyhow::bail!("{invited:?}") };
    let lines: Vec<&str> = sdp.lines().filter(|line| matches!(&line[..2], "s=" | "u=" | "t=")).collect();
    assert_eq!(
        lines,
        ["s=Playback", &format!("u={}:0", issued.channels[0]), &format!("t={TEN} {}", TEN + 60)]
    );
    assert!(sdp.contains("\r\ny=1"), "history begins with 1: {sdp}");

    flows(&site, &id(&first), 1).await?;
    over(&site, &device, &id(&first)).await?;
    over(&site, &device, &id(&second)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_none_and_a_device_that_refuses_are_told_apart() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    for (start, end) in [(TEN, TEN), (TEN + 1, TEN), (-1, TEN)] {
        let (status, code, _) = replay(&site, &issued, start, end).await?.refusal();
        assert_eq!((status, code.as_str()), (400, "1002"), "{start} to {end}");
    }
    let missing = site.api.get(&format!("/devices/{}/replay", issued.channels[0]), &[("start", "1")]).await?;
    assert_eq!(missing.refusal().1, "1002");
    device.behave(|behaviour: &mut Behaviour| behaviour.answer = sluice_tests::device::Answer::Refuse(404));
    let (status, code, text) = replay(&site, &issued, TEN, TEN + 60).await?.refusal();
    assert_eq!((status, code.as_str()), (408, "1003"));
    assert!(text.contains("404"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_joined_clipped_and_split_by_day() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, _device) = site
        .online(1, |config| {
            config.recordings = vec![
                recording("2026-11-21T09:30:00", "2026-11-21T10:30:00"),
                recording("2026-11-21T10:30:00", "2026-11-21T11:00:00"),
                recording("2026-11-21T23:00:00", "2026-11-22T01:00:00"),
            ];
            config.record_list.per_message = 1;
            config.record_list.order = Order::Backward;
            config.record_list.repeat = true;
        })
        .await?;
    let listed = files(&site, &issued, TEN, TEN + 86_400).await?;
    let midnight = TEN + 14 * 3600;
    assert_eq!(
        listed,
        json!({ "daynum": 2, "timenum": 3, "list": [
            { "date": "2026-11-21", "items": [
                { "start": TEN, "end": TEN + 3600 },
                { "start": midnight - 3600, "end": midnight - 1 },
            ] },
            { "date": "2026-11-22", "items": [{ "start": midnight, "end": midnight + 3600 }] },
        ] })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_at_once_get_their_own_answers() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, _device) = site
        .online(1, |config| {
            config.recordings = vec![recording("2026-11-21T10:00:00", "2026-11-21T12:00:00")];
            config.record_list.delay = Duration::from_millis(50);
        })
        .await?;
    let (one, other) =
        tokio::join!(files(&site, &issued, TEN, TEN + 60), files(&site, &issued, TEN + 3600, TEN + 7200));
    assert_eq!(one?["list"][0]["items"], json!([{ "start": TEN, "end": TEN + 60 }]));
    assert_eq!(other?["list"][0]["items"], json!([{ "start": TEN + 3600, "end": TEN + 7200 }]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_time_is_answered_when_the_rest_stays_away() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.files_timeout_secs = 1).await?;
    let (issued, _device) = site
        .online(1, |config| {
            config.recordings = vec![
                recording("2026-11-21T10:00:00", "2026-11-21T10:10:00"),
                recording("2026-11-21T11:00:00", "2026-11-21T11:10:00"),
            ];
            config.record_list.per_message = 1;
            config.record_list.withhold = 1;
        })
        .await?;
    let began = tokio::time::Instant::now();
    let listed = files(&site, &issued, TEN, TEN + 7200).await?;
    assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait for the rest");
    assert_eq!(listed["timenum"], 1);
    Ok(())
}

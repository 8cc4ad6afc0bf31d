//! What the recorder has recorded itself: listed, and played back (GB/T 28181 §9.7, §9.8).

use anyhow::{Context as _, ensure};
use serde_json::json;
use sluice_tests::device::{DeviceConfig, DeviceEvent, Recording};

use super::{Guest, play, stop};
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

/// 2026-11-20T10:00:00 in China, where the platform's clock is.
const START: i64 = 1_795_140_000;
const END: i64 = START + 3_600;

/// Gives a recorder an hour that it recorded, in two pieces, and files that end after three seconds.
pub(crate) fn fill(config: &mut DeviceConfig) {
    let piece = |start: &str, end: &str| Recording {
        name: "通道1".to_owned(),
        start: format!("2026-11-20T{start}"),
        end: format!("2026-11-20T{end}"),
        kind: "time".to_owned(),
        size: 1_000_000,
    };
    config.recordings = vec![piece("10:00:00", "10:30:00"), piece("10:30:00", "11:00:00")];
    config.file_frames = 30;
}

/// Which recordings there are.
pub(crate) async fn files(house: &House, recorder: &Guest, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A caller asks what the recorder has recorded",
        "RecordInfo is asked; two pieces that touch are joined into one hour",
    );
    let device = &recorder.device;
    let mark = device.journal().mark();
    let (start, end) = (START.to_string(), END.to_string());
    let path = format!("/devices/{}/files", recorder.channels[0]);
    let list = house.call(&path, &[("start", &start), ("end", &end)], tell).await?;
    tell.saw(&exchange::lines(&device.events()[mark..], |message| message.method() == "MESSAGE"));
    let expected = json!({"daynum": 1, "timenum": 1, "list": [
        {"date": "2026-11-20", "items": [{"start": START, "end": END}]}]});
    ensure!(list == expected, "the list is {list}");
    tell.done();
    Ok(())
}

/// One recording is played back until the file ends.
pub(crate) async fn replay(house: &House, recorder: &Guest, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A caller plays the recording back",
        "INVITE names the hour; after the file's end (MediaStatus 121) the gateway closes the stream by itself",
    );
    let (start, end) = (START.to_string(), END.to_string());
    let path = format!("/devices/{}/replay", recorder.channels[0]);
    let live = play::open(house, recorder, &path, &[("start", &start), ("end", &end)], tell).await?;
    play::hooks(house, &live, tell).await?;
    let mark = recorder.device.journal().mark();
    let ended = |event: &DeviceEvent| matches!(event, DeviceEvent::MediaStatusSent { call_id, status: Some(200) } if *call_id == live.call_id);
    recorder.device.wait_for(ended).await.context("no MediaStatus that was answered 200")?;
    tell.saw("after three seconds the file is at its end");
    stop::over(house, recorder, &live, mark, tell).await?;
    tell.done();
    Ok(())
}

//! `--vendors`: a device of each maker comes, is recognised, played and stopped; a table says how it went.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sluice_tests::device::vendor::{MAKERS, Maker};
use sluice_tests::device::{Device, DeviceEvent};
use sluice_tests::site::wait_for;

use crate::house::House;
use crate::narration::Narration;

const PATIENCE: Duration = Duration::from_secs(10);

/// How many channels each device has.
const CHANNELS: usize = 2;

/// The table's head, and how wide its columns are.
const COLUMNS: [(&str, usize); 9] = [
    ("vendor", 13),
    ("said", 58),
    ("module", 12),
    ("sure", 4),
    ("differs from the standard in", 67),
    ("registered", 10),
    ("channels", 8),
    ("picture", 8),
    ("stopped", 7),
];

/// What became of one device: a cell for each column, and what went wrong.
struct Row {
    cells: [String; 9],
    error: Option<anyhow::Error>,
}

/// Plays a device of each maker.
///
/// # Errors
/// One of them did not work.
pub(crate) async fn play(house: &House, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A device of each maker registers, is played and stopped",
        "each is known by its module, and each shows its picture",
    );
    tell.line(&line(COLUMNS.map(|(name, _)| name.to_owned())));
    let mut failed = 0;
    for maker in MAKERS {
        let row = row(house, maker).await;
        tell.line(&line(row.cells));
        if let Some(error) = row.error {
            failed += 1;
            tell.saw(&format!("{}: {error:#}", maker.name));
        }
    }
    ensure!(failed == 0, "{failed} of {} did not work", MAKERS.len());
    tell.done();
    Ok(())
}

fn line(cells: [String; 9]) -> String {
    let padded = cells.iter().zip(COLUMNS).map(|(cell, (_, width))| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Plays one device; cells that were not come to stay empty.
async fn row(house: &House, maker: Maker) -> Row {
    let mut row = Row { cells: Default::default(), error: None };
    row.cells[0] = maker.name.to_owned();
    row.error = visit(house, maker, &mut row.cells).await.err();
    row
}

async fn visit(house: &House, maker: Maker, cells: &mut [String; 9]) -> anyhow::Result<()> {
    let gateway = &house.gateway;
    let issued = gateway.issue(CHANNELS).await?;
    let mut config = gateway.recorder(&issued);
    (maker.dress)(&mut config);
    cells[1] = format!("{} | {} {}", config.user_agent, config.manufacturer, config.model);
    let path = format!("/devices/{}/vendor", issued.device);
    let standard = gateway.api.get(&path, &[]).await?.ok()?["profile"].clone();

    let device = config.start().await?;
    let registered = device.register().await?;
    cells[5] = registered.status.to_string();
    ensure!(registered.statuses == [401, 200], "the answers to REGISTER were {:?}", registered.statuses);
    described(house, &device).await?;
    let on = gateway.wait_until_on(&issued.channels[CHANNELS - 1]).await;
    cells[6] = format!("{} of {CHANNELS}", channels(house, &issued.device)?);
    on?;

    let known = gateway.api.get(&path, &[]).await?.ok()?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (cells[2], cells[3]) = (text(&known["module"]), text(&known["certainty"]));
    cells[4] = differences(&standard, &known["profile"]);
    ensure!(known["module"] == maker.module, "it is {}'s", maker.module);
    ensure!(known["certainty"] == maker.certainty, "that is {} sure", maker.certainty);
    watch(house, &device, &issued.channels[0], cells).await
}

/// Waits until the gateway has heard who made the device.
async fn described(house: &House, device: &Device) -> anyhow::Result<()> {
    let sql = "SELECT manufacturer FROM users WHERE deviceid = ?1";
    let maker = &device.config().manufacturer;
    let heard = || async { house.gateway.row(sql, device.id()).is_ok_and(|known| known == *maker) };
    wait_for(heard).await.context("the gateway does not know who made it")
}

/// How many of a device's channels are ON.
fn channels(house: &House, device: &str) -> anyhow::Result<String> {
    let sql = "SELECT CAST(count(*) AS TEXT) FROM channels WHERE pdid = ?1 AND status = 'ON'";
    Ok(house.gateway.row(sql, device)?)
}

/// A profile's parts that are not the standard's.
fn differences(standard: &Value, profile: &Value) -> String {
    let parts = profile.as_object().into_iter().flatten();
    let other = parts.filter(|(name, value)| standard[name.as_str()] != **value);
    let written = other.map(|(name, value)| format!("{name}={}", value.to_string().replace('"', "")));
    let all = written.collect::<Vec<_>>().join(" ");
    if all.is_empty() { "nothing".to_owned() } else { all }
}

/// Plays a channel until its picture is at the media server, and stops it.
async fn watch(house: &House, device: &Device, channel: &str, cells: &mut [String; 9]) -> anyhow::Result<()> {
    let api = &house.gateway.api;
    let stream = api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    let id = stream["ssrc"].as_str().context("the answer has no ssrc")?;
    let shown = || async { house.zlm.stream(id).is_some_and(|stream| !stream.schemas.is_empty()) };
    wait_for(shown).await.context("no picture")?;
    cells[7] = id.to_owned();

    api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?;
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    let gone = house.zlm.wait_streams(PATIENCE, |streams| streams.iter().all(|stream| stream.id != id));
    ensure!(gone.await, "the media server still has the stream");
    ensure!(device.open_dialogs().is_empty(), "the device still has a dialog");
    cells[8] = "yes".to_owned();
    Ok(())
}

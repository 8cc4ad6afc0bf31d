//! The wall clock leaps, by an hour or by years, forward and back: registrations, keepalives, streams and their ends
//! do not notice. Only dates are wrong, for as long as the clock is.
//!
//! The clock of the real binary is bent by libfaketime (Debian's `faketime`), the wall clock only. Where it is not
//! installed, this test says so and passes; `.ci/run` installs it.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use sluice_tests::device::Device;
use sluice_tests::site::{Process, wait_for};

use crate::house::{House, device, online, play, stop};

/// Leaps, in seconds: an hour ahead, a day back, ten years ahead, to before the standard was written.
const LEAPS: [i64; 5] = [3_600, -86_400, 315_360_000, -800_000_000, 0];

#[tokio::test(flavor = "multi_thread")]
async fn leaps_of_the_wall_clock_change_dates_and_nothing_else() -> anyhow::Result<()> {
    let Some(library) = library() else {
        println!("NOT TESTED: libfaketime is not installed (Debian's faketime).");
        return Ok(());
    };
    let clock = tempfile::NamedTempFile::new()?;
    let bend = |seconds: i64| std::fs::write(clock.path(), format!("{seconds:+}\n"));
    bend(0)?;
    let environment = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.path().display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let (house, mut process) = House::start_in(&environment, |settings| {
        settings.start_timeout_secs = 300;
        settings.keepalive_interval_secs = 1;
        settings.keepalive_misses = 120;
        settings.check_interval_secs = 1;
    })
    .await?;
    house.zlm.configure("general.streamNoneReaderDelayMS", "2000000000");
    let (camera, channel) = online(&process, |config| config.speed = 5).await?;
    let stream = play(&process, &channel).await?;
    house.flows(&stream).await?;
    for leap in LEAPS {
        bend(leap)?;
        day(&house, &process, &camera, &stream, leap).await.with_context(|| format!("after {leap} s"))?;
    }
    // A restart in between finds dates of the future in its rows, and of the past.
    for leap in LEAPS {
        bend(leap)?;
        process.kill().await?;
        process = house.open().await?;
        day(&house, &process, &camera, &stream, leap)
            .await
            .with_context(|| format!("restart at {leap} s"))?;
    }
    stop(&process, &stream).await?;
    wait_for(|| async { camera.open_dialogs().is_empty() }).await.context("the stream is not ended")
}

/// What a gateway does all day.
async fn day(
    house: &House,
    process: &Process,
    camera: &Device,
    stream: &str,
    leap: i64,
) -> anyhow::Result<()> {
    ensure!(camera.keepalive().await? == 200, "a keepalive was refused");
    let registered = camera.register().await?;
    ensure!(registered.status == 200, "a refresh was answered {:?}", registered.statuses);
    let told = registered.date.context("a Date")?;
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Asia/Shanghai")?);
    let expected = now.checked_add(jiff::SignedDuration::from_secs(leap))?;
    let told: jiff::civil::DateTime = told.parse()?;
    let off = told.duration_until(expected.datetime()).abs();
    ensure!(off < jiff::SignedDuration::from_secs(30), "the device was told {told}, and it is {expected}");
    let packets = || house.zlm.stream(stream).map_or(0, |seen| seen.packets);
    let before = packets();
    wait_for(|| async { packets() > before + 10 }).await.context("the stream was ended")?;
    // Rows and media server are compared, from beginning to end.
    let compared = || house.zlm.calls().iter().filter(|call| call.name == "getMediaList").count();
    let before = compared();
    wait_for(|| async { compared() > before + 1 }).await.context("nothing was compared")?;
    let (newcomer, channel) = device(process, |_| {}).await?;
    ensure!(newcomer.register().await?.status == 200, "a new device was refused");
    process.wait_until_on(&channel).await?;
    let second = play(process, &channel).await?;
    stop(process, &second).await?;
    wait_for(|| async { newcomer.open_dialogs().is_empty() }).await.context("a stream is not ended")?;
    let still = || async { house.zlm.stream(stream).is_some() };
    ensure!(still().await && camera.open_dialogs().len() == 1, "the stream was ended");
    Ok(())
}

fn library() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    folders
        .iter()
        .map(|folder| PathBuf::from(folder).join("faketime/libfaketimeMT.so.1"))
        .find(|file| file.exists())
}

//! Recorded files go when they are too old.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use sluice::store::{NewRecording, RecordedFile, Recording, RecordingState, Store};
use sluice_tests::site::wait_for;

use crate::house::House;
use crate::narration::Narration;

const TEN_DAYS: i64 = 10 * 86_400;

/// A copy of the recording, ten days older, goes; the recording itself stays.
pub(crate) async fn expire(house: &House, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A recording of ten days ago lies beside today's",
        "the next sweep deletes the old file, as the plugin expire decides, and leaves the young one",
    );
    let store = house.store()?;
    let young = store.recorded_files(None, 1).await?.pop().context("nothing was recorded")?;
    let young_file = PathBuf::from(&young.file.path);
    let old_file = young_file.with_file_name("of-ten-days-ago.mp4");
    std::fs::copy(&young_file, &old_file)?;
    let old = add_older(&store, &young, &old_file).await?;
    tell.saw(&format!("{}, of today", name(&young_file)));
    tell.saw(&format!("{}, a copy with an older date", name(&old_file)));

    let fate = |row: Recording| async { store.recording(row.id).await.ok().flatten() };
    let gone = |row: Recording| row.state == RecordingState::Deleted;
    wait_for(|| async { fate(old.clone()).await.is_some_and(gone) }).await.context("the old file stays")?;
    let why = fate(old).await.map(|row| row.why).unwrap_or_default();
    tell.saw(&format!("deleted: {} ({why})", name(&old_file)));
    ensure!(!old_file.exists(), "the old file is still there");
    ensure!(young_file.is_file(), "the young file is gone");
    ensure!(fate(young.clone()).await == Some(young), "the young recording has changed");
    store.close().await;
    tell.done();
    Ok(())
}

/// Tells the gateway of a file that is like `young`, but old.
async fn add_older(store: &Store, young: &Recording, file: &Path) -> anyhow::Result<Recording> {
    let Recording { stream, channel, app, limit, query, .. } = young.clone();
    let new = NewRecording { stream, channel, app, started: young.started - TEN_DAYS, limit, query };
    let file = RecordedFile {
        path: file.display().to_string(),
        start: young.file.start - TEN_DAYS,
        end: young.file.end - TEN_DAYS,
        ..young.file.clone()
    };
    Ok(store.add_recorded_file(new, file).await?)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

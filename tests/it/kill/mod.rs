//! `kill -9` at random moments, with callers and devices at work: the database opens, nothing that was acknowledged
//! is missing, and nothing runs on that nobody wants.
//!
//! `cargo test` kills a few times. `KILLS=200 cargo test --workspace --test it kill:: -- --nocapture` makes the row
//! in `docs/reliability.md`.

mod ledger;
mod load;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sluice_tests::random::Dice;
use sluice_tests::site::{Notified, wait_for};
use tokio::time::{Instant, sleep};

use self::ledger::Ledger;
use self::load::Load;
use crate::house::House;

/// Recorders that are played all the time.
const RECORDERS: usize = 6;

/// At most so long the gateway lives: from nothing at all to some hundred operations.
const LONGEST_LIFE_MS: u64 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_missing() -> anyhow::Result<()> {
    let rounds = match std::env::var("KILLS") {
        Ok(kills) => kills.parse().context("KILLS is a number")?,
        Err(_) => 4,
    };
    let notified = Notified::start().await?;
    let (house, mut process) = House::start(|settings| {
        settings.start_timeout_secs = 300;
        settings.notify.clone_from(&notified.url);
    })
    .await?;
    house.zlm.configure("general.streamNoneReaderDelayMS", "2000000000");
    let ledger = Arc::new(Ledger::default());
    let load = Load::start(&process, RECORDERS, &ledger).await?;
    let mut dice = Dice::new(u64::from(std::process::id()));
    let begin = Instant::now();
    for round in 1..=rounds {
        sleep(Duration::from_millis(dice.below(LONGEST_LIFE_MS))).await;
        process.kill().await?;
        ledger
            .check(&house.folder.path().join("sluice.db"))
            .with_context(|| format!("after kill {round}"))?;
        process = house.open().await?;
    }
    println!("{rounds} kills in {:.0?}: {}", begin.elapsed(), ledger.counts());
    let devices = load.stop().await?;
    process.kill().await?;
    ledger.check(&process.database).context("at the end")?;
    process = house.open().await?;

    // What callers did not get an answer for nobody wants; what they did is still theirs to stop.
    let open =
        "SELECT COALESCE(group_concat(stream), '') FROM streams WHERE state BETWEEN 2 AND 3 AND ?1 = ''";
    for stream in process.row(open, "")?.split(',').filter(|stream| !stream.is_empty()) {
        process.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?;
    }
    let rows = || process.row("SELECT CAST(COUNT(*) AS TEXT) FROM streams WHERE state < 5 AND ?1 = ''", "");
    let left = || {
        let dialogs: usize = devices.iter().map(|device| device.open_dialogs().len()).sum();
        (rows().unwrap_or_default(), dialogs, house.zlm.streams().len(), house.zlm.servers().len())
    };
    let nothing = ("0".to_owned(), 0, 0, 0);
    wait_for(|| async { left() == nothing }).await.with_context(|| {
        format!("rows open, sessions at devices, streams and ports at the media server: {:?}", left())
    })?;
    let untold = || {
        let all = notified.all();
        let told: BTreeSet<_> = all.iter().filter_map(|told| told["data"]["deviceid"].as_str()).collect();
        ledger.registered().iter().filter(|device| !told.contains(device.as_str())).count()
    };
    wait_for(|| async { untold() == 0 })
        .await
        .with_context(|| format!("nobody was told of {} devices", untold()))?;
    ensure!(ledger.has_all_kinds(), "{}", ledger.counts());
    Ok(())
}

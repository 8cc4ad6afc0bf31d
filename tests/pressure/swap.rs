//! `auth` is swapped a hundred times while devices register, and no registration is lost or refused for it.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::wait_for;
use tokio::time::Instant;

use crate::alone;
use crate::ground::Ground;
use crate::hostile::sha256;
use crate::load::{Attempt, Load, quantile};

/// How often another file takes the place of the one in force.
const SWAPS: usize = 100;

/// Registrations in a second that are asked for.
const RATE: u32 = 2_000;

/// The part of them that has to be reached; a debug build on a busy machine does not reach all.
const REACHED: f64 = if crate::LONG { 0.95 } else { 0.25 };

/// Devices that register.
const DEVICES: usize = 128;

/// One of the two builds, told apart by their challenges.
struct Build {
    component: Vec<u8>,
    qop: bool,
}

/// While one build was surely in force: from when `GET /plugins` showed it until the next file came.
struct Reign {
    from: Instant,
    until: Instant,
    qop: bool,
}

impl Reign {
    fn covers(&self, attempt: &Attempt) -> bool {
        attempt.began >= self.from && attempt.began + attempt.took <= self.until
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_swaps_under_load_lose_nothing() -> anyhow::Result<()> {
    let _machine = alone().await;
    let ground = Ground::open(PluginFolder::bundled()?, DEVICES, |_| {}).await?;
    // Both take what was answered to a challenge of the other.
    let bundled = Build { component: ground.plugins.component("gosip-auth")?, qop: true };
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/frozen/0.1.0/frozen.wasm");
    let frozen = Build { component: std::fs::read(frozen)?, qop: false };
    ensure!(bundled.qop != frozen.qop && bundled.component != frozen.component);

    let start = Instant::now();
    let load = Load::start(&ground.devices, RATE);
    let mut reigns = Vec::new();
    for build in [&frozen, &bundled].into_iter().cycle().take(SWAPS) {
        reigns.push(swap(&ground, build, &load).await?);
    }
    let elapsed = start.elapsed();
    let attempts = load.stop().await;

    let failed: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.statuses != [401, 200]).collect();
    ensure!(
        failed.is_empty(),
        "{} of {} failed: {:?}",
        failed.len(),
        attempts.len(),
        &failed[..failed.len().min(5)]
    );
    for (number, reign) in reigns.iter().enumerate() {
        let under: Vec<&Attempt> = attempts.iter().filter(|attempt| reign.covers(attempt)).collect();
        ensure!(!under.is_empty(), "nobody registered under swap {number}");
        let strange = under.iter().find(|attempt| attempt.qop != Some(reign.qop));
        ensure!(strange.is_none(), "swap {number} had not taken effect: {strange:?}");
    }
    report(&attempts, elapsed)
}

/// Puts a build into force, and waits until devices were answered by it.
async fn swap(ground: &Ground, build: &Build, load: &Load) -> anyhow::Result<Reign> {
    let hash = sha256(&build.component);
    ground.plugins.put("gosip-auth", &build.component)?;
    let shown =
        || async { ground.shown("gosip-auth").await.is_ok_and(|shown| shown["version"]["sha256"] == hash) };
    wait_for(shown).await?;
    let from = Instant::now();
    wait_for(|| async { load.any(|attempt| attempt.began >= from) }).await?;
    Ok(Reign { from, until: Instant::now(), qop: build.qop })
}

fn report(attempts: &[Attempt], elapsed: Duration) -> anyhow::Result<()> {
    let rate = attempts.len() as f64 / elapsed.as_secs_f64();
    let [half, most, all] = [0.5, 0.99, 1.0].map(|part| quantile(attempts, part).as_micros());
    println!(
        "{SWAPS} swaps in {elapsed:.1?}, {} registrations, {rate:.0} a second, none lost, none refused; \
         p50 {half} p99 {most} slowest {all} µs",
        attempts.len()
    );
    ensure!(rate >= REACHED * f64::from(RATE), "only {rate:.0} registrations a second were reached");
    Ok(())
}

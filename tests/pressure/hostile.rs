//! Devices register while guests misbehave in every post at once: as `auth` and as `vendor` for one device each, as
//! `sign` for one caller, as `notify` for every event and as a candidate for every registration; or as files that are
//! dropped into the folder.
//!
//! Two gateways stand side by side, provoked alike. In the posts of one sits a guest that does nothing wrong. They are
//! measured in turns, slice by slice, so that whatever else the machine does hits both; compared is the middle one of
//! the slices' 99th percentiles. A row that fails is measured again, at most twice: on a machine with two cores, a
//! neighbour's burst in most slices of one side is rare, but not rare enough for a test that must not lie.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::wait_for;

use crate::component::{guest, text};
use crate::ground::Ground;
use crate::guests::{self, GOOD, GUESTS};
use crate::load::{Load, quantile};
use crate::provocation::{Crowd, drop_files};
use crate::{LONG, alone};

/// Registrations in a second, over all devices.
const RATE: u32 = if LONG { 1_000 } else { 400 };

/// Devices that register.
const DEVICES: usize = 32;

/// How long a slice is, and how many there are of each side.
const SLICE: Duration = Duration::from_millis(if LONG { 1_000 } else { 400 });
const SLICES: usize = if LONG { 7 } else { 5 };

/// How often a row is measured before it counts as failed.
const TRIES: usize = 3;

/// How many times as long the 99th percentile may be. A debug build has little of the processor left beside the guests,
/// and is no measure of what devices notice.
const TIMES: u32 = if LONG { 2 } else { 5 };

/// A timer of the runtime and a slice of the scheduler last about so long: shorter differences are not the guest's.
const NOISE: Duration = Duration::from_millis(2);

/// What the others' registrations took, quiet and under a guest.
#[derive(Debug, Clone, Copy)]
struct Row {
    quiet: [Duration; 2],
    hostile: [Duration; 2],
}

impl Row {
    /// Whether the 99th percentile is within so many times that of the quiet run.
    fn is_bearable(&self) -> bool {
        let [_, quiet] = self.quiet;
        self.hostile[1] <= (TIMES * quiet).max(quiet + NOISE)
    }
}

/// A gateway with the guest of that name in every post, and who provokes it.
struct Side {
    ground: Ground,
    crowd: Crowd,
}

impl Side {
    async fn with(name: &str) -> anyhow::Result<Self> {
        let plugins = PluginFolder::bundled()?;
        plugins.put("guest-auth", &guests::auth(name))?;
        plugins.put("guest-sign", &guests::sign(name))?;
        plugins.put("guest-notify", &guests::notify(name))?;
        // Nobody names it: every vendor module of the folder is asked.
        plugins.put("guest-vendor", &guests::vendor(name))?;
        let ground = Ground::open(plugins, DEVICES, |settings| {
            settings.notify = "http://127.0.0.1:9/nobody".to_owned();
            settings.extra =
                "auth = \"guest-auth\"\nsign = \"guest-sign\"\nnotify = [\"guest-notify\"]\n".to_owned();
        });
        let ground = ground.await?;
        ground.plugins.put("shadow/guest-auth", &guests::candidate(name))?;
        let at_work =
            || async { ground.shown("guest-auth").await.is_ok_and(|shown| !shown["candidate"].is_null()) };
        wait_for(at_work).await?;
        let crowd = Crowd::gather(&ground).await?;
        Ok(Self { ground, crowd })
    }

    /// Half and 99 of 100 registrations of a slice, all of which have to succeed.
    async fn slice(&self) -> anyhow::Result<[Duration; 2]> {
        let attempts = Load::run(&self.ground.devices, RATE, SLICE).await;
        if let Some(lost) = attempts.iter().find(|attempt| attempt.statuses != [200]) {
            bail!("one of {} was not let in: {lost:?}", attempts.len());
        }
        Ok([quantile(&attempts, 0.5), quantile(&attempts, 0.99)])
    }
}

#[test]
fn registrations_go_on_under_every_guest() -> anyhow::Result<()> {
    // Who measures must not wait longer for a core than who is measured.
    sluice::runtime()?.block_on(under_every_guest())
}

async fn under_every_guest() -> anyhow::Result<()> {
    let _machine = alone().await;
    let quiet = Side::with(GOOD).await?;
    for (name, outcome) in GUESTS {
        let hostile = Side::with(name).await?;
        measure(name, async || {
            let mut slices = Slices::default();
            for _ in 0..SLICES {
                let provoking = quiet.crowd.provoke();
                slices.quiet.push(quiet.slice().await?);
                drop(provoking);
                let provoking = hostile.crowd.provoke();
                slices.hostile.push(hostile.slice().await?);
                drop(provoking);
            }
            Ok(slices)
        })
        .await?;
        misbehaved(&hostile.ground, name, outcome).await?;
    }
    Ok(())
}

/// Makes sure that a guest was asked in every post, and did there what it is for.
async fn misbehaved(ground: &Ground, name: &str, outcome: &str) -> anyhow::Result<()> {
    for post in ["guest-auth", "guest-sign", "guest-notify", "guest-vendor"] {
        let calls = ground.calls("calls", post, outcome).await?;
        ensure!(calls > 0, "{name} was not called as {post}, or did not end as `{outcome}`");
    }
    let mut compared = 0;
    for outcome in ["same", "different", "failed"] {
        compared += ground.calls("shadow_calls", "guest-auth", outcome).await?;
    }
    ensure!(compared > 0, "{name} was not called as a candidate");
    Ok(())
}

#[test]
fn registrations_go_on_while_bad_files_come() -> anyhow::Result<()> {
    // Who measures must not wait longer for a core than who is measured.
    sluice::runtime()?.block_on(while_bad_files_come())
}

async fn while_bad_files_come() -> anyhow::Result<()> {
    let _machine = alone().await;
    let quiet = Side::with(GOOD).await?;
    let files = [
        ("smuggles", wat::parse_str(text("smuggles.wat"))?, "imports `wasi:sockets/tcp@0.3.0`"),
        ("loops, as self-test", guest("self-test", "loops"), "fails its self-test: ended after"),
    ];
    for (name, component, reason) in files {
        let hostile = Side::with(GOOD).await?;
        measure(name, async || {
            let mut slices = Slices::default();
            for _ in 0..SLICES {
                slices.quiet.push(quiet.slice().await?);
                let dropping = drop_files(&hostile.ground.plugins, "guest-auth", &component);
                slices.hostile.push(hostile.slice().await?);
                drop(dropping);
                settled(&hostile.ground).await?;
            }
            Ok(slices)
        })
        .await?;
        let shown = hostile.ground.shown("guest-auth").await?;
        let refused = shown["refused"]["reason"].as_str().context("no file was refused")?;
        ensure!(refused.contains(reason), "{name}: {refused}");
    }
    Ok(())
}

/// Waits until the last file has been refused, so that nothing of it weighs on what comes next.
async fn settled(ground: &Ground) -> anyhow::Result<()> {
    let last = sha256(&ground.plugins.component("guest-auth")?);
    let refused =
        || async { ground.shown("guest-auth").await.is_ok_and(|shown| shown["refused"]["sha256"] == last) };
    wait_for(refused).await
}

/// Of a file, as `GET /plugins` shows it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// What the slices of either side came to.
#[derive(Default)]
struct Slices {
    quiet: Vec<[Duration; 2]>,
    hostile: Vec<[Duration; 2]>,
}

/// Measures a row until it is bearable, and prints it.
async fn measure(name: &str, take: impl AsyncFn() -> anyhow::Result<Slices>) -> anyhow::Result<()> {
    let mut row = None;
    for _ in 0..TRIES {
        let Slices { quiet, hostile } = take().await.with_context(|| format!("under {name}"))?;
        let measured = Row { quiet: middle(quiet), hostile: middle(hostile) };
        row = Some(measured);
        if measured.is_bearable() {
            break;
        }
    }
    let row = row.context("it was measured")?;
    let micros = |time: Duration| time.as_micros();
    let ([quiet_half, quiet], [half, hostile]) = (row.quiet.map(micros), row.hostile.map(micros));
    println!("{name:20} quiet p50 {quiet_half:6} p99 {quiet:6}   under it p50 {half:6} p99 {hostile:6} µs");
    ensure!(row.is_bearable(), "under {name} registrations take too long: {row:?}");
    Ok(())
}

/// The middle one of each figure.
fn middle(slices: Vec<[Duration; 2]>) -> [Duration; 2] {
    [0, 1].map(|figure| {
        let mut figures: Vec<Duration> = slices.iter().map(|slice| slice[figure]).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    })
}

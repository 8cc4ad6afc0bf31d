//! Datagrams that are lost, doubled, late and out of order: every registration and every play ends right.
//!
//! A relay stands between devices and gateway. What SIP repeats gets through in seconds, so many devices go at once.
//! At 30 % loss in either direction every other exchange fails at first, and about one transaction in a thousand for
//! good: a device then registers again and a caller plays again, as in life, and nothing may be left of the attempt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sluice_tests::device::{Device, DeviceError, Registered};
use sluice_tests::relay::{Relay, Weather};
use sluice_tests::site::{Issued, Site, wait_for};
use tokio::task::{JoinSet, LocalSet};

use crate::live_steps::{self, State};

/// How often somebody tries before it counts as a failure.
const TRIES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_little_is_lost() -> anyhow::Result<()> {
    everything_ends_right(30, Weather { lost: 50, doubled: 50, delay: Duration::from_millis(50), seed: 1 })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_is_lost() -> anyhow::Result<()> {
    everything_ends_right(30, Weather { lost: 300, doubled: 100, delay: Duration::from_millis(100), seed: 2 })
        .await
}

/// Nothing is lost, but all comes twice and in any order: nothing may be done twice.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_twice() -> anyhow::Result<()> {
    everything_ends_right(15, Weather { lost: 0, doubled: 1_000, delay: Duration::from_millis(200), seed: 3 })
        .await
}

/// So many devices register, keep alive, are played, stopped and de-register, all at once.
async fn everything_ends_right(devices: usize, weather: Weather) -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.invite_timeout_secs = 20;
        settings.start_timeout_secs = 30;
    });
    let site = Arc::new(site.await?);
    live_steps::stays_unwatched(&site);
    let relay = Relay::start(site.sip, weather).await?;
    let streams = LocalSet::new().run_until(lives(&site, &relay, devices)).await?;
    ensure!(streams.len() == devices, "two devices had one stream: {streams:?}");
    let carried = relay.carried();
    println!("{weather:?}: {carried:?}");
    ensure!((carried.lost > 0) == (weather.lost > 0) && carried.doubled > 0, "{carried:?}");
    ensure!(carried.overtaken > 0, "{carried:?}");
    wait_for(|| async { site.zlm.streams().is_empty() }).await.context("the media server has streams left")
}

/// So many devices live their lives behind the relay; the streams that they sent.
async fn lives(site: &Arc<Site>, relay: &Relay, devices: usize) -> anyhow::Result<BTreeSet<String>> {
    let mut lives = JoinSet::new();
    for _ in 0..devices {
        let issued = site.issue(1).await?;
        let mut config = site.recorder(&issued);
        config.platform = relay.address;
        config.speed = 5;
        let device = config.start().await?;
        lives.spawn_local(live(Arc::clone(site), issued, device));
    }
    let mut streams = BTreeSet::new();
    while let Some(lived) = lives.join_next().await {
        streams.insert(lived??);
    }
    Ok(streams)
}

/// A device from its first REGISTER to its last; the stream that it sent.
async fn live(site: Arc<Site>, issued: Issued, device: Device) -> anyhow::Result<String> {
    let registered =
        |answer: Result<Registered, DeviceError>| answer.is_ok_and(|registered| registered.status == 200);
    until("register", async || registered(device.register().await)).await?;
    until("keep alive", async || device.keepalive().await.is_ok_and(|status| status == 200)).await?;
    // What comes to nothing in this weather is asked again with the next keepalive.
    until("tell its channels", async || site.wait_until_on(&issued.channels[0]).await.is_ok()).await?;
    let mut stream = None;
    until("play", async || {
        stream = live_steps::play(&site, &issued).await.ok();
        stream.is_some()
    })
    .await?;
    let stream = stream.context("it was played")?;
    live_steps::flows(&site, &stream, 5).await?;
    // An attempt that failed may be ended by a BYE that has to be repeated.
    let alone = || async { device.open_dialogs().len() == 1 };
    wait_for(alone).await.with_context(|| format!("it has the sessions {:?}", device.open_dialogs()))?;
    until("stop", async || live_steps::stop(&site, &stream).await.is_ok()).await?;
    let closed = async || live_steps::reaches(&site, &stream, State::Closed).await.is_ok();
    until("end the call", closed).await?;
    wait_for(|| async { device.open_dialogs().is_empty() }).await.context("the device still sends")?;
    until("de-register", async || registered(device.deregister().await)).await?;
    until("be refused", async || device.keepalive().await.is_ok_and(|status| status == 403)).await?;
    Ok(stream)
}

/// Tries until it is so.
async fn until(what: &str, mut attempt: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if attempt().await {
            return Ok(());
        }
    }
    anyhow::bail!("{what}: {TRIES} attempts failed")
}

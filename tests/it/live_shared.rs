//! Many callers, one camera.

use std::collections::BTreeSet;
use std::time::Duration;

use sluice_tests::device::{Answer, DeviceEvent};
use sluice_tests::site::{Issued, Reply, Site};
use tokio::task::JoinSet;

use crate::live_steps::{flows, hung_up, invited, last_stream, over, play, received, stays_unwatched, stop};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_get_one_stream() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.answer_delay = Duration::from_millis(300));
    let answers = fifty_at_once(&site, &issued).await?;
    let streams: Result<BTreeSet<String>, _> =
        answers.into_iter().map(|reply| reply.ok().map(|stream| stream["ssrc"].to_string())).collect();
    assert_eq!(streams?.len(), 1);
    assert_eq!(received(&device, "INVITE").len(), 1);

    let stream = last_stream(&site, &issued)?;
    assert_eq!(play(&site, &issued).await?, stream, "one who comes later gets it too");
    assert_eq!(received(&device, "INVITE").len(), 1);
    flows(&site, &stream, 5).await?;
    stop(&site, &stream).await?;
    over(&site, &device, &stream).await?;

    let next = play(&site, &issued).await?;
    assert_ne!(next, stream, "after a stop there is a new one");
    assert_eq!(received(&device, "INVITE").len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_get_one_refusal() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| {
        device.answer = Answer::Refuse(486);
        device.answer_delay = Duration::from_millis(800);
    });
    let answers = fifty_at_once(&site, &issued).await?;
    let codes: BTreeSet<_> = answers.iter().map(|reply| (reply.status, reply.refusal().1)).collect();
    assert_eq!(codes, BTreeSet::from([(408, "1003".to_owned())]));
    assert_eq!(received(&device, "INVITE").len(), 1);
    over(&site, &device, &last_stream(&site, &issued)?).await
}

/// The work goes on in a task of its own: what it opened is there for the next caller, and if none comes, it ends
/// by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_caller_hangs_up_in_the_middle() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = "each";
        settings.start_timeout_secs = 2;
    });
    let site = site.await?;
    stays_unwatched(&site);
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.answer_delay = Duration::from_millis(500));
    tokio::select! {
        called = play(&site, &issued) => anyhow::bail!("answered before the device did: {called:?}"),
        _ = invited(&device) => {}
    }
    device.wait_for(|event| matches!(event, DeviceEvent::Acked { .. })).await?;
    let stream = last_stream(&site, &issued)?;
    assert_eq!(play(&site, &issued).await?, stream);
    assert_eq!(received(&device, "INVITE").len(), 1);
    hung_up(&device).await?;
    over(&site, &device, &stream).await
}

/// Two channels of one recorder are two streams, and one's end is not the other's.
#[tokio::test(flavor = "multi_thread")]
async fn two_channels_are_two_streams() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (mut issued, device) = site.online(2, |config| config.speed = 20).await?;
    stays_unwatched(&site);
    let first = play(&site, &issued).await?;
    issued.channels.swap(0, 1);
    let second = play(&site, &issued).await?;
    assert_ne!(first, second);
    flows(&site, &first, 5).await?;
    stop(&site, &first).await?;
    hung_up(&device).await?;
    assert_eq!(site.zlm.stream(&first), None);
    let so_far = site.zlm.stream(&second).map_or(0, |seen| seen.packets);
    flows(&site, &second, so_far + 5).await?;
    assert_eq!(device.open_dialogs().len(), 1);
    Ok(())
}

async fn fifty_at_once(site: &Site, issued: &Issued) -> anyhow::Result<Vec<Reply>> {
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (api, path) = (site.api.clone(), format!("/devices/{}/play", issued.channels[0]));
        calls.spawn(async move { api.get(&path, &[]).await });
    }
    calls.join_all().await.into_iter().collect()
}

//! The SSRC that we allot, and the ones that devices use instead.

use sluice_tests::device::{Behaviour, SsrcLine};
use sluice_tests::site::Site;

use crate::live_steps::{flows, over, play, stop};

/// What a Hikvision camera answered where `0200009319` was asked for.
const FOREIGN: u32 = 703_001_718;

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_names_none() -> anyhow::Result<()> {
    let silent = |device: &mut Behaviour| device.ssrc_line = SsrcLine::Omit;
    shows("single", "udp", silent).await?;
    shows("each", "udp", silent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_names_another_and_it_comes() -> anyhow::Result<()> {
    let other = |device: &mut Behaviour| {
        device.ssrc_line = SsrcLine::Other(format!("{FOREIGN:010}  "));
        device.rtp_ssrc = Some(FOREIGN);
    };
    shows("single", "udp", other).await?;
    shows("single", "tcp-passive", other).await?;
    shows("each", "udp", other).await?;
    shows("each", "tcp-passive", other).await?;
    shows("each", "tcp-active", other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_names_another_and_ours_comes() -> anyhow::Result<()> {
    let other = |device: &mut Behaviour| device.ssrc_line = SsrcLine::Other(format!("{FOREIGN:010}"));
    shows("single", "udp", other).await?;
    shows("each", "udp", other).await
}

/// Nothing but the media itself tells: its source address at the single port, a port of its own otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_names_ours_and_another_comes() -> anyhow::Result<()> {
    let other = |device: &mut Behaviour| device.rtp_ssrc = Some(FOREIGN);
    shows("single", "udp", other).await?;
    shows("single", "tcp-passive", other).await?;
    shows("each", "udp", other).await?;
    shows("each", "tcp-passive", other).await?;
    shows("each", "tcp-active", other).await
}

/// Region digits 4 to 8, then the sequence: one just freed rests, one in use is never given again.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_made_of_region_and_sequence() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (mut issued, _device) = site.online(2, |_| {}).await?;
    let mut ids = vec![play(&site, &issued).await?];
    issued.channels.swap(0, 1);
    ids.push(play(&site, &issued).await?);
    stop(&site, &ids[0]).await?;
    issued.channels.swap(0, 1);
    ids.push(play(&site, &issued).await?);
    let decimal: Result<Vec<u32>, _> = ids.iter().map(|id| u32::from_str_radix(id, 16)).collect();
    assert_eq!(decimal?, [700_000_000, 700_000_001, 700_000_002]);
    assert!(ids.iter().all(|id| id.len() == 8), "{ids:?}");
    Ok(())
}

/// The picture comes, under the name that the caller was told, and goes when it is stopped.
async fn shows(
    ports: &'static str,
    transport: &'static str,
    quirk: impl Fn(&mut Behaviour),
) -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = ports;
        settings.rtp_transport = transport;
    });
    let site = site.await?;
    // In this server's hurry it would not wait for another SSRC as long as a real one does.
    site.zlm.configure("rtp_proxy.timeoutSec", "300");
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(quirk);
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await.map_err(|error| error.context(format!("{ports} {transport}")))?;
    assert_eq!(site.zlm.streams().len(), 1);
    assert_eq!(stop(&site, &stream).await?, "");
    over(&site, &device, &stream).await
}

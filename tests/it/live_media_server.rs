//! A media server that is down, says no, hangs, forgets.

use std::time::Duration;

use serde_json::json;
use sluice_tests::device::{Device, DeviceEvent};
use sluice_tests::media::Fault;
use sluice_tests::site::{Issued, Settings, Site};
use tokio::time::Instant;

use crate::live_steps::{
    State, flows, hung_up, last_stream, over, play, play_in_vain, received, state_of, stop, watch,
};

/// Longer than the gateway waits for media to come back.
const LONG_ENOUGH: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn it_is_down() -> anyhow::Result<()> {
    for ports in ["single", "each"] {
        let site = Site::start_apart(|settings| settings.rtp_ports = ports).await?;
        let (issued, device) = site.online(1, |config| config.speed = 20).await?;
        site.zlm.kill().await;
        let asked = Instant::now();
        let (status, code, text) = play_in_vain(&site, &issued).await?;
        assert_eq!((status, code.as_str()), (408, "1003"));
        assert!(text.ends_with("not reachable)"), "{text}");
        assert!(asked.elapsed() < Duration::from_secs(3));
        assert_eq!(state_of(&site, &last_stream(&site, &issued)?), Some(State::Closed));
        assert_eq!(received(&device, "INVITE"), [], "the device is not troubled");

        site.zlm.restart().await?;
        let stream = play(&site, &issued).await?;
        flows(&site, &stream, 5).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_no_port() -> anyhow::Result<()> {
    let (site, issued, device) = each("udp").await?;
    site.zlm.fail("openRtpServer", Fault::Code(-400, "no port left".to_owned()), Some(1));
    let text = "流媒体服务错误 (media server: openRtpServer: refused (-400))".to_owned();
    assert_eq!(play_in_vain(&site, &issued).await?, (408, "1003".to_owned(), text));
    over(&site, &device, &last_stream(&site, &issued)?).await?;
    assert_eq!(received(&device, "INVITE"), []);
    Ok(())
}

/// It did what it was asked and could not say so: nobody knows, so it is closed.
#[tokio::test(flavor = "multi_thread")]
async fn it_opens_a_port_and_its_answer_is_lost() -> anyhow::Result<()> {
    let (site, issued, device) = each("udp").await?;
    site.zlm.fail("openRtpServer", Fault::Lost, Some(1));
    let (status, code, _) = play_in_vain(&site, &issued).await?;
    assert_eq!((status, code.as_str()), (408, "1003"));
    over(&site, &device, &last_stream(&site, &issued)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_never_answers() -> anyhow::Result<()> {
    let (site, issued, device) = each("udp").await?;
    site.zlm.fail("openRtpServer", Fault::Hang, Some(1));
    let text = "流媒体服务错误 (media server: openRtpServer: no answer in time)".to_owned();
    assert_eq!(play_in_vain(&site, &issued).await?, (408, "1003".to_owned(), text));
    over(&site, &device, &last_stream(&site, &issued)?).await
}

/// Whatever it answers to the closing of a stream, nobody knows whether it is closed: it is asked again until it says
/// so, and meanwhile the device has its BYE.
#[tokio::test(flavor = "multi_thread")]
async fn it_answers_nonsense_and_is_asked_again() -> anyhow::Result<()> {
    let (site, issued, device) = each("udp").await?;
    site.zlm.fail("openRtpServer", Fault::Rubbish, Some(1));
    let text =
        "流媒体服务错误 (media server: openRtpServer: HTTP status 200, and an answer that makes no sense)";
    assert_eq!(play_in_vain(&site, &issued).await?, (408, "1003".to_owned(), text.to_owned()));
    over(&site, &device, &last_stream(&site, &issued)?).await?;

    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 5).await?;
    site.zlm.fail("closeRtpServer", Fault::Rubbish, Some(1));
    stop(&site, &stream).await?;
    hung_up(&device).await?;
    over(&site, &device, &stream).await
}

/// The device has accepted by then: it gets its BYE.
#[tokio::test(flavor = "multi_thread")]
async fn it_cannot_connect_to_the_device() -> anyhow::Result<()> {
    let (site, issued, device) = each("tcp-active").await?;
    site.zlm.fail("connectRtpServer", Fault::Code(-1, "connection refused".to_owned()), Some(1));
    let text = "流媒体服务错误 (media server: connectRtpServer: refused (-1))".to_owned();
    assert_eq!(play_in_vain(&site, &issued).await?, (408, "1003".to_owned(), text));
    hung_up(&device).await?;
    over(&site, &device, &last_stream(&site, &issued)?).await
}

/// A port that an earlier stream of the same name left open is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn it_has_a_port_of_that_name_already() -> anyhow::Result<()> {
    let (site, issued, device) = each("udp").await?;
    let first = format!("{:08X}", 700_000_000);
    let left_over = json!({"secret": site.zlm.secret(), "port": 0, "tcp_mode": 0, "stream_id": first});
    let url = format!("{}/index/api/openRtpServer", site.zlm.url());
    reqwest::Client::builder().no_proxy().build()?.post(url).json(&left_over).send().await?;
    let stream = play(&site, &issued).await?;
    assert_eq!(stream, first);
    flows(&site, &stream, 5).await?;
    stop(&site, &stream).await?;
    over(&site, &device, &stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_restarts_and_says_so_and_media_goes_on() -> anyhow::Result<()> {
    let (site, issued, device) = checked(300, "single").await?;
    goes_on(&site, &issued, &device, true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_restarts_silently_and_media_goes_on() -> anyhow::Result<()> {
    let (site, issued, device) = checked(1, "single").await?;
    goes_on(&site, &issued, &device, false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_restarts_and_says_so_and_the_port_is_gone() -> anyhow::Result<()> {
    let (site, issued, device) = checked(300, "each").await?;
    let stream = play(&site, &issued).await?;
    watch(&site, &stream).await?;
    site.zlm.restart().await?;
    hung_up(&device).await?;
    over(&site, &device, &stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_restarts_silently_and_the_port_is_gone() -> anyhow::Result<()> {
    let (site, issued, device) = checked(1, "each").await?;
    let stream = play(&site, &issued).await?;
    watch(&site, &stream).await?;
    site.zlm.restart_silently().await?;
    hung_up(&device).await?;
    over(&site, &device, &stream).await
}

/// A camera sends to the single port whether or not somebody listens, so that its stream survives.
async fn goes_on(site: &Site, issued: &Issued, device: &Device, announced: bool) -> anyhow::Result<()> {
    let stream = play(site, issued).await?;
    watch(site, &stream).await?;
    let mark = device.journal().mark();
    match announced {
        true => site.zlm.restart().await?,
        false => site.zlm.restart_silently().await?,
    }
    flows(site, &stream, 5).await?;
    watch(site, &stream).await?;
    let bye = |event: &DeviceEvent| matches!(event, DeviceEvent::Bye { .. });
    assert!(device.journal().wait_after(mark, LONG_ENOUGH, bye).await.is_err(), "the stream was ended");
    assert_eq!(state_of(site, &stream), Some(State::Flowing));
    assert_eq!(play(site, issued).await?, stream);
    assert_eq!(stop(site, &stream).await?, "");
    over(site, device, &stream).await
}

async fn each(transport: &'static str) -> anyhow::Result<(Site, Issued, Device)> {
    up(|settings| {
        settings.rtp_ports = "each";
        settings.rtp_transport = transport;
    })
    .await
}

/// A gateway that compares its streams with the media server so often.
async fn checked(seconds: u64, ports: &'static str) -> anyhow::Result<(Site, Issued, Device)> {
    up(|settings| {
        settings.rtp_ports = ports;
        settings.check_interval_secs = seconds;
    })
    .await
}

async fn up(change: impl FnOnce(&mut Settings)) -> anyhow::Result<(Site, Issued, Device)> {
    let site = Site::start_apart(change).await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    Ok((site, issued, device))
}

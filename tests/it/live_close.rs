//! How a stream ends, whoever ends it, and that nothing stays open.

use serde_json::json;
use sluice_tests::device::DeviceEvent;
use sluice_tests::media::{Fault, Played, Protocol};
use sluice_tests::site::Site;

use crate::live_steps::{
    State, flows, hung_up, invited, over, play, reaches, received, state_of, stays_unwatched, stop, watch,
    why,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_device_hangs_up() -> anyhow::Result<()> {
    for ports in ["single", "each"] {
        let site = Site::start_with(|settings| settings.rtp_ports = ports).await?;
        let (issued, device) = site.online(1, |config| config.speed = 20).await?;
        let stream = play(&site, &issued).await?;
        flows(&site, &stream, 5).await?;
        assert_eq!(device.hang_up(&invited(&device).await?).await?, 200);
        over(&site, &device, &stream).await?;
        assert_eq!(why(&site, &stream)?, "the device hung up");
        assert_eq!(received(&device, "BYE"), [], "its own BYE is enough");
        assert!(stop(&site, &stream).await?.starts_with("视频流不存在或已关闭"));
    }
    Ok(())
}

/// A BYE that is not answered is tried again, in a new transaction, until it is; meanwhile the row stays, and the
/// channel can be played anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_device_ignores_bye() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    stays_unwatched(&site);
    let first = play(&site, &issued).await?;
    let call = invited(&device).await?;
    device.behave(|device| device.ignore_bye = true);
    assert_eq!(stop(&site, &first).await?, "");
    assert_eq!(state_of(&site, &first), Some(State::Closing));
    assert!(stop(&site, &first).await?.starts_with("视频流不存在或已关闭"));
    let second = play(&site, &issued).await?;
    assert_ne!(second, first);

    device.behave(|device| device.ignore_bye = false);
    let ended = DeviceEvent::Bye { call_id: call, status: Some(200) };
    device.wait_for(|event| *event == ended).await?;
    reaches(&site, &first, State::Closed).await?;
    let mut numbers: Vec<_> = received(&device, "BYE").iter().map(|bye| bye.cseq().map(|(n, _)| n)).collect();
    numbers.dedup();
    assert_eq!(numbers, [Some(2), Some(3)]);
    assert_eq!(device.open_dialogs().len(), 1, "the second stream goes on");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_loses_power_and_comes_back() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 5).await?;
    device.reboot().await?;
    reaches(&site, &stream, State::Closing).await?;
    assert_eq!(device.register().await?.status, 200);
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(481), .. })).await?;
    over(&site, &device, &stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_media_comes() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.start_timeout_secs = 1).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.no_media = true);
    let stream = play(&site, &issued).await?;
    hung_up(&device).await?;
    over(&site, &device, &stream).await?;
    assert_eq!(why(&site, &stream)?, "no media came in time");
    Ok(())
}

/// RTP alone is no picture: the media server asks whether it may come in, and then finds nothing in it.
#[tokio::test(flavor = "multi_thread")]
async fn only_rubbish_comes() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.start_timeout_secs = 1).await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.undecodable = true);
    let stream = play(&site, &issued).await?;
    site.zlm.wait_hook("on_publish", |_| true).await?;
    hung_up(&device).await?;
    reaches(&site, &stream, State::Closed).await?;
    assert_eq!(why(&site, &stream)?, "no media came in time");
    Ok(())
}

/// The media server gives up on a port of its own long before we would.
#[tokio::test(flavor = "multi_thread")]
async fn the_media_server_tells_that_no_media_comes() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = "each";
        settings.start_timeout_secs = 60;
    });
    let site = site.await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.no_media = true);
    let stream = play(&site, &issued).await?;
    let hook = site.zlm.wait_hook("on_rtp_server_timeout", |body| body["stream_id"] == stream).await?;
    assert_eq!(hook.answer, Some(json!({"code": 0, "msg": "success"})));
    hung_up(&device).await?;
    over(&site, &device, &stream).await?;
    assert_eq!(why(&site, &stream)?, "no media within the media server's time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_viewer_comes() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.start_timeout_secs = 1).await?;
    stays_unwatched(&site);
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 5).await?;
    let refused = site.zlm.play(&stream, Protocol::Rtmp, "sign=wrong").await;
    assert!(matches!(refused, Played::Refused { .. }), "{refused:?}");
    hung_up(&device).await?;
    over(&site, &device, &stream).await?;
    assert_eq!(why(&site, &stream)?, "no viewer came in time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_viewer_leaves() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.start_timeout_secs = 60).await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    let viewers = [watch(&site, &stream).await?, watch(&site, &stream).await?];
    assert!(site.zlm.stop_player(&viewers[0]));
    assert_eq!(state_of(&site, &stream), Some(State::Flowing));
    assert!(site.zlm.stop_player(&viewers[1]));
    let hook = site.zlm.wait_hook("on_stream_none_reader", |body| body["stream"] == stream).await?;
    assert_eq!(hook.answer, Some(json!({"code": 0, "close": true})));
    hung_up(&device).await?;
    over(&site, &device, &stream).await?;
    assert_eq!(why(&site, &stream)?, "no viewer is left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_viewer_leaves_and_the_operator_wants_it_to_go_on() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.idle_close = false).await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    let viewer = watch(&site, &stream).await?;
    assert!(site.zlm.stop_player(&viewer));
    let hook = site.zlm.wait_hook("on_stream_none_reader", |body| body["stream"] == stream).await?;
    assert_eq!(hook.answer, Some(json!({"code": 0, "close": false})));
    let so_far = site.zlm.stream(&stream).map_or(0, |seen| seen.packets);
    flows(&site, &stream, so_far + 100).await?;
    assert_eq!(state_of(&site, &stream), Some(State::Flowing));
    assert_eq!(received(&device, "BYE"), []);
    Ok(())
}

/// What cannot be closed at the media server is tried again too.
#[tokio::test(flavor = "multi_thread")]
async fn the_media_server_does_not_close_at_once() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.rtp_ports = "each").await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    let stream = play(&site, &issued).await?;
    watch(&site, &stream).await?;
    site.zlm.fail("closeRtpServer", Fault::Code(-400, "busy".to_owned()), Some(1));
    assert_eq!(stop(&site, &stream).await?, "");
    assert_eq!(state_of(&site, &stream), Some(State::Closing));
    over(&site, &device, &stream).await?;
    assert_eq!(received(&device, "BYE").len(), 1, "the device had answered");
    Ok(())
}

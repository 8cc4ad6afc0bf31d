//! Media flows, and the gateway is killed, or the media server with it, or the device: what still flows goes on,
//! what does not is ended.

use sluice_tests::device::{DeviceEvent, SsrcLine};

use crate::live_steps::received;
use crate::scene::{CASES, Case, Scene};

/// What a Hikvision camera sends where another SSRC was asked for.
const FOREIGN: u32 = 703_001_718;

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_media_flows() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        let stream = scene.flowing().await?;
        scene.restart().await?;
        scene.goes_on(&stream).await?;
    }
    Ok(())
}

/// The device's BYE met nobody.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_the_device_hangs_up_meanwhile() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.flowing().await?;
        scene.kill().await?;
        scene.hangs_up_unheard().await?;
        scene.open().await?;
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(481), .. })).await?;
        scene.ends().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_the_device_reboots_meanwhile() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.flowing().await?;
        scene.kill().await?;
        scene.device.reboot().await?;
        scene.open().await?;
        assert_eq!(scene.device.register().await?.status, 200);
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(481), .. })).await?;
        scene.ends().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_reboots() -> anyhow::Result<()> {
    for case in CASES {
        let scene = Scene::set(case).await?;
        scene.flowing().await?;
        scene.device.reboot().await?;
        assert_eq!(scene.device.register().await?.status, 200);
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(481), .. })).await?;
        scene.ends().await?;
    }
    Ok(())
}

/// The media server tells of its start, or that is lost and the regular check finds out.
#[tokio::test(flavor = "multi_thread")]
async fn the_media_server_is_restarted() -> anyhow::Result<()> {
    for case in CASES {
        for announced in [true, false] {
            let interval = if announced { 300 } else { 1 };
            let scene = Scene::set_with(case, |settings| settings.check_interval_secs = interval).await?;
            let stream = scene.flowing().await?;
            restart_media(&scene, announced).await?;
            outlives_its_port(&scene, case, &stream).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_and_media_server_are_restarted() -> anyhow::Result<()> {
    for case in CASES {
        for announced in [true, false] {
            let mut scene = Scene::set(case).await?;
            let stream = scene.flowing().await?;
            scene.kill().await?;
            restart_media(&scene, announced).await?;
            scene.open().await?;
            outlives_its_port(&scene, case, &stream).await?;
        }
    }
    Ok(())
}

/// The media server asks about a stream whose SSRC only the device's answer, or nothing but its address, explains:
/// an answer that the earlier run got.
#[tokio::test(flavor = "multi_thread")]
async fn both_are_restarted_and_media_comes_under_another_ssrc() -> anyhow::Result<()> {
    for named in [true, false] {
        let mut scene = Scene::set(CASES[0]).await?;
        scene.device.behave(|device| {
            device.rtp_ssrc = Some(FOREIGN);
            if named {
                device.ssrc_line = SsrcLine::Other(format!("{FOREIGN:010}"));
            }
        });
        let stream = scene.flowing().await?;
        scene.kill().await?;
        restart_media(&scene, false).await?;
        scene.open().await?;
        scene.goes_on(&stream).await?;
    }
    Ok(())
}

async fn restart_media(scene: &Scene, announced: bool) -> anyhow::Result<()> {
    match announced {
        true => scene.house.zlm.restart().await?,
        false => scene.house.zlm.restart_silently().await?,
    }
    Ok(())
}

/// A device sends to the single port whether or not somebody listens, so that its stream survives; a port of its
/// own is gone.
async fn outlives_its_port(scene: &Scene, case: Case, stream: &str) -> anyhow::Result<()> {
    if case.ports == "single" {
        return scene.goes_on(stream).await;
    }
    scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    assert_eq!(received(&scene.device, "INVITE").len(), 1);
    scene.ends().await
}

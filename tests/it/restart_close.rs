//! The gateway is killed while a stream is being closed: the end goes on where it was.

use sluice_tests::device::DeviceEvent;
use sluice_tests::journal::PATIENCE;
use sluice_tests::media::Fault;

use crate::live_steps::received;
use crate::scene::{CASES, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_bye_is_not_answered() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        let stream = scene.flowing().await?;
        scene.device.behave(|device| device.ignore_bye = true);
        stop_in_vain(&scene, &stream);
        scene.sees("BYE").await?;
        scene.kill().await?;
        scene.device.behave(|device| device.ignore_bye = false);
        scene.open().await?;
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
        scene.is_over().await?;
        let mut numbers: Vec<_> =
            received(&scene.device, "BYE").iter().map(|bye| bye.cseq().map(|(number, _)| number)).collect();
        numbers.dedup();
        assert_eq!(numbers, [Some(2), Some(3)], "no CSeq is used twice");
        scene.ends().await?;
    }
    Ok(())
}

/// The device has answered its BYE: it gets no other.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_media_server_does_not_close() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        let stream = scene.flowing().await?;
        let close = if case.ports == "each" { "closeRtpServer" } else { "close_streams" };
        let mark = scene.house.zlm.call_journal().mark();
        scene.house.zlm.fail(close, Fault::Hang, None);
        stop_in_vain(&scene, &stream);
        scene.house.zlm.call_journal().wait_after(mark, PATIENCE, |call| call.name == close).await?;
        scene.kill().await?;
        scene.house.zlm.heal();
        scene.open().await?;
        scene.is_over().await?;
        assert_eq!(received(&scene.device, "BYE").len(), 1);
        scene.ends().await?;
    }
    Ok(())
}

/// Its BYE cannot reach a device that has lost power; it gets one when it is back, wherever that is.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_device_is_away() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set_with(case, |settings| {
            settings.keepalive_interval_secs = 1;
            settings.keepalive_misses = 2;
        })
        .await?;
        let stream = scene.flowing().await?;
        scene.device.reboot().await?;
        stop_in_vain(&scene, &stream);
        let closing = || async { scene.last_stream().is_ok_and(|(_, state)| state == "4") };
        sluice_tests::site::wait_for(closing).await?;
        scene.restart().await?;
        assert_eq!(scene.open_rows()?, "1", "a BYE is owed");
        assert_eq!(scene.device.register().await?.status, 200);
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(481), .. })).await?;
        scene.is_over().await?;
    }
    Ok(())
}

/// A caller stops the stream, and the gateway dies before it can tell him.
fn stop_in_vain(scene: &Scene, stream: &str) {
    let (api, path) = (scene.process.api.clone(), format!("/play/{stream}/stop"));
    tokio::spawn(async move {
        // Nobody hears the answer.
        let _ = api.get(&path, &[]).await;
    });
}

//! The gateway, or the media server, is restarted while a stream is being recorded.

use serde_json::Value;
use sluice_tests::site::{Notified, wait_for};

use crate::scene::{CASES, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_goes_on_and_can_be_stopped() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        let (stream, recording) = recorded(&scene).await?;
        scene.restart().await?;
        scene.more(&stream).await?;
        let again = scene.process.api.get(&format!("/play/{stream}/record"), &[]).await?.refusal();
        assert_eq!((again.0, again.1.as_str()), (400, "1002"), "{again:?}");
        let url = scene.process.api.get(&format!("/record/{recording}/stop"), &[]).await?.ok()?;
        assert!(url.as_str().is_some_and(|url| url.contains(&stream)), "{url}");
        scene.goes_on(&stream).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_at_its_limit_all_the_same() -> anyhow::Result<()> {
    let receiver = Notified::start().await?;
    let mut scene = Scene::set_with(CASES[0], |settings| {
        settings.notify.clone_from(&receiver.url);
        settings.extra = "[record]\nmax = 2\n".to_owned();
    })
    .await?;
    let (stream, recording) = recorded(&scene).await?;
    scene.restart().await?;
    let told = receiver.wait("records.stop", &[("stream", &stream), ("order", "7")]).await?;
    assert!(told["data"]["url"].as_str().is_some_and(|url| url.ends_with(".mp4")), "{told}");
    assert_eq!(state(&scene, &recording)?, "done");
    scene.goes_on(&stream).await
}

/// The file is finished and told of while nobody listens. It is found, told by `records.stop`, and its hook, should
/// it come after all, changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_told_of_meanwhile_is_found() -> anyhow::Result<()> {
    for case in CASES {
        let receiver = Notified::start().await?;
        let mut scene = Scene::set_with(case, |settings| settings.notify.clone_from(&receiver.url)).await?;
        let (stream, recording) = recorded(&scene).await?;
        scene.kill().await?;
        scene.hangs_up_unheard().await?;
        let lost = scene.house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
        assert_eq!(lost.status, None);
        scene.open().await?;

        let told = receiver.wait("records.stop", &[("stream", &stream), ("order", "7")]).await?;
        let url = lost.body["url"].as_str().unwrap_or_default();
        assert!(told["data"]["url"].as_str().is_some_and(|told| told.ends_with(url)), "{told}");
        scene.is_over().await?;
        scene.process.api.hook("on_record_mp4", &lost.body).await?;
        assert_eq!(state(&scene, &recording)?, "done");
        let stopped = scene.process.api.get(&format!("/record/{recording}/stop"), &[]).await?.ok()?;
        assert_eq!(stopped, told["data"]["url"]);
        assert_eq!(stops(&receiver), 1);
    }
    Ok(())
}

/// What was written is lost with the media server; the recording goes on with what comes.
#[tokio::test(flavor = "multi_thread")]
async fn the_media_server_is_restarted_under_a_recording() -> anyhow::Result<()> {
    for killed in [true, false] {
        let mut scene = Scene::set_with(CASES[0], |settings| settings.check_interval_secs = 1).await?;
        let (stream, recording) = recorded(&scene).await?;
        if killed {
            scene.kill().await?;
        }
        scene.house.zlm.restart_silently().await?;
        if killed {
            scene.open().await?;
        }
        let writes = || async { scene.house.zlm.stream(&stream).is_some_and(|seen| seen.recording) };
        wait_for(writes).await?;
        scene.more(&stream).await?;
        let url = scene.process.api.get(&format!("/record/{recording}/stop"), &[]).await?.ok()?;
        assert!(url.as_str().is_some_and(|url| url.contains(&stream)), "{url}");
    }
    Ok(())
}

/// A stream that is being recorded; its id and the recording's.
async fn recorded(scene: &Scene) -> anyhow::Result<(String, String)> {
    let stream = scene.flowing().await?;
    let begun = scene.process.api.get(&format!("/play/{stream}/record"), &[("order", "7")]).await?.ok()?;
    scene.more(&stream).await?;
    Ok((stream, begun.as_str().unwrap_or_default().to_owned()))
}

fn state(scene: &Scene, recording: &str) -> rusqlite::Result<String> {
    scene.process.row("SELECT state FROM recordings WHERE id = ?1", recording)
}

fn stops(receiver: &Notified) -> usize {
    receiver.all().iter().filter(|told: &&Value| told["method"] == "records.stop").count()
}

//! Recording streams at the media server.

use serde_json::json;
use sluice_tests::site::{Notified, Site, wait_for};

use crate::live_steps::{flows, over, play, stays_unwatched};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_recorded_and_the_caller_gets_its_file() -> anyhow::Result<()> {
    let site = Site::start().await?;
    stays_unwatched(&site);
    let (issued, _device) = site.online(1, |config| config.speed = 5).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 10).await?;

    let recording = site.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
    let recording = recording.as_str().unwrap_or_default();
    assert_eq!(recording.len(), 32, "{recording}");
    let again = site.api.get(&format!("/play/{stream}/record"), &[]).await?.refusal();
    assert_eq!((again.0, again.1.as_str()), (400, "1002"), "{again:?}");

    more(&site, &stream).await?;
    let url = site.api.get(&format!("/record/{stream}/stop"), &[]).await?.ok()?;
    let url = url.as_str().unwrap_or_default();
    let expected = format!("/record/rtp/{stream}/");
    assert!(url.contains(&expected) && url.ends_with(".mp4"), "{url}");
    let same = site.api.get(&format!("/record/{recording}/stop"), &[]).await?.ok()?;
    assert_eq!(same, url, "by the recording's id, after it ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_cannot_be_recorded_or_stopped() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for path in ["/play/0BEBC201/record", "/play/nonsense/record", "/record/0BEBC201/stop", "/record/x/stop"]
    {
        let (status, code, _) = site.api.get(path, &[]).await?.refusal();
        assert_eq!((status, code.as_str()), (400, "1002"), "{path}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_at_its_limit_and_tells_so_with_the_calls_own_query() -> anyhow::Result<()> {
    let receiver = Notified::start().await?;
    let site = Site::start_with(|settings| {
        settings.notify.clone_from(&receiver.url);
        settings.extra = "[record]\nmax = 1\n".to_owned();
    })
    .await?;
    stays_unwatched(&site);
    let (issued, _device) = site.online(1, |config| config.speed = 5).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 10).await?;
    site.api.get(&format!("/play/{stream}/record"), &[("order", "7"), ("who", "我")]).await?.ok()?;

    let told = receiver.wait("records.stop", &[("stream", &stream)]).await?;
    let data = &told["data"];
    assert_eq!((&data["app"], &data["order"], &data["who"]), (&"rtp".into(), &"7".into(), &"我".into()));
    assert!(data["url"].as_str().is_some_and(|url| url.ends_with(".mp4")), "{data}");
    assert_eq!(data.get("sign"), None);
    let stopped = site.api.get(&format!("/record/{stream}/stop"), &[]).await?.refusal();
    assert_eq!(stopped.1, "1002", "it is not being recorded any more: {stopped:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_waited_for_is_told() -> anyhow::Result<()> {
    let receiver = Notified::start().await?;
    let site = Site::start_with(|settings| settings.notify.clone_from(&receiver.url)).await?;
    stays_unwatched(&site);
    let (issued, _device) = site.online(1, |config| config.speed = 5).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 10).await?;
    site.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
    more(&site, &stream).await?;
    site.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?;
    let told = receiver.wait("records.stop", &[("stream", &stream)]).await?;
    assert!(told["data"]["url"].as_str().is_some_and(|url| url.ends_with(".mp4")), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_watches_goes_on_while_it_is_recorded() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, _device) = site.online(1, |config| config.speed = 5).await?;
    // The media server's own word comes when it likes; it is said here when it matters.
    stays_unwatched(&site);
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 1).await?;
    site.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
    let unwatched = json!({ "app": "rtp", "stream": stream, "schema": "rtmp", "vhost": "__defaultVhost__" });
    let asked = || site.api.hook("on_stream_none_reader", &unwatched);
    assert_eq!(asked().await?, json!({ "code": 0, "close": false }));
    more(&site, &stream).await?;
    site.api.get(&format!("/record/{stream}/stop"), &[]).await?.ok()?;
    assert_eq!(asked().await?, json!({ "code": 0, "close": true }));
    Ok(())
}

/// The file was waited for in vain, and the recording given up. It is told when it comes after all, and once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_when_its_recording_was_given_up_is_told_once() -> anyhow::Result<()> {
    let receiver = Notified::start().await?;
    let site = Site::start_with(|settings| settings.notify.clone_from(&receiver.url)).await?;
    stays_unwatched(&site);
    let (issued, _device) = site.online(1, |config| config.speed = 5).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 10).await?;
    let recording = site.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
    let recording = recording.as_str().unwrap_or_default();
    more(&site, &stream).await?;
    site.zlm.set_hook_base("http://127.0.0.1:9/index/hook");
    site.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?;
    let lost = site.zlm.wait_hook("on_record_mp4", |body| body["stream"] == stream).await?;
    let given_up = "UPDATE recordings SET state = 'failed', why = 'given up' WHERE id = ?1";
    assert_eq!(rusqlite::Connection::open(&site.database)?.execute(given_up, [recording])?, 1);

    for _ in 0..2 {
        assert_eq!(site.api.hook("on_record_mp4", &lost.body).await?["code"], 0);
    }
    let told = receiver.wait("records.stop", &[("stream", &stream)]).await?;
    let url = site.api.get(&format!("/record/{recording}/stop"), &[]).await?.ok()?;
    assert_eq!(told["data"]["url"], url);
    let stops = receiver.all().into_iter().filter(|told| told["method"] == "records.stop");
    assert_eq!(stops.count(), 1);
    Ok(())
}

/// The media server dies, and the file that it wrote with it. The recording fails rather than stay open for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_whose_file_never_comes_fails() -> anyhow::Result<()> {
    let site = Site::start_apart(|settings| {
        settings.rtp_ports = "each";
        settings.check_interval_secs = 1;
        settings.extra = "[record]\nfile_timeout_secs = 1\n".to_owned();
    })
    .await?;
    stays_unwatched(&site);
    let (issued, device) = site.online(1, |config| config.speed = 5).await?;
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 10).await?;
    let recording = site.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
    let recording = recording.as_str().unwrap_or_default();
    site.zlm.restart_silently().await?;
    over(&site, &device, &stream).await?;
    let failed = || async {
        let sql = "SELECT state || ': ' || why FROM recordings WHERE id = ?1";
        site.row(sql, recording).is_ok_and(|row| row == "failed: the media server has no file of it")
    };
    wait_for(failed).await?;
    let (status, code, _) = site.api.get(&format!("/record/{recording}/stop"), &[]).await?.refusal();
    assert_eq!((status, code.as_str()), (400, "1002"));
    Ok(())
}

/// Waits for another three seconds of pictures: a file begins with a key frame, and there is one every two.
async fn more(site: &Site, stream: &str) -> anyhow::Result<()> {
    let so_far = site.zlm.stream(stream).map_or(0, |seen| seen.packets);
    flows(site, stream, so_far + 60).await
}

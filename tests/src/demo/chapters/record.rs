//! A live stream is recorded at the media server.

use anyhow::{Context as _, ensure};

use super::Live;
use crate::house::House;
use crate::narration::Narration;

/// Starts and stops a recording of `live`.
pub(crate) async fn record(house: &House, live: &Live, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "The stream is recorded, and the recording stopped",
        "the media server reports the file (on_record_mp4), and its URL is answered",
    );
    let recording = house.call(&format!("/play/{}/record", live.id), &[], tell).await?;
    let id = recording.as_str().context("the answer is no id")?;
    ensure!(id.len() == 32, "{id} has not 32 characters");
    let before = house.zlm.stream(&live.id).context("the stream is gone")?.packets;
    let recorded = |stream: &sluice_tests::media::StreamSeen| stream.packets > before + 20;
    let enough = || async { house.zlm.stream(&live.id).as_ref().is_some_and(recorded) };
    sluice_tests::site::wait_for(enough).await.context("nothing to record came")?;
    let url = house.call(&format!("/record/{id}/stop"), &[], tell).await?;
    let hook = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == live.id.as_str()).await?;
    let [name, size, seconds] = ["file_name", "file_size", "time_len"].map(|key| &hook.body[key]);
    tell.saw(&format!("media server: on_record_mp4 {name}, {size} bytes, {seconds:.1} s"));
    let path = hook.body["url"].as_str().context("the hook has no url")?;
    ensure!(url == format!("{}/{path}", house.zlm.url()), "the URL is {url}");
    tell.done();
    Ok(())
}

//! A live stream is recorded at the media server.

use anyhow::{Context as _, ensure};
use sluice_tests::journal::PATIENCE;
use sluice_tests::media::{HookSent, StreamSeen};
use sluice_tests::site::wait_for;

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
    grows(house, live).await?;
    let url = house.call(&format!("/record/{id}/stop"), &[], tell).await?;
    let hook = house.zlm.wait_hook("on_record_mp4", |body| body["stream"] == live.id.as_str()).await?;
    let [name, size, seconds] = ["file_name", "file_size", "time_len"].map(|key| &hook.body[key]);
    tell.saw(&format!("media server: on_record_mp4 {name}, {size} bytes, {seconds:.1} s"));
    let path = hook.body["url"].as_str().context("the hook has no url")?;
    ensure!(url == format!("{}/{path}", house.zlm.url()), "the URL is {url}");
    tell.done();
    Ok(())
}

/// A file that the media server tells of too late for the caller.
pub(crate) async fn late(house: &House, live: &Live, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "It is recorded again, and the media server's word on the file is late",
        "the caller is told so after a second (ten, unless configured), and records.stop brings the file's URL",
    );
    house.call(&format!("/play/{}/record", live.id), &[("order", "7")], tell).await?;
    grows(house, live).await?;
    let mark = house.zlm.hook_journal().mark();
    house.zlm.set_hook_base("http://127.0.0.1:9/index/hook");
    let path = format!("/record/{}/stop", live.id);
    let reply = house.gateway.api.get(&path, &[]).await?;
    tell.saw(&format!("GET {path}?sign=…\n    {} {}", reply.status, reply.envelope));
    ensure!(reply.refusal().1 == "1003", "the caller was not told");
    let file = |hook: &HookSent| hook.name == "on_record_mp4" && hook.body["stream"] == live.id.as_str();
    let lost = house.zlm.hook_journal().wait_after(mark, PATIENCE, file).await?;
    house.zlm.set_hook_base(&format!("http://{}/index/hook", house.gateway.http));
    house.gateway.api.hook("on_record_mp4", &lost.body).await?;
    let told = house.notified.wait("records.stop", &[("stream", &live.id), ("order", "7")]).await?;
    tell.saw(&format!("media server: on_record_mp4 {}, late\nPOST {told}", lost.body["file_name"]));
    tell.done();
    Ok(())
}

/// Waits for something to record.
async fn grows(house: &House, live: &Live) -> anyhow::Result<()> {
    let before = house.zlm.stream(&live.id).context("the stream is gone")?.packets;
    let recorded = |stream: &StreamSeen| stream.packets > before + 20;
    let enough = || async { house.zlm.stream(&live.id).as_ref().is_some_and(recorded) };
    wait_for(enough).await.context("nothing to record came")
}

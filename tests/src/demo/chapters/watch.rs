//! Viewers, and the media that they get.

use anyhow::{Context as _, ensure};
use sluice_tests::media::{Played, Protocol};
use sluice_tests::site::wait_for;

use super::{Guest, Live};
use crate::house::House;
use crate::narration::Narration;

/// One without a sign, one with.
pub(crate) async fn viewers(house: &House, live: &Live, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A viewer without a sign asks for the stream",
        "the gateway refuses, and the media server answers 401",
    );
    tell.saw(&format!("GET {}/rtp/{}/hls.m3u8", house.zlm.url(), live.id));
    let refused = house.zlm.play(&live.id, Protocol::Hls, "").await;
    let Played::Refused { message } = refused else { anyhow::bail!("the viewer got {refused:?}") };
    tell.saw(&format!("    401 {message}"));
    tell.done();

    tell.step("A viewer with the right sign asks for it", "the viewer is let in and counted");
    let query = house.gateway.api.player_query(&live.id, &[]);
    tell.saw(&format!("GET {}/rtp/{}.live.flv?{query}", house.zlm.url(), live.id));
    let played = house.zlm.play(&live.id, Protocol::Flv, &query).await;
    ensure!(matches!(played, Played::Ok { .. }), "the viewer got {played:?}");
    let readers = house.zlm.stream(&live.id).context("the stream is gone")?.readers;
    tell.saw(&format!("    plays; the media server counts {readers} viewer"));
    ensure!(readers == 1, "one viewer is expected");
    tell.done();
    Ok(())
}

/// A viewer of a stream that does not exist.
pub(crate) async fn nothing(house: &House, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step(
        "A viewer asks for a stream that is not there",
        "the media server asks the gateway (on_stream_not_found), which has the viewer sent away at once",
    );
    let id = "0BEBC201";
    tell.saw(&format!("GET {}/rtp/{id}.live.flv?sign=…", house.zlm.url()));
    let played = house.zlm.play(id, Protocol::Flv, &house.gateway.api.player_query(id, &[])).await;
    let hook = house.zlm.wait_hook("on_stream_not_found", |body| body["stream"] == id).await?;
    let answer = hook.answer.unwrap_or_default();
    tell.saw(&format!("media server: on_stream_not_found {id}\n    answered {answer}"));
    ensure!(answer["close"] == true && played == Played::NotFound, "the viewer got {played:?}");
    tell.done();
    Ok(())
}

/// RTP is counted twice.
pub(crate) async fn packets(
    house: &House,
    guest: &Guest,
    live: &Live,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        "RTP packets are counted at the media server",
        "their number rises, none is lost, all bear the SSRC of the offer",
    );
    let first = house.zlm.stream(&live.id).context("the stream is gone")?;
    tell.saw(&format!("{} packets, {} bytes, from {}", first.packets, first.bytes, first.peer));
    let wanted = first.packets + 50;
    let more = || async { house.zlm.stream(&live.id).is_some_and(|stream| stream.packets >= wanted) };
    wait_for(more).await.context("no more packets came")?;
    let second = house.zlm.stream(&live.id).context("the stream is gone")?;
    let sent = guest.device.packets_sent(&live.call_id);
    tell.saw(&format!("{} packets, {} bytes; the device has sent {sent}", second.packets, second.bytes));
    ensure!(second.lost == 0, "{} packets were lost", second.lost);
    ensure!(format!("{:08X}", second.ssrc) == live.id, "the packets bear SSRC {:08X}", second.ssrc);
    tell.done();
    Ok(())
}

//! Steps that the tests of live streams share.

use sluice_tests::device::{Device, DeviceEvent};
use sluice_tests::media::{Played, Protocol};
use sluice_tests::sip::Message;
use sluice_tests::site::{Issued, Site, wait_for};

/// Plays the first channel; the stream's id.
pub(crate) async fn play(site: &Site, issued: &Issued) -> anyhow::Result<String> {
    let stream = site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    Ok(stream["ssrc"].as_str().unwrap_or_default().to_owned())
}

/// Plays the first channel, in vain; HTTP status, code and text.
pub(crate) async fn play_in_vain(site: &Site, issued: &Issued) -> anyhow::Result<(u16, String, String)> {
    Ok(site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.refusal())
}

/// Asks to stop a stream; what the gateway says.
pub(crate) async fn stop(site: &Site, stream: &str) -> anyhow::Result<String> {
    let said = site.api.get(&format!("/play/{stream}/stop"), &[]).await?.ok()?;
    Ok(said.as_str().unwrap_or_default().to_owned())
}

/// Watches a stream; the viewer's id.
pub(crate) async fn watch(site: &Site, stream: &str) -> anyhow::Result<String> {
    match site.zlm.play(stream, Protocol::Rtmp, &site.api.player_query(stream, &[])).await {
        Played::Ok { player } => Ok(player),
        other => anyhow::bail!("{stream} cannot be watched: {other:?}"),
    }
}

/// Keeps the media server from asking what becomes of a stream that nobody watches, for as long as a test takes.
pub(crate) fn stays_unwatched(site: &Site) {
    site.zlm.configure("general.streamNoneReaderDelayMS", "2000000");
}

/// Waits until the media server has so many packets of a stream, and can show it.
pub(crate) async fn flows(site: &Site, stream: &str, packets: u64) -> anyhow::Result<()> {
    let there = || async {
        site.zlm.stream(stream).is_some_and(|seen| seen.packets >= packets && !seen.schemas.is_empty())
    };
    wait_for(there).await
}

/// Waits until the row of a stream has that state.
pub(crate) async fn reaches(site: &Site, stream: &str, state: State) -> anyhow::Result<()> {
    wait_for(|| async { state_of(site, stream) == Some(state) }).await
}

/// Waits until a stream is over everywhere: its row is closed, and device and media server hold nothing.
pub(crate) async fn over(site: &Site, device: &Device, stream: &str) -> anyhow::Result<()> {
    reaches(site, stream, State::Closed).await?;
    assert_eq!(device.open_dialogs(), [""; 0], "the device is still in a call");
    assert_eq!(site.zlm.stream(stream), None, "the media server still has the stream");
    assert_eq!(site.zlm.servers(), [], "the media server still has a port open");
    Ok(())
}

/// What a row says of how far its stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Answered,
    Flowing,
    Closing,
    Closed,
}

/// The state in the last row of that name.
pub(crate) fn state_of(site: &Site, stream: &str) -> Option<State> {
    let sql = "SELECT CAST(state AS TEXT) FROM streams WHERE stream = ?1 ORDER BY id DESC LIMIT 1";
    match site.row(sql, stream).ok()?.as_str() {
        "2" => Some(State::Answered),
        "3" => Some(State::Flowing),
        "4" => Some(State::Closing),
        "5" => Some(State::Closed),
        _ => None,
    }
}

/// Why a stream was closed.
pub(crate) fn why(site: &Site, stream: &str) -> rusqlite::Result<String> {
    site.row("SELECT why FROM streams WHERE stream = ?1 ORDER BY id DESC LIMIT 1", stream)
}

/// The stream that was opened last for the first channel, whatever became of it.
pub(crate) fn last_stream(site: &Site, issued: &Issued) -> rusqlite::Result<String> {
    let sql = "SELECT stream FROM streams WHERE channel = ?1 ORDER BY id DESC LIMIT 1";
    site.row(sql, &issued.channels[0])
}

/// The requests of that method that reached the device's socket, retransmissions too.
pub(crate) fn received(device: &Device, method: &str) -> Vec<Message> {
    let messages = device.events().into_iter().filter_map(|event| match event {
        DeviceEvent::Received { message } => Some(message),
        _ => None,
    });
    messages.filter(|message| message.status().is_none() && message.method() == method).collect()
}

/// Waits for the end of the call that the gateway's BYE brings.
pub(crate) async fn hung_up(device: &Device) -> anyhow::Result<()> {
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    Ok(())
}

/// Waits for the INVITE; its Call-ID.
pub(crate) async fn invited(device: &Device) -> anyhow::Result<String> {
    let event = device.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
    let DeviceEvent::Invited { call_id, .. } = event else { unreachable!("waited for no other") };
    Ok(call_id)
}

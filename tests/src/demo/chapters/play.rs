//! A live stream is asked for (GB/T 28181 §9.2).

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sluice_tests::device::DeviceEvent;

use super::{Guest, Live};
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

/// The recorder's first channel.
pub(crate) async fn first(house: &House, recorder: &Guest, tell: &mut Narration) -> anyhow::Result<Live> {
    tell.step(
        "A caller plays the recorder's first channel",
        "INVITE, 200, ACK with one SSRC in offer and answer; its media reaches the media server",
    );
    let live = play(house, recorder, tell).await?;
    hooks(house, &live, tell).await?;
    tell.done();
    Ok(live)
}

/// The camera's channel: the same, with SIP over TCP.
pub(crate) async fn over_tcp(house: &House, camera: &Guest, tell: &mut Narration) -> anyhow::Result<Live> {
    tell.step(
        "A caller plays the camera, whose SIP goes over TCP",
        "it sends media too, under an SSRC of its own",
    );
    let live = play(house, camera, tell).await?;
    hooks(house, &live, tell).await?;
    tell.done();
    Ok(live)
}

/// The channel of one that is soon gone.
pub(crate) async fn third(house: &House, guest: &Guest, tell: &mut Narration) -> anyhow::Result<Live> {
    tell.step("Its channel is played", "its media reaches the media server");
    let live = play(house, guest, tell).await?;
    hooks(house, &live, tell).await?;
    tell.done();
    Ok(live)
}

/// A second caller for the same channel.
pub(crate) async fn again(
    house: &House,
    recorder: &Guest,
    live: &Live,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        "A second caller plays the same channel",
        "the same stream is answered, and the device hears nothing",
    );
    let mark = recorder.device.journal().mark();
    let stream = house.call(&format!("/devices/{}/play", live.channel), &[], tell).await?;
    ensure!(stream["ssrc"] == live.id.as_str(), "another stream was answered: {}", stream["ssrc"]);
    let invited = |event: &DeviceEvent| matches!(event, DeviceEvent::Invited { .. });
    ensure!(!recorder.device.events()[mark..].iter().any(invited), "the device was invited again");
    tell.done();
    Ok(())
}

/// Plays the first channel live.
async fn play(house: &House, guest: &Guest, tell: &Narration) -> anyhow::Result<Live> {
    open(house, guest, &format!("/devices/{}/play", guest.channels[0]), &[], tell).await
}

/// Makes a call that opens a stream of the first channel, and checks what the device saw.
pub(crate) async fn open(
    house: &House,
    guest: &Guest,
    path: &str,
    query: &[(&str, &str)],
    tell: &Narration,
) -> anyhow::Result<Live> {
    let (device, channel) = (&guest.device, &guest.channels[0]);
    let mark = device.journal().mark();
    let stream = house.call(path, query, tell).await?;
    let id = stream["ssrc"].as_str().context("the answer has no ssrc")?.to_owned();
    let events = &device.events()[mark..];
    let invited = events.iter().find_map(|event| match event {
        DeviceEvent::Invited { call_id, channel, ssrc, .. } => Some((call_id, channel, ssrc)),
        _ => None,
    });
    let (call_id, invited, ssrc) = invited.context("the device was not invited")?;
    ensure!(invited == channel, "the INVITE was for {invited}");
    let acked =
        |event: &DeviceEvent| matches!(event, DeviceEvent::Acked { call_id: acked } if acked == call_id);
    let acked = device.wait_for(acked).await;
    tell.saw(&exchange::lines(&device.events()[mark..], |message| message.call_id() == call_id));
    acked.context("no ACK")?;
    let number: u32 = ssrc.parse().with_context(|| format!("y={ssrc} is no SSRC"))?;
    ensure!(format!("{number:08X}") == id, "y={ssrc} is not stream {id}");
    tell.saw(&format!("y={ssrc} is {id} in hexadecimal: the stream's name everywhere"));
    Ok(Live { id, call_id: call_id.clone(), channel: channel.clone() })
}

/// What the media server told the gateway of the stream, and was answered.
pub(crate) async fn hooks(house: &House, live: &Live, tell: &Narration) -> anyhow::Result<()> {
    let publish = house.zlm.wait_hook("on_publish", |body| body["stream"] == live.id.as_str()).await?;
    let answer = publish.answer.unwrap_or_default();
    tell.saw(&format!("media server: on_publish {} from {}", live.id, from(&publish.body)));
    tell.saw(&format!("    answered {answer}"));
    ensure!(answer["code"] == 0, "the gateway does not want the stream");
    let playable = |body: &Value| {
        body["stream"] == live.id.as_str() && body["schema"] == "rtmp" && body["regist"] == true
    };
    let changed = house.zlm.wait_hook("on_stream_changed", playable).await?;
    let tracks = changed.body["tracks"].as_array().into_iter().flatten();
    let tracks: Vec<&str> = tracks.filter_map(|track| track["codec_id_name"].as_str()).collect();
    tell.saw(&format!(
        "media server: on_stream_changed {} regist=true, schema rtmp, {}",
        live.id,
        tracks.join(" ")
    ));
    Ok(())
}

fn from(publish: &Value) -> String {
    format!("{}:{}", publish["ip"].as_str().unwrap_or("?"), publish["port"])
}

//! `--keep`: everything runs on, and a person tries it.

use sluice_tests::media::Protocol;
use tokio::signal::unix::{SignalKind, signal};

use crate::chapters::Cast;
use crate::house::House;
use crate::narration::Narration;

/// Plays a channel, prints what to try, and waits for Ctrl-C or SIGTERM.
pub(crate) async fn until_interrupted(
    house: &House,
    cast: &Cast,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step("A channel is played for you, with a viewer that stays", "you end it all with Ctrl-C");
    let channel = &cast.recorder.channels[0];
    let stream = house.call(&format!("/devices/{channel}/play"), &[], tell).await?;
    let id = stream["ssrc"].as_str().unwrap_or_default();
    house.zlm.play(id, Protocol::Rtmp, &house.gateway.api.player_query(id, &[])).await;
    tell.line(&to_try(house, cast, id));
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tell.done();
    Ok(())
}

/// Commands that work as they stand, in any shell.
fn to_try(house: &House, cast: &Cast, stream: &str) -> String {
    let api = &house.gateway.api;
    let signed = |path: &str| format!("curl '{}{path}?sign={}'", api.base(), api.sign(path, &[]));
    let (base, zlm, secret) = (api.base(), house.zlm.url(), &house.secret);
    let watch = format!("{zlm}/rtp/{stream}/hls.m3u8");
    let query = api.player_query(stream, &[]);
    let [play, camera, stop] = [
        format!("/devices/{}/play", cast.recorder.channels[1]),
        format!("/devices/{}/play", cast.camera.channels[0]),
        format!("/play/{stream}/stop"),
    ]
    .map(|path| signed(&path));
    let log = house.gateway.log.display();
    format!(
        "
      Watch the stream (the simulated media server sends a playlist without pictures), and without a sign:
        curl '{watch}?{query}'
        curl '{watch}'
      Play another channel of the recorder, and the camera. Unwatched streams close after a minute:
        {play}
        {camera}
      Stop the first stream:
        {stop}
      Any other call: the sign is the MD5 of path, sorted pairs without sign, and secret.
        call() {{ curl \"{base}$1?$2&sign=$(printf '%s' \"$1$2{secret}\" | md5sum | cut -c1-32)\"; }}
        call /users 'name=gate&pwd=12345678'
      All calls: curl '{base}/openapi.json'
      The gateway's log: {log}
"
    )
}

//! Play and stop.

use sluice_tests::device::DeviceEvent;
use sluice_tests::media::{Played, Protocol};
use sluice_tests::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_played_watched_and_stopped() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let channel = &issued.channels[0];

    let stream = site.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    let id = stream["ssrc"].as_str().expect("a stream id");
    assert_eq!(stream["deviceid"], channel.as_str());

    let unsigned = site.zlm.play(id, Protocol::Hls, "").await;
    assert!(matches!(unsigned, Played::Refused { .. }), "{unsigned:?}");
    let signed = site.zlm.play(id, Protocol::Rtmp, &site.api.player_query(id, &[])).await;
    assert!(matches!(signed, Played::Ok { .. }), "{signed:?}");

    assert_eq!(site.api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?, "");
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
    assert_eq!(device.open_dialogs(), [""; 0]);
    assert_eq!(site.zlm.stream(id), None);
    Ok(())
}

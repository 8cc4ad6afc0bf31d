//! A stream is stopped.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use sluice_tests::device::DeviceEvent;

use super::{Guest, Live};
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Stops `live`, and looks for what is left of it.
pub(crate) async fn stop(
    house: &House,
    guest: &Guest,
    live: &Live,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        &format!("Stream {} is stopped", live.id),
        "the device gets BYE and stops sending; the media server has the stream no more",
    );
    let mark = guest.device.journal().mark();
    house.call(&format!("/play/{}/stop", live.id), &[], tell).await?;
    over(house, guest, live, mark, tell).await?;
    tell.done();
    Ok(())
}

/// Waits until nothing is left of `live`, and tells what the device saw since `mark`.
pub(crate) async fn over(
    house: &House,
    guest: &Guest,
    live: &Live,
    mark: usize,
    tell: &Narration,
) -> anyhow::Result<()> {
    let Guest { device, .. } = guest;
    let over = |event: &DeviceEvent| matches!(event, DeviceEvent::Bye { call_id, status: Some(200) } if *call_id == live.call_id);
    let over = device.wait_for(over).await;
    tell.saw(&exchange::lines(&device.events()[mark..], |message| message.call_id() == live.call_id));
    over.context("no BYE")?;
    ensure!(!device.is_sending(&live.call_id), "the device still sends");
    tell.saw(&format!("the device sent {} RTP packets in all", device.packets_sent(&live.call_id)));
    let gone = house.zlm.wait_streams(PATIENCE, |streams| streams.iter().all(|stream| stream.id != live.id));
    ensure!(gone.await, "the media server still has the stream");
    tell.saw(&format!("media server: no stream {}", live.id));
    Ok(())
}

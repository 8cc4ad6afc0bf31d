//! What is left at the end: nothing.

use anyhow::{Context as _, ensure};
use sluice_tests::site::wait_for;

use super::Guest;
use crate::house::House;
use crate::narration::Narration;

/// Streams that are not closed.
const OPEN: &str = "SELECT count(*) FROM streams WHERE state < 5";

/// No dialogs, no media, no open rows.
pub(crate) async fn nothing_left(
    house: &House,
    guests: &[&Guest],
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step("What is left of all that?", "nothing: no dialog, no media, no open row");
    let dialogs: usize = guests.iter().map(|guest| guest.device.open_dialogs().len()).sum();
    tell.saw(&format!("{dialogs} dialogs at the devices"));
    let (streams, servers) = (house.zlm.streams().len(), house.zlm.servers().len());
    tell.saw(&format!("{streams} streams and {servers} RTP servers at the media server"));
    let closed = wait_for(|| async { house.count(OPEN).is_ok_and(|open| open == 0) }).await;
    let all = house.count("SELECT count(*) FROM streams")?;
    tell.saw(&format!("{} of {all} streams open in the gateway's database", house.count(OPEN)?));
    closed.context("streams are still open in the database")?;
    ensure!((dialogs, streams, servers) == (0, 0, 0), "something is left");
    tell.done();
    Ok(())
}

/// The gateway is told to end.
pub(crate) async fn leave(house: &mut House, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step("The gateway gets SIGTERM", "it ends by itself, with exit code 0");
    house.gateway.terminate().await?;
    tell.done();
    Ok(())
}

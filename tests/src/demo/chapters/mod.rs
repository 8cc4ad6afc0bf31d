//! The walk: from nothing to streams that were played, recorded and stopped.

mod archive;
mod arrive;
mod cleanup;
pub(crate) mod end;
mod notify;
mod play;
mod record;
mod refuse;
mod stop;
mod watch;
mod withdraw;

use sluice_tests::device::Device;

use crate::house::House;
use crate::narration::Narration;

/// A registered device and the channels that were issued for it.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) device: Device,
    pub(crate) channels: Vec<String>,
}

/// Who is there at the end.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) recorder: Guest,
    pub(crate) camera: Guest,
}

/// A stream that was opened.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its id: the SSRC as eight upper-case hexadecimal digits.
    pub(crate) id: String,
    /// The dialog's, as the device knows it.
    pub(crate) call_id: String,
    pub(crate) channel: String,
}

/// All chapters, in order.
pub(crate) async fn walk(house: &House, tell: &mut Narration) -> anyhow::Result<Cast> {
    let recorder = arrive::recorder(house, tell).await?;
    let camera = arrive::camera(house, tell).await?;
    refuse::wrong_password(house, &recorder, tell).await?;
    refuse::no_sign(house, &recorder, tell).await?;

    let live = play::first(house, &recorder, tell).await?;
    watch::viewers(house, &live, tell).await?;
    watch::nothing(house, tell).await?;
    watch::packets(house, &recorder, &live, tell).await?;
    play::again(house, &recorder, &live, tell).await?;
    record::record(house, &live, tell).await?;
    record::late(house, &live, tell).await?;
    let second = play::over_tcp(house, &camera, tell).await?;
    stop::stop(house, &recorder, &live, tell).await?;
    stop::stop(house, &camera, &second, tell).await?;

    archive::files(house, &recorder, tell).await?;
    archive::replay(house, &recorder, tell).await?;
    cleanup::expire(house, tell).await?;

    withdraw::rename(house, &recorder, tell).await?;
    let passer_by = arrive::passer_by(house, tell).await?;
    let last = play::third(house, &passer_by, tell).await?;
    withdraw::channel(house, &passer_by, &last, tell).await?;
    withdraw::device(house, &passer_by, tell).await?;

    notify::notifications(house, &recorder, &camera, tell).await?;
    end::nothing_left(house, &[&recorder, &camera, &passer_by], tell).await?;
    Ok(Cast { recorder, camera })
}

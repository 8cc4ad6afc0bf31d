//! Ids are issued, devices register, and the gateway asks them what they are.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sluice_tests::device::{Device, DeviceConfig, DeviceEvent, Transport};
use sluice_tests::site::{PASSWORD, wait_for};

use super::{Guest, archive};
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

/// How often the devices keep alive: often enough to be seen with `--keep`.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A recorder with four channels, over UDP.
pub(crate) async fn recorder(house: &House, tell: &mut Narration) -> anyhow::Result<Guest> {
    tell.step("Ids are issued for a recorder and four channels", "the gateway issues twenty digits each");
    let (id, channels) = issue(house, 4, tell).await?;
    tell.done();

    let sip = house.gateway.sip;
    let device = start(&id, &channels, Transport::Udp, sip, |config| {
        "NVR-4".clone_into(&mut config.model);
        archive::fill(config);
    });
    let device = device.await?;
    tell.step(
        "The recorder registers over UDP",
        "it is challenged (401), answers with Digest and is let in (200)",
    );
    register(&device, tell).await?;
    tell.done();

    tell.step("The gateway asks it what it is", "device and channels are known, and the channels are ON");
    let guest = Guest { device, channels };
    known(house, &guest, tell).await?;
    tell.done();
    Ok(guest)
}

/// A camera that is one channel, over TCP.
pub(crate) async fn camera(house: &House, tell: &mut Narration) -> anyhow::Result<Guest> {
    tell.step("A camera comes too, over TCP", "it registers as well, and its channel is known and ON");
    let (id, channels) = issue(house, 1, tell).await?;
    let device = start(&id, &channels, Transport::Tcp, house.gateway.sip_tcp, |config| {
        "IPC-1".clone_into(&mut config.model);
    });
    let device = device.await?;
    register(&device, tell).await?;
    let guest = Guest { device, channels };
    known(house, &guest, tell).await?;
    tell.done();
    Ok(guest)
}

/// A camera over UDP that does not stay.
pub(crate) async fn passer_by(house: &House, tell: &mut Narration) -> anyhow::Result<Guest> {
    tell.step("A third device is issued and registers", "it is let in, and its channel is ON");
    let (id, channels) = issue(house, 1, tell).await?;
    let device = start(&id, &channels, Transport::Udp, house.gateway.sip, |_| {}).await?;
    register(&device, tell).await?;
    let guest = Guest { device, channels };
    known(house, &guest, tell).await?;
    tell.done();
    Ok(guest)
}

/// Asks the API for a user device and its channels.
async fn issue(house: &House, count: usize, tell: &Narration) -> anyhow::Result<(String, Vec<String>)> {
    let user = house.call("/users", &[("pwd", PASSWORD)], tell).await?;
    let device = id_of(&user)?;
    let mut channels = Vec::new();
    for _ in 0..count {
        let channel = house.call(&format!("/users/{device}/devices"), &[], tell).await?;
        channels.push(id_of(&channel)?);
    }
    Ok((device, channels))
}

fn id_of(answer: &Value) -> anyhow::Result<String> {
    let id = answer["deviceid"].as_str().context("the answer has no deviceid")?;
    ensure!(id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id} is no id of 20 digits");
    Ok(id.to_owned())
}

async fn start(
    id: &str,
    channels: &[String],
    transport: Transport,
    platform: SocketAddr,
    change: impl FnOnce(&mut DeviceConfig),
) -> anyhow::Result<Device> {
    let mut config = DeviceConfig::recorder(id, PASSWORD, platform, channels.iter().cloned());
    config.transport = transport;
    config.keepalive = Some(KEEPALIVE);
    change(&mut config);
    Ok(config.start().await?)
}

async fn register(device: &Device, tell: &Narration) -> anyhow::Result<()> {
    let registered = device.register().await?;
    tell.saw(&exchange::lines(&device.events(), |message| message.method() == "REGISTER"));
    ensure!(registered.statuses == [401, 200], "the answers were {:?}", registered.statuses);
    Ok(())
}

/// Waits until the gateway knows what the device answered to its queries.
async fn known(house: &House, guest: &Guest, tell: &Narration) -> anyhow::Result<()> {
    let Guest { device, channels } = guest;
    for command in ["DeviceInfo", "Catalog"] {
        let asked = |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command: asked, .. } if asked == command);
        device.wait_for(asked).await?;
    }
    let (id, model) = (device.id(), &device.config().model);
    let sql = format!(
        "SELECT count(*) FROM channels JOIN users ON users.deviceid = pdid
         WHERE pdid = '{id}' AND status = 'ON' AND users.model = '{model}'"
    );
    let all = i64::try_from(channels.len())?;
    let complete = || async { house.count(&sql).is_ok_and(|on| on == all) };
    let complete = wait_for(complete).await;
    tell.saw(&exchange::lines(&device.events(), |message| message.method() == "MESSAGE"));
    complete.context("model and channels are not in the database")?;
    let user = house.gateway.api.get(&format!("/users/{id}/update"), &[]).await?.ok()?;
    let [maker, model, firmware] = ["manufacturer", "model", "firmware"].map(|name| &user[name]);
    tell.saw(&format!("known: manufacturer {maker}, model {model}, firmware {firmware}, channels ON: {all}"));
    Ok(())
}

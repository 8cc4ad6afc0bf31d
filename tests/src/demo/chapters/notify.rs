//! What was notified meanwhile.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use super::Guest;
use crate::house::House;
use crate::narration::Narration;

/// Both registrations, a keepalive, and the channels' status.
pub(crate) async fn notifications(
    house: &House,
    recorder: &Guest,
    camera: &Guest,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        "Notifications came meanwhile",
        "users.regiester for each device, devices.active for each channel, users.active for a keepalive",
    );
    recorder.device.keepalive().await?;
    let result = arrived(house, recorder, camera).await;
    let mut told = BTreeMap::<String, usize>::new();
    for one in house.notified.all() {
        *told.entry(one["method"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
    }
    for (method, times) in told {
        tell.saw(&format!("POST {method}: {times}"));
    }
    let last = result?;
    tell.saw(&format!("one of them: {last}"));
    tell.done();
    Ok(())
}

async fn arrived(house: &House, recorder: &Guest, camera: &Guest) -> anyhow::Result<Value> {
    for guest in [recorder, camera] {
        wait(house, "users.regiester", &[("deviceid", guest.device.id())]).await?;
        for channel in &guest.channels {
            wait(house, "devices.active", &[("deviceid", channel), ("status", "ON")]).await?;
        }
    }
    wait(house, "users.active", &[("deviceid", recorder.device.id()), ("status", "OK")]).await
}

async fn wait(house: &House, method: &str, data: &[(&str, &str)]) -> anyhow::Result<Value> {
    house.notified.wait(method, data).await.with_context(|| format!("no {method} with {data:?}"))
}

//! What was issued is changed, and taken back.

use anyhow::ensure;
use serde_json::Value;
use sluice_tests::site::PASSWORD;

use super::{Guest, Live, stop};
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

/// The recorder gets another name.
pub(crate) async fn rename(house: &House, recorder: &Guest, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step("A caller renames the recorder", "name changes, and nothing else");
    let path = format!("/users/{}/update", recorder.device.id());
    let user = house.call(&path, &[("name", "前门")], tell).await?;
    ensure!((&user["name"], &user["pwd"]) == (&Value::from("前门"), &Value::from(PASSWORD)), "it is {user}");
    tell.done();
    Ok(())
}

/// Its channel is deleted while it is played.
pub(crate) async fn channel(
    house: &House,
    guest: &Guest,
    live: &Live,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        "Its channel is deleted while it is played",
        "the stream is stopped first; afterwards there is no such channel",
    );
    let mark = guest.device.journal().mark();
    house.call(&format!("/devices/{}/delete", live.channel), &[], tell).await?;
    stop::over(house, guest, live, mark, tell).await?;
    refused(house, &format!("/devices/{}/play", live.channel), tell).await?;
    tell.done();
    Ok(())
}

/// The device is deleted too.
pub(crate) async fn device(house: &House, guest: &Guest, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step("The device is deleted too", "it is a stranger now, and is not let in any more");
    let id = guest.device.id();
    house.call(&format!("/users/{id}/delete"), &[], tell).await?;
    let mark = guest.device.journal().mark();
    let status = guest.device.register().await?.status;
    tell.saw(&exchange::lines(&guest.device.events()[mark..], |message| message.method() == "REGISTER"));
    ensure!(status == 403, "it was answered {status}");
    refused(house, &format!("/users/{id}/update"), tell).await?;
    tell.done();
    Ok(())
}

/// A call that names what is gone.
async fn refused(house: &House, path: &str, tell: &Narration) -> anyhow::Result<()> {
    let reply = house.gateway.api.get(path, &[]).await?;
    tell.saw(&format!("GET {path}?sign=…\n    {} {}", reply.status, reply.envelope));
    let (status, code, _) = reply.refusal();
    ensure!((status, code.as_str()) == (400, "1002"), "the answer was {status}, code {code}");
    Ok(())
}

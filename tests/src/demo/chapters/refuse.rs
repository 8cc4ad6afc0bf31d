//! Who is not let in.

use anyhow::{Context as _, ensure};
use sluice_tests::device::{Credentials, DeviceConfig};
use sluice_tests::site::PASSWORD;

use super::Guest;
use crate::exchange;
use crate::house::House;
use crate::narration::Narration;

/// Somebody else tries the recorder's id with a wrong password.
pub(crate) async fn wrong_password(
    house: &House,
    recorder: &Guest,
    tell: &mut Narration,
) -> anyhow::Result<()> {
    tell.step(
        "Somebody else uses the recorder's id with a wrong password",
        "it is not let in, and the recorder stays registered where it was",
    );
    let id = recorder.device.id();
    let thief = DeviceConfig::recorder(id, PASSWORD, house.gateway.sip, []).start().await?;
    let refused = thief.register_with(Credentials::Wrong("a guess".to_owned())).await?;
    tell.saw(&exchange::lines(&thief.events(), |message| message.method() == "REGISTER"));
    ensure!(matches!(refused.status, 401 | 403), "the last answer was {}", refused.status);
    let user = house.gateway.api.get(&format!("/users/{id}/update"), &[]).await?.ok()?;
    let port = recorder.device.address().port().to_string();
    let known = user["report"].as_str().context("the answer has no report")?;
    tell.saw(&format!("the recorder is known at port {known}"));
    ensure!(known == port, "the recorder is at port {port}");
    tell.done();
    Ok(())
}

/// The API wants a sign.
pub(crate) async fn no_sign(house: &House, recorder: &Guest, tell: &mut Narration) -> anyhow::Result<()> {
    tell.step("The API is called without a sign", "it is refused: HTTP 401, code \"1000\"");
    let path = format!("/devices/{}/play", recorder.channels[0]);
    tell.saw(&format!("GET {path}"));
    let reply = house.gateway.api.get_unsigned(&path, &[]).await?;
    tell.saw(&format!("    {} {}", reply.status, reply.envelope));
    let (status, code, _) = reply.refusal();
    ensure!((status, code.as_str()) == (401, "1000"), "the answer was {status}, code {code}");
    tell.done();
    Ok(())
}

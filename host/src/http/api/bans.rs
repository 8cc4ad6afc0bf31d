//! Devices that get no answer at a source, because their password was wrong there too often.

use axum::extract::State;

use crate::{
    gateway::{BanShown, Gateway},
    http::{
        reply::{Data, Envelope, Failure},
        request::Query,
    },
};

/// The bans in force.
#[utoipa::path(get, path = "/bans", operation_id = "bans", tag = "bans",
    responses((status = 200, description = "By device and source.", body = Envelope<Vec<BanShown>>), Failure))]
pub(in crate::http) async fn list(State(gateway): State<Gateway>) -> Data<Vec<BanShown>> {
    Data(gateway.bans())
}

/// Lifts bans: those of a device, of a source, of both together; all of them where neither is given.
#[utoipa::path(delete, path = "/bans", operation_id = "lift_bans", tag = "bans",
    params(
        ("device" = Option<String>, Query, description = "The user device's id."),
        ("source" = Option<String>, Query, description = "The IP address that it was banned at.")),
    responses((status = 200, description = "How many there were.", body = Envelope<usize>), Failure))]
pub(in crate::http) async fn lift(
    State(gateway): State<Gateway>,
    query: Query,
) -> Result<Data<usize>, Failure> {
    let (device, source) = (query.optional("device")?, query.optional("source")?);
    Ok(Data(gateway.lift_bans(device.as_deref(), source.as_deref())?))
}

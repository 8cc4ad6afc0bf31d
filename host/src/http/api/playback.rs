//! Recordings on the device: played back, and listed.

use axum::extract::State;

use crate::{
    gateway::{Gateway, Playback, RecordList},
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
};

/// Plays a period of a channel's recording. Every call has a stream of its own.
#[utoipa::path(get, path = "/devices/{id}/replay", operation_id = "replay", tag = "streams",
    params(
        ("id" = String, Path, description = "The channel device's id."),
        ("start" = i64, Query, description = "Unix seconds."),
        ("end" = i64, Query, description = "Unix seconds, after `start`.")),
    responses((status = 200, description = "The stream.", body = Envelope<Playback>), Failure))]
pub(in crate::http) async fn replay(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<Playback>, Failure> {
    let (start, end) = (query.number("start")?, query.number("end")?);
    Ok(Data(gateway.replay(&id, start, end).await?))
}

/// Lists what a channel has recorded in a period. After ten seconds what came by then is answered.
#[utoipa::path(get, path = "/devices/{id}/files", operation_id = "files", tag = "recordings",
    params(
        ("id" = String, Path, description = "The channel device's id."),
        ("start" = i64, Query, description = "Unix seconds."),
        ("end" = i64, Query, description = "Unix seconds, after `start`.")),
    responses((status = 200, description = "What is recorded, by day.", body = Envelope<RecordList>), Failure))]
pub(in crate::http) async fn files(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<RecordList>, Failure> {
    let (start, end) = (query.number("start")?, query.number("end")?);
    Ok(Data(gateway.files(&id, start, end).await?))
}

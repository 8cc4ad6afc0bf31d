//! Recording streams at the media server.

use axum::extract::State;

use crate::{
    gateway::Gateway,
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
};

/// Begins to record a stream.
#[utoipa::path(get, path = "/play/{id}/record", operation_id = "record", tag = "recordings",
    params(("id" = String, Path, description = "The stream's ssrc.")),
    responses((status = 200, description = "The recording's id.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn start(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<String>, Failure> {
    Ok(Data(gateway.record(&id, query.into_pairs()).await?))
}

/// Ends a recording and waits for its file, ten seconds at most.
#[utoipa::path(get, path = "/record/{id}/stop", operation_id = "record_stop", tag = "recordings",
    params(("id" = String, Path, description = "The stream's ssrc, or the recording's id.")),
    responses((status = 200, description = "The file's URL.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn stop(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<String>, Failure> {
    Ok(Data(gateway.record_stop(&id).await?))
}

//! Live streams.

use axum::extract::State;

use crate::{
    gateway::{Gateway, Playback, Stopped},
    http::{
        reply::{Data, Envelope, Failure, NO_STREAM_TO_STOP},
        request::Id,
    },
};

/// Starts a channel's live stream, or joins the one that is there.
#[utoipa::path(get, path = "/devices/{id}/play", operation_id = "play", tag = "streams",
    params(("id" = String, Path, description = "The channel device's id.")),
    responses((status = 200, description = "The stream.", body = Envelope<Playback>), Failure))]
pub(in crate::http) async fn play(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<Playback>, Failure> {
    Ok(Data(gateway.play(&id).await?))
}

/// Closes a stream, live or not. One that is not there is no failure: a text says so.
#[utoipa::path(get, path = "/play/{id}/stop", operation_id = "stop", tag = "streams",
    params(("id" = String, Path, description = "The stream's ssrc.")),
    responses((status = 200, description = "Empty, or a text.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn stop(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<&'static str>, Failure> {
    let stopped = gateway.stop(&id).await?;
    Ok(Data(match stopped {
        Stopped::Closed => "",
        Stopped::NotThere => NO_STREAM_TO_STOP,
    }))
}

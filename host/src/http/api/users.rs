//! User devices.

use axum::extract::State;

use crate::{
    gateway::{Gateway, UserDevice},
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
};

/// Issues a user device's id.
#[utoipa::path(get, path = "/users", operation_id = "create_user", tag = "user devices",
    params(
        ("pwd" = String, Query, description = "The password it will register with."),
        ("name" = Option<String>, Query, description = "Its name; the new id if not given.")),
    responses((status = 200, description = "The new user device.", body = Envelope<UserDevice>), Failure))]
pub(in crate::http) async fn create(
    State(gateway): State<Gateway>,
    query: Query,
) -> Result<Data<UserDevice>, Failure> {
    let user = gateway.create_user(query.optional("name")?, query.needed("pwd")?).await?;
    Ok(Data(user))
}

/// Changes a user device's name or password, each only where given.
#[utoipa::path(get, path = "/users/{id}/update", operation_id = "update_user", tag = "user devices",
    params(
        ("id" = String, Path, description = "The user device's id."),
        ("pwd" = Option<String>, Query, description = "Its new password."),
        ("name" = Option<String>, Query, description = "Its new name.")),
    responses((status = 200, description = "The user device.", body = Envelope<UserDevice>), Failure))]
pub(in crate::http) async fn update(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<UserDevice>, Failure> {
    let user = gateway.update_user(&id, query.optional("name")?, query.optional("pwd")?).await?;
    Ok(Data(user))
}

/// Deletes a user device and its channel devices; their streams are stopped first.
#[utoipa::path(get, path = "/users/{id}/delete", operation_id = "delete_user", tag = "user devices",
    params(("id" = String, Path, description = "The user device's id.")),
    responses((status = 200, description = "Empty.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn delete(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<&'static str>, Failure> {
    gateway.delete_user(&id).await?;
    Ok(Data(""))
}

//! The policy plugins.

use axum::extract::State;

use crate::{
    gateway::{Gateway, PluginStatus},
    http::reply::{Data, Envelope, Failure},
};

/// Every plugin and every file in their folder.
#[utoipa::path(get, path = "/plugins", operation_id = "plugins", tag = "plugins",
    responses((status = 200, description = "What is in force, and how it does.", body = Envelope<Vec<PluginStatus>>), Failure))]
pub(in crate::http) async fn list(State(gateway): State<Gateway>) -> Data<Vec<PluginStatus>> {
    Data(gateway.plugins())
}

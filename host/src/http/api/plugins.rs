//! The policy plugins.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{Gateway, PluginStatus},
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
};

/// A value in a plugin's memory.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PluginValue {
    /// Under which the plugin finds it.
    #[schema(example = "waiting/37070000081118000001")]
    key: String,
    /// The value; bytes that are not UTF-8 are shown as �.
    #[schema(example = "192.0.2.20:5060")]
    value: String,
    /// Its bytes.
    size: usize,
}

/// Every plugin and every file in their folder.
#[utoipa::path(get, path = "/plugins", operation_id = "plugins", tag = "plugins",
    responses((status = 200, description = "What is in force, and how it does.", body = Envelope<Vec<PluginStatus>>), Failure))]
pub(in crate::http) async fn list(State(gateway): State<Gateway>) -> Data<Vec<PluginStatus>> {
    Data(gateway.plugins())
}

/// What a plugin has stored.
#[utoipa::path(get, path = "/plugins/{name}/values", operation_id = "plugin_values", tag = "plugins",
    params(
        ("name" = String, Path, description = "The plugin's name, which is its file's without `.wasm`."),
        ("prefix" = Option<String>, Query, description = "What the values' names begin with; all of them if not given.")),
    responses((status = 200, description = "Its values, by name.", body = Envelope<Vec<PluginValue>>), Failure))]
pub(in crate::http) async fn values(
    State(gateway): State<Gateway>,
    Id(plugin): Id,
    query: Query,
) -> Result<Data<Vec<PluginValue>>, Failure> {
    let values = gateway.plugin_values(&plugin, &query.optional("prefix")?.unwrap_or_default())?;
    let shown = |(key, value): (String, Vec<u8>)| PluginValue {
        key,
        value: String::from_utf8_lossy(&value).into_owned(),
        size: value.len(),
    };
    Ok(Data(values.into_iter().map(shown).collect()))
}

/// Stores a value in a plugin's memory, where the plugin finds it with its next call.
#[utoipa::path(get, path = "/plugins/{name}/values/write", operation_id = "plugin_value_write", tag = "plugins",
    params(
        ("name" = String, Path, description = "The plugin's name, which is its file's without `.wasm`."),
        ("key" = String, Query, description = "The value's name. Which names count for what, the plugin says."),
        ("value" = Option<String>, Query, description = "The value; empty if not given.")),
    responses((status = 200, description = "Empty.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn write_value(
    State(gateway): State<Gateway>,
    Id(plugin): Id,
    query: Query,
) -> Result<Data<&'static str>, Failure> {
    let value = query.optional("value")?.unwrap_or_default();
    gateway.write_plugin_value(&plugin, query.needed("key")?, Some(value)).await?;
    Ok(Data(""))
}

/// Forgets a value in a plugin's memory.
#[utoipa::path(get, path = "/plugins/{name}/values/forget", operation_id = "plugin_value_forget", tag = "plugins",
    params(
        ("name" = String, Path, description = "The plugin's name, which is its file's without `.wasm`."),
        ("key" = String, Query, description = "The value's name.")),
    responses((status = 200, description = "Empty.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn forget_value(
    State(gateway): State<Gateway>,
    Id(plugin): Id,
    query: Query,
) -> Result<Data<&'static str>, Failure> {
    gateway.write_plugin_value(&plugin, query.needed("key")?, None).await?;
    Ok(Data(""))
}

/// Brings the candidate beside a plugin into force; what was in force is kept.
#[utoipa::path(get, path = "/plugins/{name}/promote", operation_id = "plugin_promote", tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name, which is its file's without `.wasm`.")),
    responses((status = 200, description = "What is in force now.", body = Envelope<PluginStatus>), Failure))]
pub(in crate::http) async fn promote(
    State(gateway): State<Gateway>,
    Id(name): Id,
) -> Result<Data<PluginStatus>, Failure> {
    Ok(Data(gateway.promote(name).await?))
}

/// Brings back what was in force before a plugin; what is in force is kept in its turn.
#[utoipa::path(get, path = "/plugins/{name}/demote", operation_id = "plugin_demote", tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name, which is its file's without `.wasm`.")),
    responses((status = 200, description = "What is in force now.", body = Envelope<PluginStatus>), Failure))]
pub(in crate::http) async fn demote(
    State(gateway): State<Gateway>,
    Id(name): Id,
) -> Result<Data<PluginStatus>, Failure> {
    Ok(Data(gateway.demote(name).await?))
}

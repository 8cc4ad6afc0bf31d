//! Channel devices.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::Gateway,
    http::{
        reply::{Data, Envelope, Failure},
        request::Id,
    },
    store,
};

/// Issues a channel device's id under a user device.
#[utoipa::path(get, path = "/users/{id}/devices", operation_id = "create_channel", tag = "channel devices",
    params(("id" = String, Path, description = "The user device's id.")),
    responses((status = 200, description = "The new channel device.", body = Envelope<Channel>), Failure))]
pub(in crate::http) async fn create(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<Channel>, Failure> {
    let row = gateway.create_channel(&id).await?;
    Ok(Data(row.into()))
}

/// Deletes a channel device; its streams are stopped first.
#[utoipa::path(get, path = "/devices/{id}/delete", operation_id = "delete_channel", tag = "channel devices",
    params(("id" = String, Path, description = "The channel device's id.")),
    responses((status = 200, description = "Empty.", body = Envelope<String>), Failure))]
pub(in crate::http) async fn delete(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<&'static str>, Failure> {
    gateway.delete_channel(&id).await?;
    Ok(Data(""))
}

/// A channel device: one camera behind a user device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Channel {
    /// The row's number in the store, as a text.
    id: String,
    /// Unix seconds.
    addtime: i64,
    /// Unix seconds.
    uptime: i64,
    deviceid: String,
    /// Its user device.
    pdid: String,
    name: String,
    manufacturer: String,
    model: String,
    owner: String,
    civilcode: String,
    address: String,
    parental: i64,
    safetyway: i64,
    registerway: i64,
    secrecy: i64,
    /// `ON` or `OFF`.
    #[schema(example = "ON")]
    status: String,
    /// Unix seconds of the last word about it; 0 before the first.
    active: i64,
    uri: String,
}

impl From<store::Channel> for Channel {
    fn from(row: store::Channel) -> Self {
        Self {
            id: row.id.to_string(),
            addtime: row.addtime,
            uptime: row.uptime,
            deviceid: row.deviceid,
            pdid: row.pdid,
            name: row.name,
            manufacturer: row.manufacturer,
            model: row.model,
            owner: row.owner,
            civilcode: row.civilcode,
            address: row.address,
            parental: row.parental,
            safetyway: row.safetyway,
            registerway: row.registerway,
            secrecy: row.secrecy,
            status: row.status.as_str().to_owned(),
            active: row.active,
            uri: row.uri,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_device_has_the_contract_s_fields() {
        let row = store::Channel {
            id: 2,
            addtime: 1_618_043_462,
            uptime: 1_618_043_463,
            deviceid: "37070000081318000001".to_owned(),
            pdid: "37070000081118000001".to_owned(),
            name: "后门".to_owned(),
            manufacturer: "Dahua".to_owned(),
            model: "IPC".to_owned(),
            owner: "Owner".to_owned(),
            civilcode: "370700".to_owned(),
            address: "Address".to_owned(),
            parental: 0,
            safetyway: 1,
            registerway: 2,
            secrecy: 3,
            status: store::Status::On,
            active: 1_618_043_464,
            uri: "sip:37070000081318000001@3707000008".to_owned(),
            parentid: "37070000081118000001".to_owned(),
            longitude: Some(121.5),
            latitude: Some(31.2),
            ptztype: Some(1),
            issued: true,
            generation: 3,
        };
        insta::assert_json_snapshot!(Channel::from(row), @r#"
        {
          "id": "2",
          "addtime": 1618043462,
          "uptime": 1618043463,
          "deviceid": "37070000081318000001",
          "pdid": "37070000081118000001",
          "name": "后门",
          "manufacturer": "Dahua",
          "model": "IPC",
          "owner": "Owner",
          "civilcode": "370700",
          "address": "Address",
          "parental": 0,
          "safetyway": 1,
          "registerway": 2,
          "secrecy": 3,
          "status": "ON",
          "active": 1618043464,
          "uri": "sip:37070000081318000001@3707000008"
        }
        "#);
    }
}

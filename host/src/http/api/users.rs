//! User devices.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gateway::{self, Gateway},
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
    store,
};

/// Issues a user device's id.
#[utoipa::path(get, path = "/users", operation_id = "create_user", tag = "user devices",
    params(
        ("pwd" = String, Query, description = "The password it will register with."),
        ("name" = Option<String>, Query, description = "Its name; the new id if not given.")),
    responses((status = 200, description = "The new user device.", body = Envelope<User>), Failure))]
pub(in crate::http) async fn create(
    State(gateway): State<Gateway>,
    query: Query,
) -> Result<Data<User>, Failure> {
    let row = gateway.create_user(query.optional("name")?, query.needed("pwd")?).await?;
    Ok(Data(User::shown(row, &gateway)))
}

/// Changes a user device's name or password, each only where given.
#[utoipa::path(get, path = "/users/{id}/update", operation_id = "update_user", tag = "user devices",
    params(
        ("id" = String, Path, description = "The user device's id."),
        ("pwd" = Option<String>, Query, description = "Its new password."),
        ("name" = Option<String>, Query, description = "Its new name.")),
    responses((status = 200, description = "The user device.", body = Envelope<User>), Failure))]
pub(in crate::http) async fn update(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<User>, Failure> {
    let row = gateway.update_user(&id, query.optional("name")?, query.optional("pwd")?).await?;
    Ok(Data(User::shown(row, &gateway)))
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

/// A user device: an NVR, DVR or camera that registers over SIP.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct User {
    /// The row's number in the store, as a text.
    id: String,
    /// Unix seconds.
    addtime: i64,
    /// Unix seconds.
    uptime: i64,
    name: String,
    deviceid: String,
    region: String,
    host: String,
    port: String,
    transport: String,
    proto: String,
    /// The Via's `rport`.
    report: String,
    /// The Via's `received`.
    raddr: String,
    manufacturer: String,
    devicetype: String,
    firmware: String,
    model: String,
    uri: String,
    /// Unix seconds of the last keepalive; 0 before the first, -1 after one that said not OK.
    active: i64,
    /// Whether it is registered.
    regist: bool,
    pwd: String,
    sysinfo: SysInfo,
}

impl User {
    /// What a caller sees of a row: `pwd` only where it is not masked.
    fn shown(row: store::User, gateway: &Gateway) -> Self {
        let pwd = if gateway.mask_pwd() { "***".to_owned() } else { row.pwd.0.clone() };
        Self::new(row, pwd, gateway.sysinfo().into())
    }

    fn new(row: store::User, pwd: String, sysinfo: SysInfo) -> Self {
        Self {
            id: row.id.to_string(),
            addtime: row.addtime,
            uptime: row.uptime,
            name: row.name,
            deviceid: row.deviceid,
            region: row.region,
            host: row.host,
            port: row.port,
            transport: row.transport,
            proto: row.proto,
            report: row.report,
            raddr: row.raddr,
            manufacturer: row.manufacturer,
            devicetype: row.devicetype,
            firmware: row.firmware,
            model: row.model,
            uri: row.uri,
            active: row.active,
            regist: row.regist,
            pwd,
            sysinfo,
        }
    }
}

/// What a user device is told to fill in about this platform.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SysInfo {
    region: String,
    /// This platform's id.
    lid: String,
    /// What user devices' ids begin with.
    uid: String,
    /// How many user devices' ids were issued.
    unum: i64,
    /// What channel devices' ids begin with.
    did: String,
    /// How many channel devices' ids were issued.
    dnum: i64,
}

impl From<gateway::SysInfo> for SysInfo {
    fn from(info: gateway::SysInfo) -> Self {
        let gateway::SysInfo { region, lid, uid, unum, did, dnum } = info;
        Self { region, lid, uid, unum, did, dnum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> store::User {
        store::User {
            id: 1,
            addtime: 1_618_043_462,
            uptime: 1_618_043_463,
            deviceid: "37070000081118000001".to_owned(),
            name: "前门".to_owned(),
            pwd: store::Password("12345678".to_owned()),
            region: "3707000008".to_owned(),
            host: "192.0.2.7".to_owned(),
            port: "5060".to_owned(),
            transport: "UDP".to_owned(),
            proto: "SIP".to_owned(),
            report: "40021".to_owned(),
            raddr: "198.51.100.9".to_owned(),
            manufacturer: "Hikvision".to_owned(),
            devicetype: "NVR".to_owned(),
            firmware: "V4.1".to_owned(),
            model: "DS-7716N".to_owned(),
            uri: "sip:37070000081118000001@192.0.2.7:5060".to_owned(),
            active: -1,
            regist: true,
            online: true,
            seen_at: 1_618_043_470,
            expires_at: 1_618_047_070,
            source: "198.51.100.9:40021".to_owned(),
            local: "203.0.113.1:5060".to_owned(),
            user_agent: "IP Camera".to_owned(),
            gb_version: "2.0".to_owned(),
            generation: 3,
        }
    }

    #[test]
    fn a_user_device_has_the_contract_s_fields() {
        let sysinfo = SysInfo {
            region: "3707000008".to_owned(),
            lid: "37070000082008000001".to_owned(),
            uid: "37070000081118".to_owned(),
            unum: 1,
            did: "37070000081318".to_owned(),
            dnum: 2,
        };
        insta::assert_json_snapshot!(User::new(row(), "***".to_owned(), sysinfo), @r#"
        {
          "id": "1",
          "addtime": 1618043462,
          "uptime": 1618043463,
          "name": "前门",
          "deviceid": "37070000081118000001",
          "region": "3707000008",
          "host": "192.0.2.7",
          "port": "5060",
          "transport": "UDP",
          "proto": "SIP",
          "report": "40021",
          "raddr": "198.51.100.9",
          "manufacturer": "Hikvision",
          "devicetype": "NVR",
          "firmware": "V4.1",
          "model": "DS-7716N",
          "uri": "sip:37070000081118000001@192.0.2.7:5060",
          "active": -1,
          "regist": true,
          "pwd": "***",
          "sysinfo": {
            "region": "3707000008",
            "lid": "37070000082008000001",
            "uid": "37070000081118",
            "unum": 1,
            "did": "37070000081318",
            "dnum": 2
          }
        }
        "#);
    }
}

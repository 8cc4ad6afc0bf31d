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
#[utoipa::path(get, path = "/users", tag = "user devices",
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
#[utoipa::path(get, path = "/users/{id}/update", tag = "user devices",
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
#[utoipa::path(get, path = "/users/{id}/delete", tag = "user devices",
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
    unum: u32,
    /// What channel devices' ids begin with.
    did: String,
    /// How many channel devices' ids were issued.
    dnum: u32,
}

impl From<gateway::SysInfo> for SysInfo {
    fn from(info: gateway::SysInfo) -> Self {
        let gateway::SysInfo { region, lid, uid, unum, did, dnum } = info;
        Self { region, lid, uid, unum, did, dnum }
    }
}

//! A user device as callers and receivers of notifications see it; field names are gosip's.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{Counters, User};

use super::{Error, Gateway};

/// A user device: an NVR, DVR or camera that registers over SIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserDevice {
    /// The row's number in the store, as a text.
    pub id: String,
    /// Unix seconds.
    pub addtime: i64,
    /// Unix seconds.
    pub uptime: i64,
    pub name: String,
    pub deviceid: String,
    pub region: String,
    pub host: String,
    pub port: String,
    pub transport: String,
    pub proto: String,
    /// The Via's `rport`.
    pub report: String,
    /// The Via's `received`.
    pub raddr: String,
    pub manufacturer: String,
    pub devicetype: String,
    pub firmware: String,
    pub model: String,
    pub uri: String,
    /// Unix seconds of the last keepalive; 0 before the first, -1 after one that said not OK.
    pub active: i64,
    /// Whether it is registered.
    pub regist: bool,
    /// `***` where the operator masks it.
    pub pwd: String,
    pub sysinfo: SysInfo,
}

/// What a user device is told to fill in about this platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SysInfo {
    pub region: String,
    /// This platform's id.
    pub lid: String,
    /// What user devices' ids begin with.
    pub uid: String,
    /// The last number given to a user device.
    pub unum: i64,
    /// What channel devices' ids begin with.
    pub did: String,
    /// The last number given to a channel device.
    pub dnum: i64,
}

impl UserDevice {
    /// What is shown of a row. The password is masked where the operator wants so.
    pub(super) fn new(row: &User, sysinfo: SysInfo, mask: bool) -> Self {
        let row = row.clone();
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
            pwd: if mask { "***".to_owned() } else { row.pwd.0 },
            sysinfo,
        }
    }
}

impl Gateway {
    /// A row as callers see it.
    pub(super) async fn shown(&self, row: &User) -> Result<UserDevice, Error> {
        Ok(UserDevice::new(row, self.sysinfo().await?, self.0.config.http.mask_pwd))
    }

    pub(super) async fn sysinfo(&self) -> Result<SysInfo, Error> {
        let Counters { users, channels } = self.0.store.counters().await?;
        let platform = &self.0.config.platform;
        Ok(SysInfo {
            region: platform.region.clone(),
            lid: platform.id.clone(),
            uid: platform.user_prefix.clone(),
            unum: users,
            did: platform.channel_prefix.clone(),
            dnum: channels,
        })
    }
}

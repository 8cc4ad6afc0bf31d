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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Password;

    fn row() -> User {
        User {
            id: 1,
            addtime: 1_618_043_462,
            uptime: 1_618_043_463,
            deviceid: "37070000081118000001".to_owned(),
            name: "前门".to_owned(),
            pwd: Password("12345678".to_owned()),
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
            vendor: String::new(),
        }
    }

    fn sysinfo() -> SysInfo {
        SysInfo {
            region: "3707000008".to_owned(),
            lid: "37070000082008000001".to_owned(),
            uid: "37070000081118".to_owned(),
            unum: 1,
            did: "37070000081318".to_owned(),
            dnum: 2,
        }
    }

    #[test]
    fn a_user_device_has_the_contract_s_fields() {
        insta::assert_json_snapshot!(UserDevice::new(&row(), sysinfo(), true), @r#"
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

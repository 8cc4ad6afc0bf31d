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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::SysInfo;

    fn user(sysinfo: SysInfo) -> UserDevice {
        UserDevice {
            id: "1".to_owned(),
            addtime: 1_618_043_462,
            uptime: 1_618_043_463,
            deviceid: "37070000081118000001".to_owned(),
            name: "前门".to_owned(),
            pwd: "***".to_owned(),
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
            sysinfo,
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
        insta::assert_json_snapshot!(user(sysinfo), @r#"
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

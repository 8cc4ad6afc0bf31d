//! Notifications as messages of a DingTalk (钉钉) group robot.
//!
//! The URL holds its token, `https://oapi.dingtalk.com/robot/send?access_token=…`. A robot that is set to
//! 加签 (signing) has its secret in `[plugins.keys] dingtalk` and `signed = true`.

mod policy;

sluice_sdk::export!(policy::DingTalk: Notify);

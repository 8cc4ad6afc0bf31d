//! Notifications as messages of a WeCom (企业微信) group robot.
//!
//! The robot's URL holds its key: `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…`, one of
//! `[notify.plugin.wecom]` for each method.

mod policy;

sluice_sdk::export!(policy::WeCom: Notify);

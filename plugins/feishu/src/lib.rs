//! Notifications as messages of a Feishu (飞书) group robot.
//!
//! The URL holds its token, `https://open.feishu.cn/open-apis/bot/v2/hook/…`. A robot that is set to
//! 签名校验 (signing) has its secret in `[plugins.keys] feishu` and `signed = true`.

mod policy;

sluice_sdk::export!(policy::Feishu: Notify);

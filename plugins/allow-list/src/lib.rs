//! Who may register: devices with the right password that an operator has approved. Others wait.
//!
//! A device is approved by its id or the first digits of it in `[plugins.config.allow-list] allow`, or by the value
//! `yes` under `approved/<id>` in the plugin's own store, which an operator writes by the API:
//! `GET /plugins/allow-list/kv/set?name=approved/<id>&value=yes`. Who waits stands there under `waiting/<id>`.

mod policy;

sluice_sdk::export!(policy::AllowList: Auth);

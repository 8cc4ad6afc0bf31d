//! Who may register: devices with the right password that an operator has approved. Others wait.
//!
//! Who waits stands in the plugin's memory as `waiting/<id>`, with the address it came from and whether its password is
//! right; the log says it once. The operator's word is `approved/<id>` there, `yes` or `no`, written by the API
//! (`GET /plugins/allow-list/values/write?key=approved/<id>&value=yes`) and counting from the next REGISTER. For many at
//! once there is `[plugins.config.allow-list] allow`: ids, or their first digits with `*` behind.

mod policy;

sluice_sdk::export!(policy::AllowList: Auth);

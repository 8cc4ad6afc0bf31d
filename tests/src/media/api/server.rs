//! The server itself.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::core::Core;
use super::Params;

pub(super) fn version() -> Value {
    json!({"data": {"branchName": "", "buildTime": "2026-11-22T05:58:30", "commitHash": "daaa74a"}})
}

pub(super) fn config(core: &Core) -> Value {
    core.with(|state| json!({"data": [state.settings.all()]}))
}

pub(super) fn set_config(core: &Arc<Core>, params: &Params) -> Value {
    let changed =
        core.with(|state| params.iter().filter(|(key, value)| state.settings.change(key, value)).count());
    json!({"changed": changed})
}

//! The plugins, as operators see and move them.

pub use crate::plugin::Status as PluginStatus;

use super::Gateway;

impl Gateway {
    /// Every plugin and every file in their folder, by name.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.0.plugins.status()
    }
}

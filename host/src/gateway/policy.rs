//! The plugins, as operators see and move them.

use tokio::task::spawn_blocking;
use tracing::Span;

pub use crate::plugin::Status as PluginStatus;

use crate::plugin::{MoveError, Plugins, SwapError};

use super::{Error, Gateway};

impl Gateway {
    /// Every plugin and every file in their folder, by name.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        self.0.plugins.status()
    }

    /// Brings the candidate beside a plugin into force.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when there is none, or it is not taken; [`Error::Internal`] when its file cannot be
    /// moved.
    pub async fn promote(&self, plugin: String) -> Result<PluginStatus, Error> {
        self.swap(plugin, Plugins::promote).await
    }

    /// Brings back what was in force before a plugin.
    ///
    /// # Errors
    /// As for [`promote`](Self::promote).
    pub async fn demote(&self, plugin: String) -> Result<PluginStatus, Error> {
        self.swap(plugin, Plugins::demote).await
    }

    /// Compiling may take seconds, and no worker waits for it.
    async fn swap(
        &self,
        plugin: String,
        swap: fn(&Plugins, &str) -> Result<PluginStatus, MoveError>,
    ) -> Result<PluginStatus, Error> {
        let plugins = self.0.plugins.clone();
        let span = Span::current();
        let swapped = spawn_blocking(move || span.in_scope(|| swap(&plugins, &plugin))).await;
        Ok(swapped.map_err(|panic| Error::Internal(panic.to_string()))??)
    }
}

impl From<MoveError> for Error {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Swap(SwapError::File { .. }) => Self::Internal(error.to_string()),
            error => Self::BadParameter(error.to_string()),
        }
    }
}

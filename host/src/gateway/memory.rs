//! What plugins remember, kept over restarts, and what operators read and write of it.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::plugin::ValueError;
use crate::store::PluginValue;

use super::{Error, Gateway};

/// How often what plugins stored is written to disk.
const PERIOD: Duration = Duration::from_secs(1);

impl Gateway {
    /// Gives plugins back what they stored when the gateway last ran.
    pub(super) async fn resume_memories(&self) -> Result<(), Error> {
        for PluginValue { plugin, name, value } in self.0.store.plugin_values().await? {
            if let Err(error) = self.0.plugins.recall(&plugin, name, value) {
                tracing::warn!(%plugin, %error, "the plugin stored more than it may now; it is without the rest");
            }
        }
        Ok(())
    }

    /// Writes what plugins store behind them, for as long as the gateway runs.
    pub(super) async fn remember_regularly(&self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.remember().await {
                tracing::error!(%error, "what plugins stored was not written; it is kept for the next try");
            }
        }
    }

    /// Writes what plugins have stored so far. On disk when it returns.
    pub(super) async fn remember(&self) -> Result<(), Error> {
        // Of two that write the same value, the second must be the one that saw it last.
        let _turn = self.0.remembering.lock().await;
        for changes in self.0.plugins.changes() {
            self.0.store.keep_plugin_values(changes.plugin.clone(), changes.values.clone()).await?;
            self.0.plugins.settle(&changes);
        }
        Ok(())
    }

    /// What a plugin has stored under names that begin with `prefix`, by name.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when there is no such plugin.
    pub fn plugin_values(&self, plugin: &str, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(self.0.plugins.values(plugin, prefix)?)
    }

    /// Stores a value in a plugin's memory, or forgets the name when it is none. On disk when it returns; the
    /// plugin finds it with its next call.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when there is no such plugin or the value does not fit, [`Error::Storage`] when it
    /// is not on disk.
    pub async fn write_plugin_value(
        &self,
        plugin: &str,
        name: String,
        value: Option<String>,
    ) -> Result<(), Error> {
        self.0.plugins.write_value(plugin, name, value.map(String::into_bytes))?;
        self.remember().await
    }
}

impl From<ValueError> for Error {
    fn from(error: ValueError) -> Self {
        Self::BadParameter(error.to_string())
    }
}

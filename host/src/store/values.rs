//! What policy plugins stored, so that they find it after a restart.

use super::{
    Result, Store,
    columns::{self, Columns, FromColumns},
};

/// A value in a plugin's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginValue {
    /// Whose it is.
    pub plugin: String,
    /// Under which the plugin finds it.
    pub name: String,
    /// As the plugin stored it.
    pub value: Vec<u8>,
}

impl Store {
    /// What plugins stored, all of them.
    pub async fn plugin_values(&self) -> Result<Vec<PluginValue>> {
        let sql = "SELECT plugin, name, value FROM plugin_values ORDER BY plugin, name";
        self.read(move |connection| columns::rows(connection, sql, ())).await
    }

    /// Stores a plugin's values, and forgets the names whose value is none: all of it or nothing.
    pub async fn keep_plugin_values(
        &self,
        plugin: impl Into<String>,
        values: Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<()> {
        let plugin = plugin.into();
        self.write(move |connection| {
            for (name, value) in &values {
                let changed = match value {
                    Some(value) => columns::execute(
                        connection,
                        "INSERT OR REPLACE INTO plugin_values (plugin, name, value) VALUES (?1, ?2, ?3)",
                        (&plugin, name, value),
                    ),
                    None => columns::execute(
                        connection,
                        "DELETE FROM plugin_values WHERE plugin = ?1 AND name = ?2",
                        (&plugin, name),
                    ),
                };
                changed?;
            }
            Ok(())
        })
        .await
    }
}

impl FromColumns for PluginValue {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self { plugin: columns.take()?, name: columns.take()?, value: columns.take()? })
    }
}

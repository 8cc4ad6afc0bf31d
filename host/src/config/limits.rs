//! `[plugins.limits]`: limits of one call for all plugins, and `[plugins.limits.<name>]` for one of them.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// What one call of a plugin may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub cpu_ms: u64,
    pub wall_ms: u64,
    pub memory_mb: u64,
    /// What differs for one plugin, by its name.
    #[serde(flatten)]
    pub named: BTreeMap<String, LimitsOverride>,
}

/// Limits of one plugin where they differ from everybody's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_ms: 5, wall_ms: 250, memory_mb: 16, named: BTreeMap::new() }
    }
}

/// Numbers and tables stand side by side in one section, which serde's own `flatten` cannot check for
/// unknown names.
impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut limits = Self::default();
        for (name, value) in toml::Table::deserialize(deserializer)? {
            if let toml::Value::Table(table) = value {
                let table = LimitsOverride::deserialize(table).map_err(D::Error::custom)?;
                limits.named.insert(name, table);
                continue;
            }
            let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
            let number = number.ok_or_else(|| D::Error::custom(format!("`{name}` takes a whole number")))?;
            match name.as_str() {
                "cpu_ms" => limits.cpu_ms = number,
                "memory_mb" => limits.memory_mb = number,
                "wall_ms" => limits.wall_ms = number,
                _ => return Err(D::Error::unknown_field(&name, &["cpu_ms", "wall_ms", "memory_mb"])),
            }
        }
        Ok(limits)
    }
}

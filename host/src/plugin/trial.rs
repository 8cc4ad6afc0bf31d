//! One component by itself, in the sandbox that the gateway gives it: what the command line inspects, tests and
//! measures.

use std::{path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::{
    account::Account,
    error::{LoadError, Role},
    instance::{Plugin, slots},
    lifecycle::Info,
    limits::Limits,
    load::{Loader, read, rehearse},
    memory::{Memory, ValueError},
};

/// What a file is, whether or not the gateway takes it.
pub struct Inspection {
    /// Bytes.
    pub size: usize,
    /// Of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The interfaces that it wants, with their versions.
    pub imports: Vec<String>,
    /// The interfaces that it offers, with their versions.
    pub exports: Vec<String>,
    /// The plugin, or why this gateway would not take it.
    pub outcome: Result<Trial, LoadError>,
}

/// A component that was taken as a plugin.
pub struct Trial {
    /// What it says of itself.
    pub info: Info,
    /// What it can be named for in `[plugins]`.
    pub roles: Vec<Role>,
    /// To be asked; see [`Trial::reset`].
    pub plugin: Plugin,
    loader: Loader,
    component: Component,
    config: String,
    limits: Limits,
}

/// Looks at a component. `config` is its configuration, a JSON object; `limits` are what a call of it may use.
///
/// Errors: the file cannot be read, or is no component.
pub fn inspect(path: &Path, config: &serde_json::Value, limits: Limits) -> Result<Inspection, LoadError> {
    let bytes = read(path)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let loader = Loader::new(None)?;
    let compiled = loader.component(&bytes, &sha256);
    let component = compiled.map_err(|source| LoadError::Compile { path: path.to_owned(), source })?;
    let (kind, engine) = (component.component_type(), component.engine());
    let imports = kind.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let mut exports: Vec<_> = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
    exports.sort_unstable();
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let outcome = Trial::new(loader, component, &name, config.to_string(), limits);
    Ok(Inspection { size: bytes.len(), sha256, imports, exports, outcome })
}

impl Trial {
    /// Loads a component as the gateway would. The arguments are those of [`inspect`].
    ///
    /// Errors: the gateway would not take it.
    pub fn load(path: &Path, config: &serde_json::Value, limits: Limits) -> Result<Self, LoadError> {
        inspect(path, config, limits)?.outcome
    }

    fn new(
        loader: Loader,
        component: Component,
        name: &str,
        config: String,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        loader.check_imports(&component, name)?;
        let plugin = plugin(&loader, &component, name, config.clone(), limits)?;
        let info = rehearse(&plugin)?;
        let roles = plugin.indices.roles();
        Ok(Self { info, roles, loader, component, config, limits, plugin })
    }

    /// Forgets all instances and everything that the plugin stored; then stores `kv`, and stops the plugin's clock
    /// at so many milliseconds since 1970 if told to.
    ///
    /// Errors: `kv` does not fit into the plugin's store.
    pub fn reset<'a>(
        &mut self,
        kv: impl IntoIterator<Item = (&'a String, &'a String)>,
        clock: Option<u64>,
    ) -> Result<(), ResetError> {
        self.plugin =
            plugin(&self.loader, &self.component, &self.plugin.name, self.config.clone(), self.limits)?;
        for (name, value) in kv {
            let written = self.plugin.account.write(name.clone(), Some(value.clone().into_bytes()));
            written.map_err(|reason| ResetError::Store { name: name.clone(), reason })?;
        }
        if let Some(clock) = clock {
            self.plugin.account.stop_clock(clock);
        }
        Ok(())
    }
}

/// Why a plugin could not be set up for a case.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// It links no more.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A value does not fit.
    #[error("kv `{name}`: {reason}")]
    Store {
        /// The value's name.
        name: String,
        /// What the store says.
        reason: ValueError,
    },
}

fn plugin(
    loader: &Loader,
    component: &Component,
    name: &str,
    config: String,
    limits: Limits,
) -> Result<Plugin, LoadError> {
    let (pre, indices) = loader.link(component, name)?;
    let account = Arc::new(Account::new(name, slots(), Memory::passing()));
    Ok(Plugin::new(name, pre, indices, config, limits, account))
}

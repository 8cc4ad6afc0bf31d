//! Which plugin decides what: the configuration, turned into plugins in force.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use super::{
    error::{LoadError, Role},
    instance::Plugin,
    limits::Limits,
    load::Loader,
    secret::Secret,
};

/// What `[plugins]` says. A plugin's name is its file's, without `.wasm`. Not printable: `configs` may hold secrets.
#[derive(Clone, Default)]
pub struct Settings {
    /// Where the components are.
    pub folder: PathBuf,
    /// Who may register.
    pub auth: String,
    /// Which calls and playbacks go on.
    pub sign: String,
    /// What notifications look like; all of these are asked.
    pub notify: Vec<String>,
    /// Which recordings go; where none decides, none goes.
    pub cleanup: Option<String>,
    /// Vendor modules; `*` is every one in the folder that is not named elsewhere.
    pub vendor: Vec<String>,
    /// What a call may use.
    pub limits: Limits,
    /// What a call of one plugin may use, by its name.
    pub plugin_limits: HashMap<String, Limits>,
    /// What each plugin gets as its own configuration, by its name.
    pub configs: HashMap<String, serde_json::Value>,
    /// The keys of plugins that have their own, by their names.
    pub keys: HashMap<String, Secret>,
    /// Where compiled code is kept, private to this user; none keeps nothing.
    pub cache: Option<PathBuf>,
}

/// Plugins in force, by what they decide. Immutable: another set takes its place.
pub(super) struct PluginSet {
    pub(super) auth: Arc<Plugin>,
    pub(super) sign: Arc<Plugin>,
    pub(super) notify: Vec<Arc<Plugin>>,
    pub(super) cleanup: Option<Arc<Plugin>>,
    /// All of these and those that nothing asks yet, by name.
    plugins: BTreeMap<String, Arc<Plugin>>,
}

impl PluginSet {
    pub(super) fn load(settings: &Settings) -> Result<Self, LoadError> {
        let found = components(&settings.folder)
            .map_err(|source| LoadError::Folder { folder: settings.folder.clone(), source })?;
        let loader = Loader::new(settings.cache.as_deref())?;
        let mut hiring = Hiring { settings, loader, found, plugins: BTreeMap::new() };
        let auth = hiring.hire(Role::Auth, &settings.auth)?;
        let sign = hiring.hire(Role::Sign, &settings.sign)?;
        let notify =
            settings.notify.iter().map(|name| hiring.hire(Role::Notify, name)).collect::<Result<_, _>>()?;
        let cleanup = settings.cleanup.as_deref();
        let cleanup = cleanup.map(|name| hiring.hire(Role::Cleanup, name)).transpose()?;
        hiring.hire_vendors()?;
        Ok(Self { auth, sign, notify, cleanup, plugins: hiring.plugins })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Plugin> {
        self.plugins.values().map(|plugin| &**plugin)
    }
}

/// A set that is being filled.
struct Hiring<'a> {
    settings: &'a Settings,
    loader: Loader,
    /// The folder's components, by name.
    found: BTreeSet<String>,
    plugins: BTreeMap<String, Arc<Plugin>>,
}

impl Hiring<'_> {
    fn hire(&mut self, role: Role, name: &str) -> Result<Arc<Plugin>, LoadError> {
        let plugin = match self.plugins.get(name) {
            Some(plugin) => plugin.clone(),
            None => Arc::new(self.load(role, name)?),
        };
        if !plugin.indices.roles().contains(&role) {
            return Err(LoadError::Role { plugin: name.to_owned(), role });
        }
        self.plugins.insert(name.to_owned(), plugin.clone());
        Ok(plugin)
    }

    fn hire_vendors(&mut self) -> Result<(), LoadError> {
        for name in &self.settings.vendor {
            if name == "*" {
                self.hire_vendors_found();
            } else {
                self.hire(Role::Vendor, name)?;
            }
        }
        Ok(())
    }

    /// Takes every vendor module of the folder. One that nobody named must not keep the gateway from starting.
    fn hire_vendors_found(&mut self) {
        for name in self.found.clone() {
            if self.plugins.contains_key(&name) {
                continue;
            }
            match self.hire(Role::Vendor, &name) {
                Ok(_) | Err(LoadError::Role { .. }) => {}
                Err(error) => warn!(plugin = %name, "a plugin in the folder is left out: {}", full(&error)),
            }
        }
    }

    fn load(&self, role: Role, name: &str) -> Result<Plugin, LoadError> {
        if !self.found.contains(name) {
            return Err(self.missing(role, name));
        }
        let settings = self.settings;
        let config = settings.configs.get(name).map_or_else(|| "{}".to_owned(), ToString::to_string);
        let limits = settings.plugin_limits.get(name).copied().unwrap_or(settings.limits);
        self.loader.load(settings.folder.join(format!("{name}.wasm")), name, config, limits)
    }

    fn missing(&self, role: Role, name: &str) -> LoadError {
        let names: Vec<&str> = self.found.iter().map(String::as_str).collect();
        let found = if names.is_empty() { "no *.wasm at all".to_owned() } else { names.join(", ") };
        LoadError::Missing { role, plugin: name.to_owned(), folder: self.settings.folder.clone(), found }
    }
}

/// The names of the folder's components.
fn components(folder: &Path) -> io::Result<BTreeSet<String>> {
    let name = |path: PathBuf| {
        let wasm = path.extension().is_some_and(|extension| extension == "wasm");
        wasm.then(|| path.file_stem()?.to_str().map(ToOwned::to_owned))?
    };
    fs::read_dir(folder)?.filter_map(|entry| entry.map(|entry| name(entry.path())).transpose()).collect()
}

/// An error with its sources, on one line.
fn full(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

//! From a file to a plugin in force: read once, compile, hold its imports against what is granted, find its
//! exports, link, and rehearse. A file that was cut short may compile, so compiling proves nothing.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use super::{
    account::Account,
    bindings::exports::sluice::policy::lifecycle::Info,
    cache::Cache,
    engine::engine,
    error::LoadError,
    exports::Indices,
    files::Content,
    host::{self, State},
    instance::{Plugin, slots},
    limits::Limits,
    memory::Memory,
    wasi,
};

/// Everything that loading needs, made once.
pub(super) struct Loader {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
}

impl Loader {
    /// The most that a plugin's file may hold, in bytes. Scripting engines come in tens of megabytes.
    const FILE: u64 = 32 << 20;

    /// What every import of a plugin starts with. `types` comes along with `host`, which uses it.
    const GRANTED: [&str; 2] = ["sluice:policy/host@0.1.", "sluice:policy/types@0.1."];

    pub(super) fn new(cache: Option<&Path>) -> Result<Self, LoadError> {
        let engine = engine().map_err(|error| LoadError::Engine(error.into()))?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker).map_err(|error| LoadError::Engine(error.into()))?;
        Ok(Self { engine, linker, cache: cache.and_then(Cache::open) })
    }

    /// Makes a plugin of the file's content and lets it show what it is worth. `config` is its configuration as a
    /// JSON object.
    pub(super) fn load(
        &self,
        path: PathBuf,
        content: &Content,
        name: &str,
        config: String,
        limits: Limits,
    ) -> Result<(Plugin, Info), LoadError> {
        let component = self.component(&content.bytes, &content.sha256);
        let component = component.map_err(|source| LoadError::Compile { path, source })?;
        self.check_imports(&component, name)?;
        let (pre, indices) = self.link(&component, name)?;
        let account = Arc::new(Account::new(name, slots(), Memory::passing()));
        let plugin = Plugin::new(name, pre, indices, config, limits, account);
        let info = rehearse(&plugin)?;
        Ok((plugin, info))
    }

    pub(super) fn component(
        &self,
        bytes: &[u8],
        sha256: &str,
    ) -> Result<Component, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, sha256)) {
            return Ok(component);
        }
        // Only the binary form: `Component::new` would take text, and precompiled machine code is never taken.
        let component = Component::from_binary(&self.engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.store(&self.engine, sha256, &component);
        }
        Ok(component)
    }

    pub(super) fn check_imports(&self, component: &Component, plugin: &str) -> Result<(), LoadError> {
        let kind = component.component_type();
        let granted = |import: &str| {
            Self::GRANTED.iter().any(|granted| import.starts_with(granted)) || wasi::is_import(import)
        };
        match kind.imports(&self.engine).map(|(import, _)| import).find(|import| !granted(import)) {
            None => Ok(()),
            Some(import) => Err(LoadError::Import { plugin: plugin.to_owned(), import: import.to_owned() }),
        }
    }

    pub(super) fn link(
        &self,
        component: &Component,
        name: &str,
    ) -> Result<(InstancePre<State>, Indices), LoadError> {
        let plugin = || name.to_owned();
        let mut linker = self.linker.clone();
        let linked = wasi::link(&mut linker, component).and_then(|()| linker.instantiate_pre(component));
        let pre = linked.map_err(|error| LoadError::Link { plugin: plugin(), source: error.into() })?;
        let found = Indices::find(&pre);
        let found = found.map_err(|error| LoadError::Export { plugin: plugin(), source: error.into() })?;
        let indices = found.ok_or_else(|| LoadError::NoLifecycle { plugin: plugin() })?;
        Ok((pre, indices))
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(Loader::FILE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > Loader::FILE {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit: Loader::FILE });
    }
    Ok(bytes)
}

/// Binds, starts and tests a plugin on trial; answers what it says of itself.
pub(super) fn rehearse(plugin: &Plugin) -> Result<Info, LoadError> {
    let name = || plugin.name.clone();
    let typed = plugin.check_types().map_err(|fault| LoadError::Init { plugin: name(), fault })?;
    typed.map_err(|error| LoadError::Export { plugin: name(), source: error.into() })?;
    let (info, tested) = plugin.rehearse().map_err(|fault| LoadError::Init { plugin: name(), fault })?;
    tested.map_err(|fault| LoadError::SelfTest { plugin: name(), fault })?;
    Ok(info)
}

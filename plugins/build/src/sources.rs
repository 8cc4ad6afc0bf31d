//! Which crates are plugins, and whether they changed since they were built.

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What every plugin is built from beside its own crate.
const SHARED: [&str; 6] =
    ["Cargo.lock", "Cargo.toml", "plugins/maker", "plugins/robot", "plugins/sdk", "wit"];

/// This builder, as it was compiled: what is on disk may be newer.
const BUILDER: [&str; 2] = [include_str!("lib.rs"), include_str!("toolchain.rs")];

/// A plugin crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The package's name, and the component's.
    pub(crate) name: String,
    /// Changes with every file that the component is built from.
    pub(crate) fingerprint: String,
}

impl Source {
    /// The component's file name.
    pub(crate) fn component(&self) -> String {
        format!("{}.wasm", self.name)
    }
}

/// The plugin crates in a folder of a workspace, in name order: those whose manifest says
/// `[package.metadata.sluice] component = true`.
pub(crate) fn plugins(root: &Path, folder: &str) -> Result<Vec<Source>> {
    let mut plugins = Vec::new();
    for krate in entries(&root.join(folder))? {
        if let Some(name) = plugin_name(&krate)? {
            let shared = SHARED.map(|path| root.join(path));
            let fingerprint = fingerprint(root, shared.into_iter().chain([krate]))?;
            plugins.push(Source { name, fingerprint });
        }
    }
    plugins.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(plugins)
}

fn plugin_name(krate: &Path) -> Result<Option<String>> {
    let path = krate.join("Cargo.toml");
    if !path.exists() {
        return Ok(None);
    }
    let manifest: toml::Table =
        read(&path)?.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    let package = manifest.get("package");
    let component = || package?.get("metadata")?.get("sluice")?.get("component")?.as_bool();
    let name = || package?.get("name")?.as_str().map(ToOwned::to_owned);
    Ok(component().unwrap_or(false).then(name).flatten())
}

/// A hash over names and contents. Times would not do: a checkout of another commit may set them back.
fn fingerprint(root: &Path, paths: impl Iterator<Item = PathBuf>) -> Result<String> {
    let mut files = BTreeSet::new();
    for path in paths {
        collect(&path, &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    BUILDER.hash(&mut hasher);
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if path.is_dir() {
        entries(path)?.iter().try_for_each(|entry| collect(entry, files))
    } else {
        files.insert(path.to_owned());
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    read().with_context(|| format!("cannot read {}", folder.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        SHARED[..2].iter().for_each(|path| write(path, ""));
        write("plugins/build/src/lib.rs", "");
        write("plugins/build/Cargo.toml", "[package]\nname = \"build\"\n");
        write("plugins/maker/src/lib.rs", "");
        write("plugins/robot/src/lib.rs", "");
        write("plugins/sdk/src/lib.rs", "");
        write("wit/host.wit", "");
        for name in ["b-c", "a"] {
            let metadata = "[package.metadata.sluice]\ncomponent = true\n";
            write(
                &format!("plugins/{name}/Cargo.toml"),
                &format!("[package]\nname = \"{name}\"\n{metadata}"),
            );
            write(&format!("plugins/{name}/src/lib.rs"), name);
        }
        root
    }

    #[test]
    fn plugins_are_the_crates_that_say_so() {
        let root = workspace();
        let found = plugins(root.path(), "plugins").unwrap();
        let names: Vec<_> = found.iter().map(Source::component).collect();
        assert_eq!(names, ["a.wasm", "b-c.wasm"]);
        assert_eq!(plugins(root.path(), "plugins").unwrap(), found);
    }

    #[test]
    fn a_changed_file_changes_its_own_plugin_and_a_shared_one_all() {
        let root = workspace();
        let before = plugins(root.path(), "plugins").unwrap();
        fs::write(root.path().join("plugins/a/src/lib.rs"), "changed").unwrap();
        let own = plugins(root.path(), "plugins").unwrap();
        assert_ne!(own[0], before[0]);
        assert_eq!(own[1], before[1]);
        fs::write(root.path().join("wit/host.wit"), "changed").unwrap();
        let all = plugins(root.path(), "plugins").unwrap();
        assert!(all[0] != own[0] && all[1] != own[1]);
    }
}

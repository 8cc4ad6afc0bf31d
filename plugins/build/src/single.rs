//! One plugin crate, wherever it is.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{build, encoded, replace, toolchain::Toolchain};

/// Builds the component of the crate in `folder` and returns its path, `<folder>/<package>.wasm`. Cargo works in
/// `CARGO_TARGET_DIR`, else in the crate's `target`, as always.
///
/// Errors: `folder` holds no library crate, no Rust here builds for WebAssembly, the crate does not build, or what it
/// builds is no plugin.
pub fn component(folder: &Path) -> Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let manifest = folder.join("Cargo.toml");
    let package = Package::read(&manifest)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    let work = std::path::absolute(target)?.join("wasm");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let toolchain = Toolchain::find(&work)?;
    eprintln!("Building {} with {toolchain}", package.name);
    let mut cargo = build(toolchain, &work);
    cargo.current_dir(&folder).arg("--manifest-path").arg(&manifest);
    let status = cargo.status().with_context(|| format!("cannot run {toolchain}"))?;
    ensure!(status.success(), "{} does not build with {toolchain}", package.name);
    toolchain.remember(&work);
    let component = encoded(&package.library, &work)?;
    let file = folder.join(format!("{}.wasm", package.name));
    replace(&file, &component)?;
    Ok(file)
}

/// What a manifest says of its package.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    library: String,
}

impl Package {
    fn read(manifest: &Path) -> Result<Self> {
        let text = fs::read_to_string(manifest).with_context(|| {
            format!(
                "no plugin crate here: cannot read {}; `sluice plugin new` writes one",
                manifest.display()
            )
        })?;
        Self::parse(&text).with_context(|| manifest.display().to_string())
    }

    fn parse(manifest: &str) -> Result<Self> {
        let manifest: toml::Table = manifest.parse()?;
        let text =
            |section: &str, key: &str| manifest.get(section)?.get(key)?.as_str().map(ToOwned::to_owned);
        let name = text("package", "name").context("the manifest names no package")?;
        let library = text("lib", "name").unwrap_or_else(|| name.clone());
        let kinds = manifest.get("lib").and_then(|lib| lib.get("crate-type")?.as_array());
        if !kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))) {
            bail!("{name} is no plugin crate: its [lib] must say crate-type = [\"cdylib\", \"rlib\"]");
        }
        Ok(Self { name, library })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_is_built() {
        let parsed = |text: &str| Package::parse(text).map_err(|error| error.to_string());
        let package = |name: &str, library: &str| Ok(Package { name: name.into(), library: library.into() });
        let manifest = "[package]\nname = \"a-b\"\n[lib]\ncrate-type = [\"cdylib\"]\n";
        assert_eq!(parsed(manifest), package("a-b", "a-b"));
        assert_eq!(parsed(&format!("{manifest}name = \"c\"\n")), package("a-b", "c"));
        assert_eq!(parsed("[workspace]"), Err("the manifest names no package".into()));
        let bare = "a is no plugin crate: its [lib] must say crate-type = [\"cdylib\", \"rlib\"]";
        assert_eq!(parsed("[package]\nname = \"a\""), Err(bare.into()));
    }
}

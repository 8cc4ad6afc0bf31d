//! Builds policy components: crates in, components out.
//!
//! Used by `cargo plugins`, by `sluice plugin build`, by the demo and by tests. What is up to date is left alone, and
//! a file lock keeps builders apart, so that every test may call [`plugins`].
//!
//! | file | job |
//! | --- | --- |
//! | `single` | one crate, anywhere: its component |
//! | `sources` | which crates of this workspace are plugins, and whether they changed |
//! | `toolchain` | which Rust builds for WebAssembly here |
//! | `scripts` | policies in Python and JavaScript |
//! | `process` | child processes with a time limit |

mod process;
mod scripts;
mod single;
mod sources;
mod toolchain;

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use wit_component::ComponentEncoder;

pub use single::component;

use sources::Source;
use toolchain::Toolchain;

/// Builds every plugin crate of this workspace that has changed, and returns the folder with the components.
///
/// Errors: no toolchain for WebAssembly, or a crate that does not build.
pub fn plugins() -> Result<PathBuf> {
    all("plugins", "plugins")
}

/// Builds the plugins that only tests use, and returns the folder with the components.
///
/// Errors: as for [`plugins`].
pub fn guests() -> Result<PathBuf> {
    all("tests/guests", "guests")
}

/// Builds the plugin crates in the workspace's folder `crates` into the target's folder `components`.
fn all(crates: &str, components: &str) -> Result<PathBuf> {
    let folder = target()?.join(components);
    let work = target()?.join("wasm");
    fs::create_dir_all(&folder)?;
    fs::create_dir_all(&work)?;
    let lock = File::create(work.join("build.lock"))?;
    lock.lock().context("cannot lock the plugins' build folder")?;
    let changed: Vec<Source> = sources::plugins(&root(), crates)?
        .into_iter()
        .filter(|source| !is_current(source, &folder, &work))
        .collect();
    if !changed.is_empty() {
        compile(&changed, &work)?;
        changed.iter().try_for_each(|source| encode(source, &folder, &work))?;
    }
    Ok(folder)
}

/// Builds the policies that are written in Python and JavaScript, and returns their paths.
///
/// Errors: Python or Node.js is missing, their tools cannot be fetched, or a policy does not build.
pub fn scripts() -> Result<Vec<PathBuf>> {
    scripts::build(&root(), &target()?)
}

/// Who asks for the gateway's binary. Cargo gives dependencies the features that the packages of one build ask for
/// together: where two builds differ, Wasmtime and all above it are built twice, which takes minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// `cargo bench-gateway`, which wants the release build.
    Bench,
    /// `cargo demo`.
    Demo,
    /// `cargo pressure`, which wants the release build too.
    Pressure,
    /// `cargo test --workspace`.
    Tests,
}

/// Builds the gateway, with the features that its asker was built with, and returns the path of its binary.
///
/// Errors: it does not build.
pub fn gateway(asker: Asker) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["build", "--quiet", "--bin", "sluice"]);
    cargo.args(match asker {
        Asker::Bench => ["--release", "--package", "sluice", "--package", env!("CARGO_PKG_NAME")].as_slice(),
        Asker::Demo => ["--package", "sluice", "--package", env!("CARGO_PKG_NAME")].as_slice(),
        // A test among what is built brings in the features of all development dependencies.
        Asker::Pressure => ["--release", "--workspace", "--test", "floors"].as_slice(),
        Asker::Tests => ["--workspace", "--test", "floors"].as_slice(),
    });
    cargo.arg("--target-dir").arg(target()?);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "the gateway does not build");
    let profile = if matches!(asker, Asker::Bench | Asker::Pressure) { "release" } else { "debug" };
    Ok(target()?.join(profile).join("sluice"))
}

/// The workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Cargo's target folder: where the environment says, else the workspace's own.
fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => Ok(root().join("target")),
    }
}

fn is_current(source: &Source, folder: &Path, work: &Path) -> bool {
    let stamp = fs::read_to_string(stamp(source, work));
    folder.join(source.component()).exists() && stamp.is_ok_and(|stamp| stamp == source.fingerprint)
}

fn compile(sources: &[Source], work: &Path) -> Result<()> {
    let toolchain = Toolchain::find(work)?;
    let names: Vec<&str> = sources.iter().map(|source| &*source.name).collect();
    eprintln!("Building {} with {toolchain}", names.join(", "));
    let mut cargo = build(toolchain, work);
    cargo.current_dir(root());
    for name in &names {
        cargo.args(["--package", name]);
    }
    let status = cargo.status().with_context(|| format!("cannot run {toolchain}"))?;
    ensure!(status.success(), "{} do not build with {toolchain}", names.join(", "));
    toolchain.remember(work);
    Ok(())
}

/// Cargo, about to build a library for WebAssembly: fast, since a call is made for every registration, and without
/// what only a debugger reads.
fn build(toolchain: Toolchain, work: &Path) -> Command {
    const PROFILE: [(&str, &str); 6] = [
        ("OPT_LEVEL", "3"),
        ("LTO", "true"),
        ("CODEGEN_UNITS", "1"),
        ("PANIC", "abort"),
        ("STRIP", "true"),
        ("DEBUG", "false"),
    ];
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--quiet", "--release", "--lib", "--target", toolchain::TARGET]);
    cargo.arg("--target-dir").arg(work);
    cargo.envs(PROFILE.map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)));
    cargo
}

fn encode(source: &Source, folder: &Path, work: &Path) -> Result<()> {
    let component = encoded(&source.name, work)?;
    replace(&folder.join(source.component()), &component)?;
    replace(&stamp(source, work), source.fingerprint.as_bytes())
}

/// The component of a library that was built in `work`.
fn encoded(library: &str, work: &Path) -> Result<Vec<u8>> {
    let file = format!("{}.wasm", library.replace('-', "_"));
    let module = work.join(toolchain::TARGET).join("release").join(file);
    let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component =
        ComponentEncoder::default().validate(true).module(&module).and_then(ComponentEncoder::encode);
    component.with_context(|| format!("{library} makes no component"))
}

fn stamp(source: &Source, work: &Path) -> PathBuf {
    work.join(format!("{}.stamp", source.name))
}

/// Writes aside and renames: a gateway that watches the folder must not see half a component.
fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, content).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}

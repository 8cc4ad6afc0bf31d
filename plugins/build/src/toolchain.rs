//! Which Rust builds for WebAssembly here.

use std::{
    env,
    ffi::OsString,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, bail, ensure};

use crate::process::output;

/// It imports nothing but what the contract names: no WASI.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// One of the ways to build for it, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The Rust at hand has the target.
    AtHand,
    /// rustup has just added the target to the Rust at hand.
    Rustup,
    /// Debian's compiler, which builds the library from its source.
    Debian,
}

/// Where Debian's packages put things.
const DEBIAN: [&str; 3] =
    ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml"];
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

const QUICK: Duration = Duration::from_secs(30);
const DOWNLOAD: Duration = Duration::from_secs(180);
const INSTALL: Duration = Duration::from_secs(600);

impl Toolchain {
    /// Finds a way. `work` remembers the last one that worked, so that a failing download is not tried each time.
    pub(crate) fn find(work: &Path) -> Result<Self> {
        let Err(at_hand) = at_hand() else { return Ok(Self::AtHand) };
        if fs::read_to_string(remembered(work)).is_ok_and(|way| way == Self::Debian.to_string())
            && debian().is_ok()
        {
            return Ok(Self::Debian);
        }
        let Err(rustup) = add_target() else { return Ok(Self::Rustup) };
        let Err(debian) = debian().or_else(|_| install()) else { return Ok(Self::Debian) };
        bail!(
            "no Rust here builds for {TARGET}. Any of these would do:\n\
             1. a Rust that has the target ({at_hand:#});\n\
             2. `rustup target add {TARGET}` ({rustup:#});\n\
             3. Debian's `apt-get install --no-install-recommends {} lld` ({debian:#}).",
            PACKAGES.join(" ")
        )
    }

    /// Notes that this way worked.
    pub(crate) fn remember(self, work: &Path) {
        // Best effort: what cannot be noted is found out again.
        let _ = fs::write(remembered(work), self.to_string());
    }

    /// Cargo of this toolchain, ready for `build`.
    pub(crate) fn cargo(self) -> Command {
        match self {
            Self::AtHand | Self::Rustup => {
                let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                forget(&mut cargo, &["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"]);
                cargo
            }
            Self::Debian => debian_cargo(),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtHand => "the Rust at hand",
            Self::Rustup => "the target that rustup has just added",
            Self::Debian => "Debian's rustc-web",
        })
    }
}

fn remembered(work: &Path) -> PathBuf {
    work.join("toolchain")
}

fn at_hand() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]), QUICK)?;
    let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    let library =
        files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"));
    ensure!(library, "the one at hand has no standard library for it");
    Ok(())
}

fn add_target() -> Result<()> {
    output(Command::new("rustup").args(["target", "add", TARGET]), DOWNLOAD)?;
    at_hand()
}

fn debian() -> Result<()> {
    let missing: Vec<&str> = DEBIAN.into_iter().filter(|path| !Path::new(path).exists()).collect();
    ensure!(missing.is_empty(), "missing: {}", missing.join(", "));
    linker().map(drop)
}

/// Root on a Debian machine, as in a container, gets the packages without asking.
fn install() -> Result<()> {
    ensure!(fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0), "only root can install its packages");
    eprintln!("Installing Debian's {}", PACKAGES.join(", "));
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        output(apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet").args(arguments), INSTALL)
    };
    let packages = [&["install", "--yes", "--no-install-recommends"], &PACKAGES[..]].concat();
    apt(&packages).or_else(|_| apt(&["update"]).and_then(|_| apt(&packages)))?;
    debian().or_else(|_| apt(&["install", "--yes", "--no-install-recommends", "lld"]).and_then(|_| debian()))
}

fn debian_cargo() -> Command {
    let mut cargo = Command::new(DEBIAN[1]);
    forget(
        &mut cargo,
        &[
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "LD_LIBRARY_PATH",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ],
    );
    // The standard library's source builds with unstable features only.
    cargo.env("RUSTC", DEBIAN[0]).env("RUSTC_BOOTSTRAP", "1");
    match linker() {
        Ok(Linker::Path(path)) => cargo.env("PATH", path),
        Ok(Linker::Program(program)) => cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", program),
        Err(_) => &mut cargo,
    };
    cargo.arg("-Zbuild-std=std,panic_abort");
    cargo
}

/// What Debian's compiler links with; it brings no linker for WebAssembly.
enum Linker {
    /// A PATH that has `rust-lld`.
    Path(OsString),
    Program(&'static str),
}

fn linker() -> Result<Linker> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&paths).collect();
    folders.extend(rustup_tools());
    if let Some(folder) = folders.iter().find(|folder| folder.join("rust-lld").exists()) {
        let path = [folder.clone()].into_iter().chain(env::split_paths(&paths));
        return Ok(Linker::Path(env::join_paths(path)?));
    }
    let wasm_ld = "/usr/bin/wasm-ld";
    ensure!(
        Path::new(wasm_ld).exists(),
        "there is no linker: neither rust-lld nor {wasm_ld}, which is in lld"
    );
    Ok(Linker::Program(wasm_ld))
}

/// Where rustup's own toolchain keeps its linker.
fn rustup_tools() -> Vec<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]), QUICK).unwrap_or_default();
    let hosts = fs::read_dir(Path::new(sysroot.trim()).join("lib/rustlib")).into_iter().flatten().flatten();
    hosts.map(|host| host.path().join("bin")).collect()
}

fn forget(command: &mut Command, names: &[&str]) {
    for name in names {
        command.env_remove(name);
    }
}

//! `sluice plugin new`: a crate that builds and passes its tests as it is.
//!
//! It carries the SDK's sources along, as they were when this gateway was built, so that it needs nothing but
//! crates.io and this program.

mod template;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use clap::ValueEnum;

/// What a policy decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Who may register
    Auth,
    /// Which recorded files go
    Cleanup,
    /// What notifications look like
    Notify,
    /// Which calls and playbacks go on
    Sign,
    /// What one maker's devices do differently
    Vendor,
}

/// Writes the crate and says what to do with it.
///
/// Errors: the name is none for a crate, the folder is not empty, or cannot be written.
pub(crate) fn new(name: &str, kind: Kind, path: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    ensure!(
        is_crate_name(name),
        "`{name}` is no name for a plugin: use a letter, then lower-case letters, digits and `-`"
    );
    let folder = path.unwrap_or_else(|| name.into());
    let empty = fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(empty, "{} is not empty", folder.display());
    for (file, text) in template::files(name, kind) {
        write(&folder.join(file), &text)?;
    }
    // So that `cargo test` finds this very program; where it is not there any more, one on PATH does.
    let program = env::current_exe().context("cannot find out where this program is")?;
    write(&folder.join(".cargo/config.toml"), &template::cargo_config(&program))?;
    println!("{0}: written. Look at {0}/src/policy.rs, then:\n  cd {0}\n  cargo test", folder.display());
    Ok(ExitCode::SUCCESS)
}

fn is_crate_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(rest)
        && !name.ends_with('-')
        && !name.contains("--")
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        fs::write(file, text)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates() {
        for good in ["a", "gate-2", "intranet"] {
            assert!(is_crate_name(good), "{good}");
        }
        for bad in ["", "2a", "-a", "a-", "a--b", "A", "a_b", "a/b", "../a", "門"] {
            assert!(!is_crate_name(bad), "{bad}");
        }
    }
}

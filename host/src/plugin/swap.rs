//! Candidates, what is in force, and what was before, as files: `shadow/<name>.wasm`, `<name>.wasm` and
//! `previous/<name>.wasm` in the folder of plugins. A gateway that watches the folder follows.
//!
//! Every step is a rename of a whole file, so that whoever dies between two of them leaves a plugin that works.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::files::path;

/// Where candidates are, below the folder of plugins.
pub(super) const SHADOW: &str = "shadow";
/// Where what was in force before is kept.
pub(super) const PREVIOUS: &str = "previous";

/// Why files were not moved.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// A file could not be written or moved.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No file can have this name.
    #[error("`{0}` is no name of a plugin")]
    Name(String),
    /// There is no candidate.
    #[error("there is no candidate {}", .0.display())]
    NoCandidate(PathBuf),
    /// It is not known what was in force before.
    #[error("there is nothing to go back to: no {}", .0.display())]
    NoPrevious(PathBuf),
}

/// Brings the candidate into force; what is in force becomes the previous one.
///
/// Errors: there is no candidate, or the files cannot be moved. What is in force stays so.
pub fn promote(folder: &Path, name: &str) -> Result<(), SwapError> {
    let [candidate, current, previous] = places(folder, name)?;
    if !candidate.is_file() {
        return Err(SwapError::NoCandidate(candidate));
    }
    if current.is_file() {
        let bytes = fs::read(&current).map_err(at(&current))?;
        replace(&previous, &bytes)?;
    }
    rename(&candidate, &current)
}

/// Brings back what was in force before; what is in force becomes the previous one in its turn.
///
/// Errors: there is nothing to go back to, or the files cannot be moved. What is in force stays so.
pub fn demote(folder: &Path, name: &str) -> Result<(), SwapError> {
    let [_, current, previous] = places(folder, name)?;
    if !previous.is_file() {
        return Err(SwapError::NoPrevious(previous));
    }
    let demoted = current.is_file().then(|| fs::read(&current).map_err(at(&current))).transpose()?;
    rename(&previous, &current)?;
    demoted.map_or(Ok(()), |bytes| replace(&previous, &bytes))
}

/// Keeps what was in force until now as the previous one.
pub(super) fn keep(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), SwapError> {
    let [.., previous] = places(folder, name)?;
    let kept = fs::read(&previous).is_ok_and(|kept| kept == bytes);
    if kept { Ok(()) } else { replace(&previous, bytes) }
}

/// The candidate's place, that of what is in force, and that of the previous one.
fn places(folder: &Path, name: &str) -> Result<[PathBuf; 3], SwapError> {
    let plain = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(SwapError::Name(name.to_owned()));
    }
    Ok([path(&folder.join(SHADOW), name), path(folder, name), path(&folder.join(PREVIOUS), name)])
}

/// Writes aside, and renames once it is on disk.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), SwapError> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(at(folder))?;
    let aside = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(at(&aside))?;
    rename(&aside, path)
}

fn rename(from: &Path, to: &Path) -> Result<(), SwapError> {
    fs::rename(from, to).map_err(at(to))?;
    for folder in [parent(to), parent(from)] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn at(path: &Path) -> impl Fn(io::Error) -> SwapError + use<> {
    let path = path.to_owned();
    move |source| SwapError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the three places hold: candidate, in force, previous.
    fn held(folder: &Path) -> [Option<String>; 3] {
        places(folder, "p").unwrap().map(|path| fs::read_to_string(path).ok())
    }

    fn texts(texts: [&str; 3]) -> [Option<String>; 3] {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(SHADOW)).unwrap();
        fs::write(folder.path().join("p.wasm"), "old").unwrap();
        fs::write(folder.path().join("shadow/p.wasm"), "new").unwrap();
        folder
    }

    #[test]
    fn a_promoted_candidate_can_be_taken_back_and_forth() {
        let folder = folder();
        promote(folder.path(), "p").unwrap();
        assert_eq!(held(folder.path()), texts(["", "new", "old"]));
        assert!(matches!(promote(folder.path(), "p"), Err(SwapError::NoCandidate(_))));
        demote(folder.path(), "p").unwrap();
        assert_eq!(held(folder.path()), texts(["", "old", "new"]));
        demote(folder.path(), "p").unwrap();
        assert_eq!(held(folder.path()), texts(["", "new", "old"]));
        let beside = fs::read_dir(folder.path().join(PREVIOUS)).unwrap().count();
        assert_eq!(beside, 1, "nothing is left aside");
    }

    #[test]
    fn nothing_moves_where_there_is_nothing_to_go_to() {
        let folder = folder();
        assert!(matches!(demote(folder.path(), "p"), Err(SwapError::NoPrevious(_))));
        assert_eq!(held(folder.path()), texts(["new", "old", ""]));
        for name in ["", ".", "..", "../p", "a/b", ".p", "a\0b"] {
            assert!(matches!(promote(folder.path(), name), Err(SwapError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_aside_is_not_replaced() {
        let folder = folder();
        fs::write(folder.path().join(PREVIOUS), "in the way").unwrap();
        assert!(matches!(promote(folder.path(), "p"), Err(SwapError::File { .. })));
        assert_eq!(held(folder.path()), texts(["new", "old", ""]));
    }

    #[test]
    fn what_was_in_force_is_kept_once() {
        let folder = folder();
        keep(folder.path(), "p", b"older").unwrap();
        keep(folder.path(), "p", b"older").unwrap();
        assert_eq!(held(folder.path()), texts(["new", "old", "older"]));
    }
}

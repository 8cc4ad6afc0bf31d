//! Candidates, what is in force, and what was before, as files: `shadow/<name>.wasm`, `<name>.wasm` and
//! `previous/<name>.wasm` in the folder of plugins. A gateway that watches the folder follows.
//!
//! Every step is a rename of a whole file, so that whoever dies between two of them leaves a plugin that works.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
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
    #[error("there is no candidate: no {}", .0.display())]
    NoCandidate(PathBuf),
    /// It is not known what was in force before.
    #[error("there is nothing to go back to: no {}, which is written when a plugin is replaced", .0.display())]
    NoPrevious(PathBuf),
}

/// Where the files of one plugin are.
pub(super) struct Places {
    pub(super) candidate: PathBuf,
    current: PathBuf,
    pub(super) previous: PathBuf,
}

impl Places {
    /// Errors: no file can have this name.
    pub(super) fn new(folder: &Path, name: &str) -> Result<Self, SwapError> {
        let plain = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(SwapError::Name(name.to_owned()));
        }
        Ok(Self {
            candidate: path(&folder.join(SHADOW), name),
            current: path(folder, name),
            previous: path(&folder.join(PREVIOUS), name),
        })
    }

    /// Errors: there is no candidate.
    pub(super) fn has_candidate(&self) -> Result<(), SwapError> {
        if self.candidate.is_file() { Ok(()) } else { Err(SwapError::NoCandidate(self.candidate.clone())) }
    }

    /// Errors: it is not known what was in force before.
    pub(super) fn has_previous(&self) -> Result<(), SwapError> {
        if self.previous.is_file() { Ok(()) } else { Err(SwapError::NoPrevious(self.previous.clone())) }
    }

    /// What the plugin's own file holds; none if there is none.
    pub(super) fn in_force(&self) -> Result<Option<Vec<u8>>, SwapError> {
        let read = || fs::read(&self.current).map_err(at(&self.current));
        self.current.is_file().then(read).transpose()
    }

    /// Moves the candidate into the plugin's place. `in_force` becomes the previous one.
    ///
    /// Errors: there is no candidate, or the files cannot be moved. What is in force stays so.
    pub(super) fn promote(&self, in_force: Option<&[u8]>) -> Result<(), SwapError> {
        self.has_candidate()?;
        in_force.map_or(Ok(()), |bytes| self.keep(bytes))?;
        rename(&self.candidate, &self.current)
    }

    /// Moves what was in force before back into the plugin's place. `in_force` becomes the previous one in its turn.
    ///
    /// Errors: there is nothing to go back to, or the files cannot be moved.
    pub(super) fn demote(&self, in_force: Option<&[u8]>) -> Result<(), SwapError> {
        self.has_previous()?;
        rename(&self.previous, &self.current)?;
        in_force.map_or(Ok(()), |bytes| self.keep(bytes))
    }

    /// Keeps what was in force until now as the previous one.
    pub(super) fn keep(&self, bytes: &[u8]) -> Result<(), SwapError> {
        let kept = fs::read(&self.previous).is_ok_and(|kept| kept == bytes);
        if kept { Ok(()) } else { replace(&self.previous, bytes) }
    }
}

/// How many files this process has written aside.
static ASIDE: AtomicU64 = AtomicU64::new(0);

/// Writes aside, and renames once it is on disk.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), SwapError> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(at(folder))?;
    // Nobody else's: another process or thread may move the same plugin.
    let aside = path.with_extension(format!("{}-{}.new", process::id(), ASIDE.fetch_add(1, Relaxed)));
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
    use tempfile::TempDir;

    use super::*;

    const NONE: Option<&[u8]> = None;

    fn places(folder: &TempDir) -> Places {
        Places::new(folder.path(), "p").unwrap()
    }

    /// What the three places hold: candidate, in force, previous.
    fn held(folder: &TempDir) -> [Option<String>; 3] {
        let Places { candidate, current, previous } = places(folder);
        [candidate, current, previous].map(|path| fs::read_to_string(path).ok())
    }

    fn texts(texts: [&str; 3]) -> [Option<String>; 3] {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(SHADOW)).unwrap();
        fs::write(folder.path().join("p.wasm"), "old").unwrap();
        fs::write(folder.path().join("shadow/p.wasm"), "new").unwrap();
        folder
    }

    #[test]
    fn a_promoted_candidate_can_be_taken_back_and_forth() {
        let folder = folder();
        let places = places(&folder);
        places.promote(Some(b"old")).unwrap();
        assert_eq!(held(&folder), texts(["", "new", "old"]));
        assert!(matches!(places.promote(NONE), Err(SwapError::NoCandidate(_))));
        for [current, previous] in [["old", "new"], ["new", "old"]] {
            let in_force = places.in_force().unwrap();
            places.demote(in_force.as_deref()).unwrap();
            assert_eq!(held(&folder), texts(["", current, previous]));
        }
        let beside = fs::read_dir(folder.path().join(PREVIOUS)).unwrap().count();
        assert_eq!(beside, 1, "nothing is left aside");
    }

    #[test]
    fn what_is_in_force_is_kept_though_its_file_holds_something_else() {
        let folder = folder();
        places(&folder).promote(Some(b"older")).unwrap();
        assert_eq!(held(&folder), texts(["", "new", "older"]));
    }

    #[test]
    fn nothing_moves_where_there_is_nothing_to_go_to() {
        let folder = folder();
        assert!(matches!(places(&folder).demote(NONE), Err(SwapError::NoPrevious(_))));
        assert_eq!(held(&folder), texts(["new", "old", ""]));
        for name in ["", ".", "..", "../p", "a/b", ".p", "a\0b"] {
            assert!(matches!(Places::new(folder.path(), name), Err(SwapError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_aside_is_not_replaced() {
        let folder = folder();
        fs::write(folder.path().join(PREVIOUS), "in the way").unwrap();
        assert!(matches!(places(&folder).promote(Some(b"old")), Err(SwapError::File { .. })));
        assert_eq!(held(&folder), texts(["new", "old", ""]));
    }
}

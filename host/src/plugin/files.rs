//! The folder of components: which there are, what they hold, and whether they changed.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{error::LoadError, load::read};

/// The folder's components by name, as they are now.
pub(super) fn components(folder: &Path) -> io::Result<BTreeMap<String, Stamp>> {
    let mut components = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // One that vanishes meanwhile is not there.
        if let (Some(name), Ok(stamp)) = (name(&path), Stamp::of(&path)) {
            components.insert(name.to_owned(), stamp);
        }
    }
    Ok(components)
}

/// The plugin's name, if the file can be one.
fn name(path: &Path) -> Option<&str> {
    let wasm = path.extension().is_some_and(|extension| extension == "wasm");
    path.file_stem()?.to_str().filter(|name| wasm && !name.starts_with('.'))
}

/// Where the component of a plugin is.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.wasm"))
}

/// Differs once a file was written to or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: u64,
    length: u64,
    /// Seconds and nanoseconds of the last change, be it to content or name.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let data = fs::metadata(path)?;
        Ok(Self { file: data.ino(), length: data.len(), changed: (data.ctime(), data.ctime_nsec()) })
    }
}

/// What a file held when it was read. Kept with the plugin: the file may be overwritten by a worse one.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) bytes: Arc<[u8]>,
    /// In lower-case hexadecimal digits.
    pub(super) sha256: String,
    /// From before it was read: one that is written to meanwhile has another one by now.
    pub(super) stamp: Stamp,
}

impl Content {
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let stamp = Stamp::of(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        let bytes = read(path)?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok(Self { bytes: bytes.into(), sha256, stamp })
    }

    /// Whether `path` holds what was read from it.
    pub(super) fn is_settled(&self, path: &Path) -> bool {
        Stamp::of(path).is_ok_and(|stamp| stamp == self.stamp)
    }
}

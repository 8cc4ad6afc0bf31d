//! The media server's record folder, as it is seen from here.
//!
//! A file's path comes from outside, so the system is never given it as a whole. It is taken apart, each folder is
//! opened from the one above it without following a link, and the file is removed by its name from the folder
//! opened last. Whatever is linked or renamed meanwhile: what goes is a file that lay below the record folder.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstatvfs, openat, statat, unlinkat};
use rustix::io::Errno;

/// The record folder, opened. Its own path may lead over links: it is the operator's word.
#[derive(Debug)]
pub struct RecordFolder {
    root: OwnedFd,
    /// Its absolute path, as configured and without links.
    paths: [PathBuf; 2],
}

/// A file's place below the record folder: plain names, the last of them the file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folders: Vec<OsString>,
    file: OsString,
}

/// The disk that the record folder is on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    pub total: u64,
    /// What an ordinary user may still write.
    pub free: u64,
}

/// Why a file was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something on the way is a link or a file; its name.
    #[error("`{0}` on its path is no folder; links are not followed")]
    NotAFolder(String),
    #[error("it is no regular file")]
    NotRegular,
    /// It is not clear that this is the right folder, and a file that is not found in it may be elsewhere.
    #[error("{folder} holds no folder `{name}`; is it the media server's record folder?", folder = .folder.display())]
    OtherFolder { folder: PathBuf, name: String },
    #[error("its path does not lie below the record folder: {0}")]
    Outside(String),
    #[error("{0}")]
    System(#[from] io::Error),
    /// The record folder itself cannot be used.
    #[error("record.path = {path} cannot be opened: {source}", path = .path.display())]
    Unusable { path: PathBuf, source: io::Error },
}

/// A path handle: to reach what is below, not to read.
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl RecordFolder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// [`FolderError::Unusable`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let open = || -> io::Result<Self> {
            let root = openat(CWD, path, FOLDER, Mode::empty())?;
            Ok(Self { root, paths: [std::path::absolute(path)?, path.canonicalize()?] })
        };
        open().map_err(|source| FolderError::Unusable { path: path.to_owned(), source })
    }

    /// How large and how full the folder's disk is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn disk(&self) -> Result<Disk, FolderError> {
        let told = fstatvfs(&self.root).map_err(io::Error::from)?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok(Disk { total: bytes(told.f_blocks), free: bytes(told.f_bavail) })
    }

    /// Where the file is that the media server told as `path`, a recording of `stream` in the group `app`.
    ///
    /// A media server that sees the folder elsewhere (in a container, on another host) tells another path; it
    /// always ends in group, stream, day and file.
    ///
    /// # Errors
    /// [`FolderError::Outside`].
    pub fn place(&self, path: &str, app: &str, stream: &str) -> Result<Place, FolderError> {
        let below = self.paths.iter().find_map(|own| Path::new(path).strip_prefix(own).ok());
        let names = below.map_or_else(|| tail(path, app, stream), names);
        let mut folders = names.ok_or_else(|| FolderError::Outside(path.to_owned()))?;
        let file = folders.pop().ok_or_else(|| FolderError::Outside(path.to_owned()))?;
        Ok(Place { folders, file })
    }

    /// Bytes of a file; none where there is no such regular file.
    pub fn size(&self, place: &Place) -> Option<u64> {
        let folder = self.walk(&place.folders).ok()??;
        let found = statat(&folder, &place.file, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        u64::try_from(found.st_size).ok().filter(|_| is_file)
    }

    /// Deletes a file; the bytes that it held, none if it was gone already.
    ///
    /// # Errors
    /// All but [`FolderError::Outside`] and [`FolderError::Unusable`].
    pub fn delete(&self, place: &Place) -> Result<u64, FolderError> {
        let Some(folder) = self.walk(&place.folders)? else { return Ok(0) };
        let found = match statat(&folder, &place.file, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(0),
            found => found.map_err(io::Error::from)?,
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(FolderError::NotRegular);
        }
        // A link or a folder that took the file's place by now is no danger: this removes a name, never what a
        // link leads to, and no folder.
        match unlinkat(&folder, &place.file, AtFlags::empty()) {
            Ok(()) => Ok(u64::try_from(found.st_size).unwrap_or_default()),
            Err(Errno::NOENT) => Ok(0),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Removes the folder of the day that a file was in, if it is empty. One that is not, or cannot be removed, costs
    /// nothing. The folders of groups and streams stay: the media server may be about to write into them.
    pub fn tidy(&self, place: &Place) {
        let [above @ .., day] = place.folders.as_slice() else { return };
        if above.len() < 2 {
            return;
        }
        if let Ok(Some(folder)) = self.walk(above) {
            // Not empty is the usual answer.
            let _ = unlinkat(&folder, day, AtFlags::REMOVEDIR);
        }
    }

    /// Opens one folder after the other; none if one below the first is not there.
    fn walk(&self, names: &[OsString]) -> Result<Option<OwnedFd>, FolderError> {
        let mut folder = self.root.try_clone()?;
        for (depth, name) in names.iter().enumerate() {
            let told = || name.to_string_lossy().into_owned();
            folder = match openat(&folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) if depth > 0 => return Ok(None),
                Err(Errno::NOENT) => {
                    return Err(FolderError::OtherFolder { folder: self.paths[0].clone(), name: told() });
                }
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(FolderError::NotAFolder(told())),
                Err(error) => return Err(io::Error::from(error).into()),
            };
        }
        Ok(Some(folder))
    }
}

impl Place {
    /// The path below the record folder.
    pub fn path(&self) -> PathBuf {
        self.folders.iter().chain([&self.file]).collect()
    }
}

/// The names that a path consists of; none if it has `..` or is not relative.
fn names(path: &Path) -> Option<Vec<OsString>> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        _ => None,
    };
    path.components().map(name).collect()
}

/// The end of a path from where group and stream follow one another, names like [`names`].
fn tail(path: &str, app: &str, stream: &str) -> Option<Vec<OsString>> {
    let path: Vec<Component<'_>> = Path::new(path).components().collect();
    let begins = |pair: &[Component<'_>]| pair[0].as_os_str() == app && pair[1].as_os_str() == stream;
    let start = path.windows(2).rposition(begins)?;
    names(&path[start..].iter().collect::<PathBuf>())
}

//! Compiled code, kept between starts.
//!
//! Loading compiled code is trusting it: it is machine code. So the folder is private to our user, each
//! file carries an HMAC over its name and content under a key that lies in that folder, and what does not fit is
//! compiled anew. Files are written aside and renamed; none is ever changed.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};

/// The folder, and the key that its files are authenticated with.
pub(super) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    const MAC: usize = 32;

    /// Opens the folder, or makes it. None, with a warning, where that cannot be done safely.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        match Self::try_open(folder) {
            Ok(cache) => Some(cache),
            Err(error) => {
                warn!(folder = %folder.display(), "compiled plugins are not cached: {error}");
                None
            }
        }
    }

    fn try_open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        if !found.is_dir() || found.mode() & 0o077 != 0 || found.uid() != rustix::process::geteuid().as_raw()
        {
            return Err(io::Error::other("the folder is not private to this user (mode 0700)"));
        }
        Ok(Self { folder: folder.to_owned(), key: key(&folder.join("key"))? })
    }

    /// The component whose file has this hash, if it was compiled before by the same engine.
    pub(super) fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let name = name(engine, sha256);
        let file = fs::read(self.folder.join(&name)).ok()?;
        let (mac, code) = file.split_at_checked(Self::MAC)?;
        if self.mac(&name, code).verify_slice(mac).is_err() {
            warn!(file = %name, "a compiled plugin in the cache is not ours or was changed; compiling anew");
            return None;
        }
        #[expect(unsafe_code, reason = "the MAC shows that this code came from our own compiler")]
        // SAFETY: `store` wrote these very bytes, which `Component::serialize` made.
        let component = unsafe { Component::deserialize(engine, code) };
        component.inspect_err(|error| debug!(file = %name, "a compiled plugin does not load: {error:#}")).ok()
    }

    /// Keeps a compiled component. That it cannot be kept harms nobody.
    pub(super) fn store(&self, engine: &Engine, sha256: &str, component: &Component) {
        let name = name(engine, sha256);
        let kept =
            component.serialize().map_err(|error| io::Error::other(format!("{error:#}"))).and_then(|code| {
                let mac = self.mac(&name, &code).finalize().into_bytes();
                write(&self.folder.join(&name), &[&mac, &code])
            });
        if let Err(error) = kept {
            warn!(file = %name, "a compiled plugin cannot be cached: {error}");
        }
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length (RFC 2104 §3). Names have one length, so this is unambiguous.
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).expect("any length");
        mac.chain_update(name).chain_update(code)
    }
}

fn name(engine: &Engine, sha256: &str) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{sha256}-{:016x}.cwasm", hasher.finish())
}

/// Reads the key, or makes one. Two processes that make one at once end up with the same.
fn key(path: &Path) -> io::Result<[u8; 32]> {
    if !path.exists() {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        let aside = aside(path);
        write_new(&aside, &[&key])?;
        // Unlike a rename, a link never replaces the key that another process has just made.
        let linked = fs::hard_link(&aside, path);
        fs::remove_file(&aside)?;
        linked.or_else(|error| if path.exists() { Ok(()) } else { Err(error) })?;
    }
    let key = fs::read(path)?;
    key.try_into().map_err(|_| io::Error::other("its key is not 32 bytes; remove the folder"))
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let aside = aside(path);
    let written = write_new(&aside, parts).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Best effort: it may never have come into being.
        let _ = fs::remove_file(&aside);
    }
    written
}

fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// A name beside `path` that nobody else uses.
fn aside(path: &Path) -> PathBuf {
    let mut random = [0; 8];
    // Without randomness names may collide; `create_new` then refuses, and nothing is kept.
    let _ = getrandom::fill(&mut random);
    path.with_extension(format!("{}.tmp", hex::encode(random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::engine::engine;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn stored(folder: &Path) -> PathBuf {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut code: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect();
        assert_eq!(code.len(), 1);
        code.remove(0)
    }

    #[test]
    fn what_was_stored_loads_until_a_byte_of_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let engine = engine().unwrap();
        let component = Component::new(&engine, EMPTY).unwrap();
        let cache = Cache::open(&path).unwrap();
        assert!(cache.load(&engine, &"0".repeat(64)).is_none());
        cache.store(&engine, &"0".repeat(64), &component);
        let again = Cache::open(&path).unwrap();
        assert!(again.load(&engine, &"0".repeat(64)).is_some());

        let file = stored(&path);
        let bytes = fs::read(&file).unwrap();
        for at in [0, Cache::MAC, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(again.load(&engine, &"0".repeat(64)).is_none(), "byte {at}");
            fs::write(&file, &bytes[..at]).unwrap();
            assert!(again.load(&engine, &"0".repeat(64)).is_none(), "cut at {at}");
        }
        fs::write(&file, &bytes).unwrap();
        assert!(again.load(&engine, &"0".repeat(64)).is_some());
    }

    /// Whoever can write compiled code runs it as us.
    #[test]
    fn the_cache_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let engine = engine().unwrap();
        let component = Component::new(&engine, EMPTY).unwrap();
        Cache::open(&path).unwrap().store(&engine, &"0".repeat(64), &component);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!([mode(&path.join("key")), mode(&stored(&path))], [0o600, 0o600]);
    }

    #[test]
    fn code_is_not_taken_under_another_name_or_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let engine = engine().unwrap();
        let cache = Cache::open(&path).unwrap();
        cache.store(&engine, &"0".repeat(64), &Component::new(&engine, EMPTY).unwrap());
        fs::copy(stored(&path), path.join(name(&engine, &"1".repeat(64)))).unwrap();
        assert!(cache.load(&engine, &"1".repeat(64)).is_none());
        fs::remove_file(path.join("key")).unwrap();
        assert!(Cache::open(&path).unwrap().load(&engine, &"0".repeat(64)).is_none());
    }

    #[test]
    fn a_folder_that_others_may_enter_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        DirBuilder::new().mode(0o755).create(&path).unwrap();
        assert!(Cache::open(&path).is_none());
    }
}

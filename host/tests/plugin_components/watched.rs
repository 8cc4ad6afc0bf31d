//! Plugins in force whose folder is watched.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use sluice::plugin::{Candidate, Fault, Plugins, Settings, Status, Watch, auth::Verdict, types::Refusal};

use crate::guest::{Folder, registration, with_body};

/// Plugins whose folder is watched, with `auth` in force.
pub(crate) struct Watched {
    pub(crate) folder: Folder,
    pub(crate) plugins: Plugins,
    _watch: Watch,
}

impl Watched {
    pub(crate) fn with(auth: &[u8]) -> Self {
        Self::change(auth, |_| {})
    }

    pub(crate) fn change(auth: &[u8], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = Folder::with(auth);
        let mut settings = folder.settings();
        change(&mut settings);
        let plugins = Plugins::load(&settings).unwrap();
        let watch = plugins.watch();
        Self { folder, plugins, _watch: watch }
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Moves a whole file into its place.
    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        self.write("aside", content);
        fs::rename(self.folder.path().join("aside"), self.folder.path().join(name)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    pub(crate) fn find(&self, name: &str) -> Option<Status> {
        self.plugins.status().into_iter().find(|status| status.name == name)
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        self.find(name).unwrap()
    }

    pub(crate) fn candidate(&self) -> Candidate {
        self.status("guest").candidate.unwrap_or_default()
    }

    /// What a file of the folder holds; none if it is not there.
    pub(crate) fn hash_of(&self, file: &str) -> Option<String> {
        fs::read(self.folder.path().join(file)).ok().map(|content| hash(&content))
    }

    /// The status that a registration is refused with, or the fault.
    pub(crate) fn ask(&self) -> Result<u16, Fault> {
        match self.plugins.register(&registration(), None) {
            Ok(Verdict::Refuse(Refusal { status, .. })) => Ok(status),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.fault),
        }
    }
}

/// Waits until `done`, which takes a look and a few milliseconds of compiling.
pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "the folder is watched in real time")]
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        thread::yield_now();
    }
}

/// A plugin that refuses every registration with this status.
pub(crate) fn refuses(status: u16) -> Vec<u8> {
    refusing(&format!("(i32.const {status})"))
}

/// A plugin that refuses every registration with a status that is this expression.
pub(crate) fn refusing(status: &str) -> Vec<u8> {
    let refuse = "(i32.store8 (i32.const 20) (i32.const 2)) (i32.store16 (i32.const 24)";
    with_body("register", &format!("{refuse} {status}) (i32.const 16)"))
}

pub(crate) fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

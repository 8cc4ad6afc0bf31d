//! Folders of components to load, and what they are asked.

use std::{fs, path::Path};

use sluice::plugin::{LoadError, Plugins, Settings, auth::Registration};
use tempfile::TempDir;

use crate::component::{component, contract, text};
pub(crate) use crate::component::{guest, with_body};

/// A vendor module for devices that never appear.
pub(crate) fn vendor() -> Vec<u8> {
    with_body("claim", "(i32.const 16)")
}

/// The component that looks around in WASI.
pub(crate) fn visitor() -> Vec<u8> {
    let (mut resolve, _) = contract();
    let package = resolve.push_str("visitor.wit", &text("visitor.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("visitor")).unwrap();
    component(&text("visitor.wat"), &resolve, world)
}

/// A folder with the bundled components and `guest` as `guest.wasm`, which decides who may register.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn with(guest: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(sluice_build::plugins().unwrap()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        fs::write(folder.path().join("guest.wasm"), guest).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { auth: "guest".into(), folder: self.path().to_owned(), ..bundled() }
    }

    pub(crate) fn load(&self) -> Result<Plugins, LoadError> {
        Plugins::load(&self.settings())
    }
}

/// The bundled components, each in its role.
pub(crate) fn bundled() -> Settings {
    Settings {
        folder: sluice_build::plugins().unwrap(),
        auth: "gosip-auth".into(),
        sign: "gosip-sign".into(),
        notify: vec!["gosip-notify".into()],
        cleanup: Some("expire".into()),
        // Beside the components, as the other tests have it: compiling them takes longer than most tests.
        cache: Some(sluice_build::plugins().unwrap().with_file_name("plugin-cache")),
        ..Settings::default()
    }
}

/// A REGISTER without credentials.
pub(crate) fn registration() -> Registration {
    Registration {
        device: "37070000081118000001".into(),
        realm: "3707000008".into(),
        method: "REGISTER".into(),
        source: "192.0.2.7:5060".into(),
        transport: "UDP".into(),
        user_agent: Some("IP Camera".into()),
        digest: None,
        expires: 3600,
        attributes: vec![],
    }
}

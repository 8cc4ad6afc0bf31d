//! Guests from WebAssembly text, and folders of components to load.

use std::{fs, path::Path};

use sluice::plugin::{LoadError, Plugins, Settings, auth::Registration};
use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, WorldId};

/// A component whose function `hook` has the body of `tests/guests/<name>.wat`.
pub(crate) fn guest(hook: &str, name: &str) -> Vec<u8> {
    with_body(hook, &text(&format!("{name}.wat")))
}

/// A component whose function `hook` has this body.
pub(crate) fn with_body(hook: &str, body: &str) -> Vec<u8> {
    let (skeleton, world) = match hook {
        "select" => ("skeleton-cleanup.wat", "cleanup-plugin"),
        _ => ("skeleton.wat", "auth-plugin"),
    };
    let mut module = text(skeleton).replace(&format!("{{{hook}}}"), body);
    for hook in ["{init}", "{self-test}", "{register}", "{select}"] {
        module = module.replace(hook, "(i32.const 16)");
    }
    of_world(world, &module)
}

/// A vendor module.
pub(crate) fn vendor() -> Vec<u8> {
    of_world("vendor-plugin", &text("vendor.wat"))
}

fn of_world(world: &str, module: &str) -> Vec<u8> {
    let (resolve, package) = contract();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    component(module, &resolve, world)
}

/// The component that looks around in WASI.
pub(crate) fn visitor() -> Vec<u8> {
    let (mut resolve, _) = contract();
    let package = resolve.push_str("visitor.wit", &text("visitor.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("visitor")).unwrap();
    component(&text("visitor.wat"), &resolve, world)
}

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests").join(name)).unwrap()
}

fn contract() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    (resolve, package)
}

fn component(module: &str, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
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

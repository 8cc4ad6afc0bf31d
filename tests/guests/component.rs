//! Components of the guests in this folder. Two test crates share this file, so that neither the gateway nor the test
//! kit depends on what makes components of text.

use std::{fs, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, WorldId};

/// The functions that a guest's body can be put into, and what exports each; none for those of every plugin.
const HOOKS: [(&str, Option<&str>); 7] = [
    ("check", Some("sign")),
    ("claim", Some("vendor")),
    ("format", Some("notify")),
    ("init", None),
    ("register", Some("auth")),
    ("select", Some("cleanup")),
    ("self-test", None),
];

/// A component whose function `hook` has the body of `tests/guests/<name>.wat`.
pub(crate) fn guest(hook: &str, name: &str) -> Vec<u8> {
    with_body(hook, &text(&format!("{name}.wat")))
}

/// A component whose function `hook` has this body. It is of the interface of that function, or of `auth`.
pub(crate) fn with_body(hook: &str, body: &str) -> Vec<u8> {
    let (_, interface) = HOOKS.iter().find(|(known, _)| *known == hook).expect("a hook of HOOKS");
    let interface = interface.unwrap_or("auth");
    let exports = text(&format!("exports-{interface}.wat"));
    let mut module =
        text("skeleton.wat").replace("{exports}", &exports).replace(&format!("{{{hook}}}"), body);
    for (hook, _) in HOOKS {
        module = module.replace(&format!("{{{hook}}}"), "(i32.const 16)");
    }
    let (resolve, package) = contract();
    let world = resolve.select_world(&[package], Some(&format!("{interface}-plugin"))).unwrap();
    component(&module, &resolve, world)
}

/// A file of this folder.
pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests").join(name)).unwrap()
}

/// What is in `wit/`.
pub(crate) fn contract() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    (resolve, package)
}

/// A component of a module in text form.
pub(crate) fn component(module: &str, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

//! What is written: one crate for each kind, and the SDK.

use std::path::Path;

use super::Kind;

/// A file below the SDK's folder, as it is in this source tree.
macro_rules! sdk {
    ($($file:literal),+ $(,)?) => {
        &[$((concat!("sdk/", $file), include_str!(concat!("../../../../plugins/sdk/", $file)))),+]
    };
}

/// The SDK, with the contract.
const SDK: &[(&str, &str)] = sdk![
    "Cargo.toml",
    "src/auth.rs",
    "src/bindings.rs",
    "src/config.rs",
    "src/glue.rs",
    "src/host.rs",
    "src/kv.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/policy.rs",
    "src/samples.rs",
    "src/secret.rs",
    "src/testing.rs",
    "src/vendor.rs",
    "wit/auth.wit",
    "wit/cleanup.wit",
    "wit/host.wit",
    "wit/lifecycle.wit",
    "wit/notify.wit",
    "wit/sign.wit",
    "wit/types.wit",
    "wit/vendor.wit",
    "wit/world.wit",
];

/// The crate's own files, but for policy and cases.
const CRATE: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("tests/component.rs", include_str!("template/component.rs.txt")),
];

/// What one kind of crate has.
struct Template {
    policy: &'static str,
    cases: &'static str,
    /// The SDK's trait, and the contract's interface.
    implements: &'static str,
    interface: &'static str,
    description: &'static str,
    /// The line of `[plugins]`, with the plugin's name for `$`.
    role: &'static str,
}

macro_rules! template {
    ($kind:literal, $implements:literal, $role:literal, $description:literal) => {
        Template {
            policy: include_str!(concat!("template/", $kind, "/policy.rs.txt")),
            cases: include_str!(concat!("template/", $kind, "/cases.toml.txt")),
            implements: $implements,
            interface: $kind,
            description: $description,
            role: $role,
        }
    };
}

/// Every file of a crate, by its path there.
pub(super) fn files(name: &str, kind: Kind) -> Vec<(&'static str, String)> {
    let template = template(kind);
    let policy = [("src/policy.rs", template.policy), ("cases.toml", template.cases)];
    let own = CRATE.iter().copied().chain(policy).map(|(file, text)| (file, template.fill(name, text)));
    let ignored = format!("/target\n/{name}.wasm\n# The path of a program on this machine.\n/.cargo\n");
    let sdk = SDK.iter().map(|(file, text)| (*file, (*text).to_owned()));
    own.chain([(".gitignore", ignored)]).chain(sdk).collect()
}

/// Tells the crate's tests where the gateway's program is.
pub(super) fn cargo_config(program: &Path) -> String {
    // Debug text of a path is a TOML text: quoted, with the same escapes.
    format!("[env]\nSLUICE = {{ value = {program:?}, force = false }}\n")
}

fn template(kind: Kind) -> Template {
    match kind {
        Kind::Auth => {
            template!("auth", "Auth", "auth = \"$\"", "Lets devices register by password and address")
        }
        Kind::Cleanup => {
            template!("cleanup", "Cleanup", "cleanup = \"$\"", "Deletes recordings by their age")
        }
        Kind::Notify => template!("notify", "Notify", "notify = [\"$\"]", "Tells events by POST"),
        Kind::Sign => template!("sign", "Sign", "sign = \"$\"", "Lets calls and viewers in by their address"),
        Kind::Vendor => template!("vendor", "Vendor", "vendor = [\"$\"]", "Knows one maker's devices"),
    }
}

impl Template {
    fn fill(&self, name: &str, text: &str) -> String {
        text.replace("__NAME__", name)
            .replace("__TYPE__", &type_name(name))
            .replace("__TRAIT__", self.implements)
            .replace("__KIND__", self.interface)
            .replace("__DESCRIPTION__", self.description)
            .replace("__ROLE__", &self.role.replace('$', name))
    }
}

/// `my-gate2` is `MyGate2`. One that would hide a name of the SDK or of Rust gets `Policy` behind it.
fn type_name(name: &str) -> String {
    const TAKEN: [&str; 18] = [
        "Auth",
        "Cleanup",
        "Notify",
        "Sign",
        "Vendor",
        "Policy",
        "Key",
        "Credential",
        "Request",
        "Verdict",
        "Subject",
        "Event",
        "Device",
        "Option",
        "Result",
        "String",
        "Vec",
        "Self",
    ];
    let part = |part: &str| part[..1].to_ascii_uppercase() + &part[1..];
    let name: String = name.split('-').filter(|piece| !piece.is_empty()).map(part).collect();
    if TAKEN.contains(&name.as_str()) { name + "Policy" } else { name }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn types_are_named_after_the_crate() {
        assert_eq!(type_name("my-gate2"), "MyGate2");
        assert_eq!(type_name("auth"), "AuthPolicy");
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for kind in [Kind::Auth, Kind::Cleanup, Kind::Notify, Kind::Sign, Kind::Vendor] {
            for (file, text) in files("gate", kind) {
                assert!(!text.contains("__"), "{file} of {kind:?}");
            }
        }
    }

    #[test]
    fn the_sdk_is_written_whole() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk");
        let written: BTreeSet<String> = SDK.iter().map(|(file, _)| file.replacen("sdk/", "", 1)).collect();
        for folder in ["src", "wit"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let file = format!("{folder}/{}", entry.unwrap().file_name().display());
                assert!(written.contains(&file), "{file} is not written");
            }
        }
    }
}

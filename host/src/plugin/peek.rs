//! What a component exports, read from its file: compiling a component takes a second for each of its megabytes.

use wasmparser::{Parser, Payload, Result};

use super::error::Role;

/// The interfaces of the contract that a component exports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Peeked {
    pub(super) lifecycle: bool,
    pub(super) roles: Vec<Role>,
}

/// Reads a component's exports; none if it cannot be read so far, which compiling it says better.
pub(super) fn peek(bytes: &[u8]) -> Option<Peeked> {
    let names = exports(bytes).ok()?;
    let exported = |interface: &str| {
        names.iter().any(|name| name.starts_with(&format!("sluice:policy/{interface}@0.1.")))
    };
    let roles = [Role::Auth, Role::Cleanup, Role::Notify, Role::Sign, Role::Vendor];
    let roles = roles.into_iter().filter(|role| exported(role.name())).collect();
    Some(Peeked { lifecycle: exported("lifecycle"), roles })
}

fn exports(bytes: &[u8]) -> Result<Vec<&str>> {
    let (mut depth, mut names) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            // What a component inside exports is not ours.
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    names.push(export?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn exports_are_those_of_the_outermost_component() {
        let whole = component(
            r#"(component
                (component (instance $inner) (export "sluice:policy/auth@0.1.0" (instance $inner)))
                (core module (func (export "f")))
                (instance $empty)
                (export "sluice:policy/lifecycle@0.1.0" (instance $empty))
                (export "sluice:policy/vendor@0.1.3" (instance $empty))
                (export "sluice:policy/sign@0.2.0" (instance $empty)))"#,
        );
        assert_eq!(peek(&whole), Some(Peeked { lifecycle: true, roles: vec![Role::Vendor] }));
        assert_eq!(peek(&whole[..whole.len() - 1]), None);
        assert_eq!(peek(&component("(component)")), Some(Peeked { lifecycle: false, roles: vec![] }));
        assert_eq!(peek(b"no component"), None);
    }
}

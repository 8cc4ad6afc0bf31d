//! What is not taken, and what the operator is told.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use sluice::plugin::{Fault, Limits, LoadError, Plugins, Role, Settings, State};

use crate::component;
use crate::guest::{Folder, bundled, guest, registration, vendor};

fn refused(component: &[u8]) -> LoadError {
    Folder::with(component).load().err().expect("must not load")
}

fn text(source: &str) -> Vec<u8> {
    wat::parse_str(source).unwrap()
}

#[test]
fn a_missing_plugin_is_named_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let message = |folder: &std::path::Path| {
        let settings = Settings { folder: folder.to_owned(), ..bundled() };
        Plugins::load(&settings).err().unwrap().to_string()
    };
    let expected = |found: &str| {
        format!(
            "there is no plugin `gosip-auth`, which [plugins] auth asks for: looked for gosip-auth.wasm in {path}, \
             found {found}; build the bundled plugins by `cargo plugins` and set `path` in [plugins] to the folder \
             that it names"
        )
    };
    assert_eq!(message(folder.path()), expected("no *.wasm at all"));
    for name in ["b.wasm", "a.wasm", "a.txt"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(message(folder.path()), expected("a, b"));
    assert_eq!(
        message(&folder.path().join("nowhere")),
        format!(
            "cannot read the plugin folder {path}/nowhere; set `path` in [plugins] to the folder that `cargo plugins` \
             names"
        )
    );
}

#[test]
fn an_import_that_is_not_granted_is_named() {
    let error = refused(&text(&component::text("smuggles.wat")));
    assert_eq!(
        error.to_string(),
        "plugin guest imports `wasi:sockets/tcp@0.3.0`, which is not granted: a plugin may import only \
         `sluice:policy/host`, and WASI 0.2, which is empty"
    );
}

#[test]
fn a_host_function_of_the_future_is_named() {
    let future = r#"(component (import "sluice:policy/host@0.1.7" (instance (export "tomorrow" (func)))))"#;
    let error = refused(&text(future));
    assert!(
        matches!(&error, LoadError::Link { plugin, source }
        if plugin == "guest" && source.to_string().contains("host@0.1.7")),
        "{error:?}"
    );
}

#[test]
fn a_component_without_lifecycle_is_no_plugin() {
    let error = refused(&text("(component)"));
    assert!(matches!(&error, LoadError::NoLifecycle { plugin } if plugin == "guest"), "{error:?}");
}

#[test]
fn an_interface_of_another_shape_is_not_taken() {
    let empty = r#"(component (component $c) (instance $i (instantiate $c))
                     (export "sluice:policy/lifecycle@0.1.0" (instance $i)))"#;
    let error = refused(&text(empty));
    assert!(matches!(&error, LoadError::Export { plugin, .. } if plugin == "guest"), "{error:?}");
}

/// A wrong type shows only once an instance is bound; the names are all there.
#[test]
fn a_function_of_another_type_is_not_taken() {
    let other = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $lifecycle (export "init" (func $f)) (export "self-test" (func $f)))
        (export "sluice:policy/lifecycle@0.1.0" (instance $lifecycle)))"#;
    let error = refused(&text(other));
    assert!(matches!(&error, LoadError::Export { plugin, .. } if plugin == "guest"), "{error:?}");
}

#[test]
fn a_plugin_must_decide_what_it_is_named_for() {
    let settings = Settings { auth: "gosip-sign".into(), ..bundled() };
    let error = Plugins::load(&settings).err().unwrap();
    assert!(
        matches!(&error, LoadError::Role { plugin, role: Role::Auth } if plugin == "gosip-sign"),
        "{error:?}"
    );
}

#[test]
fn init_and_self_test_decide_whether_a_plugin_is_taken() {
    let error = refused(&guest("init", "declines"));
    assert!(matches!(&error, LoadError::Init { fault: Fault::Start(text), .. } if text == "no"), "{error:?}");
    let error = refused(&guest("self-test", "declines"));
    assert!(
        matches!(&error, LoadError::SelfTest { fault: Fault::Guest(text), .. } if text == "no"),
        "{error:?}"
    );
    let error = refused(&guest("init", "hoards"));
    assert!(matches!(&error, LoadError::Init { fault: Fault::Memory(_), .. }), "{error:?}");
    let error = refused(&guest("self-test", "pesters"));
    assert!(matches!(&error, LoadError::SelfTest { fault: Fault::HostCalls, .. }), "{error:?}");
}

#[test]
fn a_self_test_that_hangs_is_ended() {
    // Time enough by the wall clock for a busy machine.
    let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
    let folder = Folder::with(&guest("self-test", "loops"));
    let error = Plugins::load(&Settings { limits, ..folder.settings() }).err().unwrap();
    assert_eq!(error.to_string(), "plugin guest fails its self-test: ended after 2s of CPU time");
}

/// Cut at a section's end, a component is one still, only with fewer exports; so a compiler's word is not enough.
#[test]
fn a_truncated_file_is_refused_wherever_it_is_cut() {
    let whole = guest("register", "counts");
    let folder = Folder::with(&whole);
    folder.load().expect("the whole file loads");
    for cut in (0..whole.len()).step_by(whole.len() / 97 + 1) {
        fs::write(folder.path().join("guest.wasm"), &whole[..cut]).unwrap();
        let error = folder.load().err().unwrap_or_else(|| panic!("cut at {cut} of {}", whole.len()));
        let expected = matches!(
            error,
            LoadError::Compile { .. } | LoadError::NoLifecycle { .. } | LoadError::Role { .. }
        );
        assert!(expected, "cut at {cut}: {error:?}");
    }
}

#[test]
fn only_components_in_binary_form_are_taken() {
    for not_one in [&b""[..], b"\x7fELF", b"(component)", b"\0asm\x01\0\0\0"] {
        let error = refused(not_one);
        assert!(matches!(error, LoadError::Compile { .. }), "{error:?}");
    }
}

#[test]
fn a_file_has_a_size() {
    let error = refused(&vec![0; (32 << 20) + 1]);
    assert!(matches!(error, LoadError::TooLarge { limit: 33_554_432, .. }), "{error:?}");
}

#[test]
fn a_stray_file_does_not_keep_the_gateway_from_starting() {
    let folder = Folder::with(b"not a component");
    let settings = Settings { folder: folder.path().to_owned(), vendor: vec!["*".into()], ..bundled() };
    Plugins::load(&settings).unwrap();
    let settings = Settings { folder: folder.path().to_owned(), vendor: vec!["hik".into()], ..bundled() };
    let error = Plugins::load(&settings).err().unwrap();
    assert!(matches!(error, LoadError::Missing { role: Role::Vendor, .. }), "{error:?}");
    let settings = Settings { cleanup: Some("weekly".into()), ..bundled() };
    let error = Plugins::load(&settings).err().unwrap();
    assert!(matches!(error, LoadError::Missing { role: Role::Cleanup, .. }), "{error:?}");
}

/// Compiling takes seconds for a guest with a scripting engine in it, and who starts waits for it.
#[test]
fn of_what_nobody_named_only_vendor_modules_are_compiled() {
    let (folder, cache) = (Folder::with(&vendor()), tempfile::tempdir().unwrap());
    let cache = cache.path().join("compiled");
    let settings = Settings {
        folder: folder.path().to_owned(),
        vendor: vec!["*".into()],
        cache: Some(cache.clone()),
        auth: "allow-list".into(),
        ..bundled()
    };
    let plugins = Plugins::load(&settings).unwrap();
    let compiled = fs::read_dir(cache).unwrap();
    let compiled = compiled.filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count();
    let named = |state| {
        let all = plugins.status().into_iter().filter(move |status| status.state == state);
        all.map(|status| status.name).collect::<Vec<_>>()
    };
    let in_force = named(State::InForce);
    assert_eq!(in_force.len(), compiled);
    assert!(in_force.contains(&"guest".to_owned()), "{in_force:?}");
    assert!(named(State::Unused).contains(&"gosip-auth".to_owned()));
    assert_eq!(named(State::Refused), [""; 0]);
}

#[test]
fn compiled_code_is_kept_and_a_damaged_copy_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let settings = Settings { cache: Some(cache.path().join("compiled")), ..bundled() };
    let files = || {
        let entries = fs::read_dir(cache.path().join("compiled")).unwrap();
        let mut code: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        code.sort();
        code
    };
    let works = || Plugins::load(&settings).unwrap().register(&registration(), None).unwrap();
    works();
    let kept = files();
    assert_eq!(kept.len(), 5, "a key and four plugins: {kept:?}");
    assert!(kept.iter().all(|file| fs::metadata(file).unwrap().permissions().mode() & 0o077 == 0));
    works();
    assert_eq!(files(), kept);

    let code =
        kept.iter().find(|file| file.extension().is_some_and(|extension| extension == "cwasm")).unwrap();
    let good = fs::read(code).unwrap();
    fs::write(code, &good[..good.len() / 2]).unwrap();
    works();
    assert_eq!(fs::read(code).unwrap().len(), good.len(), "compiled and kept anew");
}

//! Components that bring WASI along: they load, and find nothing there.

use sluice::plugin::{Fault, LoadError, auth::Registration, auth::Verdict, types::Refusal};

use crate::guest::{Folder, registration, visitor};

#[test]
fn there_are_clocks_chance_and_a_log_but_no_files_no_sockets_and_no_environment() {
    let plugins = Folder::with(&visitor()).load().unwrap();
    let request = Registration { user_agent: None, ..registration() };
    let all_as_it_should_be = Verdict::Refuse(Refusal { status: 400, reason: String::new() });
    for call in 0..2_000 {
        assert_eq!(plugins.register(&request, None), Ok(all_as_it_should_be.clone()), "call {call}");
    }
}

#[test]
fn what_cannot_be_there_ends_the_call_and_is_named() {
    let plugins = Folder::with(&visitor()).load().unwrap();
    let fault = plugins.register(&registration(), None).unwrap_err().fault;
    let expected = "called `wasi:cli/exit@0.2.6#exit`, which plugins are not given";
    assert_eq!(fault, Fault::Trap(expected.into()));
}

#[test]
fn only_wasi_of_this_version_is_linked() {
    for import in ["wasi:cli/environment@0.3.0", "wasi:cli/environment", "wasix:cli/environment@0.2.0"] {
        let component = format!(r#"(component (import "{import}" (instance)))"#);
        let error = Folder::with(&wat::parse_str(component).unwrap()).load().err().unwrap();
        assert!(matches!(&error, LoadError::Import { import: named, .. } if named == import), "{error:?}");
    }
}

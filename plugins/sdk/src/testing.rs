//! For `cargo test`: the host's clock, and the real component against its cases.

use std::{
    env,
    path::Path,
    process::{Command, Output},
};

/// Sets what [`crate::now`] says in this test, in milliseconds since 1970-01-01T00:00:00Z; 0 before that.
pub fn set_now(milliseconds: u64) {
    crate::host::imp::NOW.set(milliseconds);
}

/// Builds the component of the crate in `folder` and runs it against the crate's `cases.toml`, in the gateway's own
/// sandbox. The gateway's program is `$SLUICE`, else `sluice`.
///
/// # Panics
///
/// The program is not there, the crate does not build, or a case fails; the text says which.
pub fn component(folder: &str) {
    let built = sluice(&["build", folder]);
    let component = built.lines().last().unwrap_or_default();
    let cases = Path::new(folder).join("cases.toml");
    print!("{}", sluice(&["test", component, &cases.to_string_lossy()]));
}

/// What `sluice plugin …` printed.
fn sluice(arguments: &[&str]) -> String {
    let program = env::var_os("SLUICE").unwrap_or_else(|| "sluice".into());
    let mut command = Command::new(&program);
    // A target chosen for this test is not the component's.
    let run = command.arg("plugin").args(arguments).env_remove("CARGO_BUILD_TARGET").output();
    let Output { status, stdout, stderr } = run.unwrap_or_else(|error| {
        panic!("{}: {error}; set SLUICE to the gateway's program, or put it on PATH", program.display())
    });
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "sluice plugin {}: {status}\n{stdout}{stderr}", arguments.join(" "));
    stdout
}

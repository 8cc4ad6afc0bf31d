//! `sluice plugin`: from an empty folder to a component that answers as its cases say, and what a developer reads when
//! something is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::binary;
use crate::cli::{Run, run};

/// A bundled component.
fn component(name: &str) -> anyhow::Result<PathBuf> {
    Ok(sluice_build::plugins()?.join(format!("{name}.wasm")))
}

/// Runs `sluice plugin …` in `folder`.
fn plugin(folder: &TempDir, arguments: &[&str]) -> anyhow::Result<Run> {
    run(folder, &[&["plugin"], arguments].concat())
}

/// Writes `cases` into `folder` and holds a bundled component against them.
fn test(folder: &TempDir, name: &str, cases: &str) -> anyhow::Result<Run> {
    std::fs::write(folder.path().join("cases.toml"), cases)?;
    plugin(folder, &["test", &component(name)?.display().to_string(), "cases.toml"])
}

fn ended(code: i32, out: &str, err: &str) -> Run {
    Run { code: Some(code), out: out.to_owned(), err: err.to_owned() }
}

/// Runs the tests of a crate that `new` wrote: its policy, its component, its cases. Everything that it is built from
/// is in the lock file of this workspace, so nothing is fetched; what the crates share is built once, into the folder
/// that the bundled components were built in.
fn test_crate(folder: &Path) -> anyhow::Result<String> {
    let target = sluice_build::plugins()?.parent().context("the folder above")?.to_owned();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder).arg("test").env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", target);
    let output = cargo.env("SLUICE", binary::gateway()?).env_remove("RUSTFLAGS").output()?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    ensure!(output.status.success(), "{}", said.concat());
    Ok(said.concat())
}

#[test]
fn a_new_crate_of_each_kind_passes_its_tests_and_its_component_is_taken() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for kind in ["auth", "cleanup", "notify", "sign", "vendor"] {
        let name = format!("my-{kind}");
        let written = plugin(&folder, &["new", &name, "--kind", kind])?;
        assert_eq!((written.code, &*written.err), (Some(0), ""), "{kind}");

        let said = test_crate(&folder.path().join(&name))?;
        assert!(said.contains("test the_component_answers_as_cases_toml_says ... ok"), "{said}");
        assert!(!said.contains("warning"), "{said}");

        let built = format!("{name}/{name}.wasm");
        let inspected = plugin(&folder, &["inspect", &built])?;
        let mut exports = [kind, "lifecycle"].map(|interface| format!("sluice:policy/{interface}@0.1.0"));
        exports.sort_unstable();
        let facts = [
            format!("exports      {}\n             {}\n", exports[0], exports[1]),
            format!("name         {name}\nversion      0.1.0\n"),
            format!("usable for   {kind}\ntaken        yes: "),
        ];
        assert!(facts.iter().all(|fact| inspected.out.contains(fact)), "{inspected:?}");
        assert_eq!(inspected.code, Some(0));

        let bench = plugin(&folder, &["bench", &built, "--seconds", "0.05"])?;
        let lines: Vec<&str> = bench.out.lines().collect();
        assert_eq!((bench.code, lines.len()), (Some(0), 2), "{bench:?}");
        assert!(lines[0].contains("p99.9") && lines[1].ends_with(kind), "{lines:?}");
    }
    Ok(())
}

#[test]
fn the_bundled_policies_answer_as_their_cases_say() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut tried = 0;
    for entry in std::fs::read_dir(sluice_build::plugins()?)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?;
        let cases = std::fs::read_to_string(crates.join(name).join("cases.toml")).context(name.to_owned())?;
        let run = test(&folder, name, &cases)?;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.out.ends_with(" passed, 0 failed\n"), "{run:?}");
        tried += 1;
    }
    assert!(tried >= 11, "{tried}");
    Ok(())
}

#[test]
fn a_case_that_fails_shows_the_line_and_both_answers() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cases = "[[sign.check]]\nname = \"one\"\nexpect = \"allow\"\n\n\
                 [[sign.check]]\nname = \"two\"\ngiven.subject = \"publish\"\nexpect = \"allow\"\n\n\
                 [[sign.check]]\nname = \"three\"\ngiven.key = \"\"\ngiven.query = \"sign=x\"\nexpect = \"allow\"\n";
    let out = "FAIL  sign.check: one\n      cases.toml line 2\n      expect\n      - allow\n\
               \x20     + {\"refuse\":\"缺少签名 (sign is missing)\"}\n\
               ok    sign.check: two\n\
               FAIL  sign.check: three\n      cases.toml line 11\n      expect\n      - allow\n\
               \x20     + no answer: the operator configured no key\n1 passed, 2 failed\n";
    let log = " WARN a plugin could not decide: the operator configured no key plugin=gosip-sign\n";
    assert_eq!(test(&folder, "gosip-sign", cases)?, ended(1, out, log));
    Ok(())
}

#[test]
fn cases_that_cannot_be_run_say_why() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let case = "[[sign.check]]\nname = \"one\"\nexpect = \"allow\"\n";
    let slip = "[[sign.check]]\nname = \"one\"\nexpected = \"allow\"\n";
    let said = [
        (
            test(&folder, "gosip-auth", case)?,
            "sluice: cases.toml: line 2 asks for sign.check, but the component does not export sign\n",
        ),
        (
            test(&folder, "gosip-sign", slip)?,
            "sluice: cases.toml: TOML parse error at line 3, column 1\n  |\n3 | expected = \"allow\"\n  | ^^^^^^^^\n\
             unknown field `expected`, expected one of `name`, `kv`, `now-ms`, `given`, `expect`, `error`\n\n",
        ),
        (
            test(&folder, "gosip-sign", &format!("config = {{ secret = \"x\" }}\n{case}"))?,
            "sluice: plugin gosip-sign does not start with its configuration, [plugins.config.gosip-sign]: \
             could not be started: unknown field `secret`, there are no fields\n",
        ),
        (
            plugin(&folder, &["test", "none.wasm", "cases.toml"])?,
            "sluice: cannot read none.wasm: No such file or directory (os error 2)\n",
        ),
    ];
    for (run, err) in said {
        assert_eq!(run, ended(2, "", err));
    }
    Ok(())
}

#[test]
fn what_is_no_plugin_is_not_taken() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let whole = std::fs::read(component("gosip-sign")?)?;
    std::fs::write(folder.path().join("cut.wasm"), &whole[..whole.len() / 2])?;
    std::fs::write(folder.path().join("empty.wasm"), "")?;
    for file in ["cut.wasm", "empty.wasm"] {
        let run = plugin(&folder, &["inspect", file])?;
        let said =
            format!("sluice: {file} does not compile; is the file complete, and a WebAssembly component?: ");
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{run:?}");
        assert!(run.err.starts_with(&said), "{run:?}");
    }
    Ok(())
}

#[test]
fn a_component_is_inspected_with_its_part_of_the_configuration() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("sluice.toml"), "[plugins.config.disk-watermark]\npercent = 101\n")?;
    let file = component("disk-watermark")?.display().to_string();
    let run = plugin(&folder, &["inspect", &file, "--config", "sluice.toml"])?;
    let said = "taken        no: plugin disk-watermark does not start with its configuration, \
                [plugins.config.disk-watermark]: could not be started: `percent` is 101; a disk is at most 100 % full";
    assert_eq!((run.code, run.out.lines().last()), (Some(1), Some(said)));
    Ok(())
}

#[test]
fn new_and_build_refuse_what_cannot_be() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("taken"))?;
    std::fs::write(folder.path().join("taken/file"), "")?;
    let refused = [
        (&["new", "taken", "--kind", "sign"][..], "sluice: taken is not empty\n"),
        (
            &["new", "My_Gate", "--kind", "sign"],
            "sluice: `My_Gate` is no name for a plugin: use a letter, then lower-case letters, digits and `-`\n",
        ),
        (
            &["build", "taken"],
            "sluice: no plugin crate here: cannot read FOLDER/taken/Cargo.toml; `sluice plugin new` writes one: \
             No such file or directory (os error 2)\n",
        ),
    ];
    for (arguments, said) in refused {
        assert_eq!(plugin(&folder, arguments)?, ended(1, "", said));
    }
    let unknown = plugin(&folder, &["new", "a", "--kind", "billing"])?;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("[possible values: auth, cleanup, notify, sign, vendor]"), "{unknown:?}");
    Ok(())
}

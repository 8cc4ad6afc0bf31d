//! The command line: what an operator reads when something is wrong, and whether it helps.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use sluice_tests::site::ANY;
use tempfile::TempDir;

use crate::binary;

/// What a run of the gateway's binary came to. The folder that it ran in is called `FOLDER`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the binary in `folder` until it ends.
pub(crate) fn run(folder: &TempDir, arguments: &[&str]) -> anyhow::Result<Run> {
    let mut command = Command::new(binary::gateway()?);
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
    let Output { status, stdout, stderr } = command.output()?;
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).map(|text| text.replace(&path(folder.path()), "FOLDER"));
    Ok(Run { code: status.code(), out: text(stdout)?, err: text(stderr)? })
}

fn path(folder: &Path) -> String {
    folder.display().to_string()
}

/// A configuration that starts, with sections appended and one text in place of another.
fn configuration(folder: &TempDir, change: (&str, &str)) -> anyhow::Result<()> {
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\nsecret = \"s\"\n[sip]\nudp = \"127.0.0.1:0\"\ntcp = \"127.0.0.1:0\"\n\
         [store]\npath = \"sluice.db\"\n[media]\nsecret = \"s\"\nhook_token = \"t\"\n\
         [plugins]\npath = {:?}\ncache = \"cache\"\n",
        sluice_build::plugins()?
    );
    let (old, new) = change;
    anyhow::ensure!(text.contains(old), "{old} is not there");
    std::fs::write(folder.path().join("sluice.toml"), text.replacen(old, new, 1))?;
    Ok(())
}

/// The last line that `serve` says with that change to a good configuration; the log comes before it.
fn serve_fails(folder: &TempDir, change: (&str, &str)) -> anyhow::Result<String> {
    configuration(folder, change)?;
    let ended = run(folder, &["serve", "--config", "sluice.toml"])?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.out, "");
    let said = ended.err.lines().filter(|line| line.starts_with("sluice: "));
    Ok(said.collect::<Vec<_>>().join("\n"))
}

#[test]
fn check_of_a_good_file_says_so() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    configuration(&folder, ("", ""))?;
    let good = Run { code: Some(0), out: "sluice.toml: usable\n".to_owned(), err: String::new() };
    assert_eq!(run(&folder, &["check", "--config", "sluice.toml"])?, good);
    Ok(())
}

#[test]
fn check_of_a_bad_file_names_line_and_cure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bad = "[sip]\nudp = \"5060\"\n\n[http]\nsecret = \"\"\n[media]\nsecret = \"\"\nhook_token = \"t\"\n";
    std::fs::write(folder.path().join("bad.toml"), bad)?;
    let said = "bad.toml: error: line 2: sip.udp: \"5060\" is no address with a port; write it like 0.0.0.0:5060\n\
                bad.toml: error: line 5: http.secret: is empty, so nobody could sign a call; `sluice init FILE` \
                writes a random one, or mode = \"debug\" checks no sign\n\
                bad.toml: warning: line 7: media.secret: is empty; ZLMediaKit refuses calls without its api.secret, \
                which its config.ini shows\n";
    let run = run(&folder, &["check", "--config", "bad.toml"])?;
    assert_eq!(run, Run { code: Some(1), out: String::new(), err: said.to_owned() });
    Ok(())
}

#[test]
fn check_of_an_unknown_key_names_the_file_the_line_and_what_is_known() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bad.toml"), "[store]\npaht = \"x\"\n")?;
    let said = "sluice: bad.toml: TOML parse error at line 2, column 1\n  |\n2 | paht = \"x\"\n  | ^^^^\n\
                unknown field `paht`, expected `path`\n";
    let run = run(&folder, &["check", "--config", "bad.toml"])?;
    assert_eq!((run.code, run.err.trim_end()), (Some(1), said.trim_end()));
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for command in ["check", "serve"] {
        let run = run(&folder, &[command, "--config", "none.toml"])?;
        let said = "sluice: none.toml: No such file or directory (os error 2)\n";
        assert_eq!((run.code, run.err.as_str()), (Some(1), said));
    }
    Ok(())
}

#[test]
fn init_writes_what_only_its_owner_may_read_and_never_overwrites() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let first = run(&folder, &["init", "a.toml"])?;
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""));
    assert!(first.out.contains("sluice serve --config a.toml"), "what to do next: {}", first.out);
    let file = folder.path().join("a.toml");
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o7777, 0o600);
    let written = std::fs::read_to_string(&file)?;

    let refused = run(&folder, &["init", "a.toml"])?;
    let said = "sluice: a.toml cannot be written: File exists (os error 17)\n";
    assert_eq!((refused.code, refused.err.as_str()), (Some(1), said));
    assert_eq!(std::fs::read_to_string(&file)?, written);

    run(&folder, &["init", "b.toml"])?;
    let secrets = [written, std::fs::read_to_string(folder.path().join("b.toml"))?].map(|text| {
        let config = sluice::config::parse(&text, []);
        config.map(|config| [config.http.secret, config.media.hook_token])
    });
    let [Ok([a, b]), Ok([c, d])] = secrets else { anyhow::bail!("they do not parse: {secrets:?}") };
    let different = std::collections::BTreeSet::from([&a, &b, &c, &d]);
    assert_eq!(different.len(), 4);
    assert!(different.iter().all(|secret| secret.len() >= 32));

    let checked = run(&folder, &["check", "--config", "a.toml"])?;
    assert_eq!((checked.code, checked.out.as_str()), (Some(0), "a.toml: usable\n"));
    for warning in ["media.secret: is empty", "plugins.path: there is no folder"] {
        assert!(checked.err.contains(warning), "{}", checked.err);
    }
    Ok(())
}

#[test]
fn serve_says_why_it_does_not_start_and_what_to_do() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let good = format!("path = {:?}", sluice_build::plugins()?);
    std::fs::create_dir(folder.path().join("empty"))?;
    std::fs::write(folder.path().join("file"), "no database, and no folder either")?;
    let cases = [
        (
            (good.as_str(), "path = \"none\""),
            "sluice: cannot read the plugin folder none; set `path` in [plugins] to the folder that `cargo plugins` \
             names: No such file or directory (os error 2)",
        ),
        (
            (good.as_str(), "path = \"empty\""),
            "sluice: there is no plugin `gosip-auth`, which [plugins] auth asks for: looked for gosip-auth.wasm in \
             empty, found no *.wasm at all; build the bundled plugins by `cargo plugins` and set `path` in [plugins] \
             to the folder that it names",
        ),
        (
            ("path = \"sluice.db\"", "path = \"file/sluice.db\""),
            "sluice: store.path: cannot create file: File exists (os error 17)",
        ),
        (
            ("path = \"sluice.db\"", "path = \"file\""),
            "sluice: store.path: cannot open the database file: file is not a database: \
             Error code 26: File opened that is not a database file",
        ),
    ];
    for (change, said) in cases {
        assert_eq!(serve_fails(&folder, change)?, said);
    }
    Ok(())
}

#[test]
fn serve_without_a_secret_says_what_check_says() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    configuration(&folder, ("secret = \"s\"", "secret = \"\""))?;
    let serve = run(&folder, &["serve", "--config", "sluice.toml"])?;
    let said = "sluice.toml: error: line 3: http.secret: is empty, so nobody could sign a call; `sluice init FILE` \
                writes a random one, or mode = \"debug\" checks no sign\nsluice: sluice.toml cannot be used\n";
    assert_eq!(serve, Run { code: Some(1), out: String::new(), err: said.to_owned() });
    Ok(())
}

#[test]
fn serve_names_the_port_that_is_in_use() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (http, sip_tcp) = (TcpListener::bind(ANY)?, TcpListener::bind(ANY)?);
    let sip_udp = UdpSocket::bind(ANY)?;
    let [http, tcp, udp] = [http.local_addr()?, sip_tcp.local_addr()?, sip_udp.local_addr()?];
    let cases = [
        ("listen = \"127.0.0.1:0\"", format!("listen = \"{http}\""), "http.listen", http),
        ("udp = \"127.0.0.1:0\"", format!("udp = \"{udp}\""), "sip.udp", udp),
        ("tcp = \"127.0.0.1:0\"", format!("tcp = \"{tcp}\""), "sip.tcp", tcp),
    ];
    for (free, taken, key, address) in cases {
        let said = serve_fails(&folder, (free, taken.as_str()))?;
        assert!(said.contains(key) && said.contains(&address.to_string()), "{key} {address}: {said}");
        assert!(said.contains("does another program use the port?"), "{said}");
        assert_eq!(said.matches("Address already in use").count(), 1, "{said}");
    }
    Ok(())
}

#[test]
fn help_names_each_command() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let help = run(&folder, &["--help"])?;
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for line in [
        "  check   Say what",
        "  init    Write a",
        "  plugin  Write, build",
        "  serve   Run the",
        "SIGTERM",
        "RUST_LOG",
    ] {
        assert!(help.out.contains(line), "{line}: {}", help.out);
    }
    assert_eq!(run(&folder, &[])?.code, Some(2), "without a command");
    Ok(())
}

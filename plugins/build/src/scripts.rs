//! Policies in Python and JavaScript: the same WIT, made into components by each language's own tool.
//!
//! The tools are fetched into cargo's target folder, in the versions that each plugin names: `requirements.txt` from
//! PyPI, `package.json` from npm. (A lock file would not do: npm refuses one over the optional packages that
//! componentize-js names and that nobody published.)

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::process::output;

/// A download on a bad line, or a build on a busy machine, and room to spare.
const PATIENCE: Duration = Duration::from_secs(600);

/// Every script policy decides on signs, so that their costs can be compared.
const WORLD: &str = "sign-plugin";

/// Builds the script policies of the workspace at `root`, below `target`; their paths.
///
/// Errors: Python or Node.js is missing, a tool cannot be fetched, or a policy does not build.
pub(crate) fn build(root: &Path, target: &Path) -> Result<Vec<PathBuf>> {
    let folder = target.join("plugins-scripts");
    fs::create_dir_all(&folder)?;
    Ok(vec![python(root, target, &folder)?, javascript(root, target, &folder)?])
}

fn python(root: &Path, target: &Path, folder: &Path) -> Result<PathBuf> {
    let (source, tools) = (root.join("plugins/python-sign"), target.join("python"));
    fetch(&source.join("requirements.txt"), &tools, |requirements| {
        eprintln!("Fetching componentize-py from PyPI");
        run(Command::new("python3").args(["-m", "venv"]).arg(&tools))
            .context("python3 with its venv module makes Python policies; Debian has them in python3-venv")?;
        let mut pip = Command::new(tools.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--requirement"]).arg(requirements))
    })?;
    eprintln!("Building python-sign");
    let component = folder.join("python-sign.wasm");
    let mut tool = Command::new(tools.join("bin/componentize-py"));
    tool.arg("--wit-path").arg(root.join("wit")).args([
        "--world",
        WORLD,
        "componentize",
        "--stub-wasi",
        "policy",
    ]);
    tool.arg("--python-path").arg(&source).arg("--output").arg(&component);
    // Nothing is to be left beside the sources.
    run(tool.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    Ok(component)
}

fn javascript(root: &Path, target: &Path, folder: &Path) -> Result<PathBuf> {
    let (source, tools) = (root.join("plugins/javascript-sign"), target.join("javascript"));
    fs::create_dir_all(&tools)?;
    // Node.js looks for packages beside the file that imports them.
    for file in ["build.js", "package.json", "policy.js"] {
        fs::copy(source.join(file), tools.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    fetch(&source.join("package.json"), &tools, |_| {
        eprintln!("Fetching componentize-js from npm");
        run(Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(&tools))
            .context("Node.js with npm makes JavaScript policies; Debian has them in nodejs and npm")
    })?;
    eprintln!("Building javascript-sign");
    let component = folder.join("javascript-sign.wasm");
    let mut tool = Command::new("node");
    tool.args(["build.js", "policy.js"]).arg(root.join("wit")).arg(WORLD).arg(&component);
    run(tool.current_dir(&tools))?;
    Ok(component)
}

/// Fetches what `list` names, unless that was done already for the list as it is.
fn fetch(list: &Path, tools: &Path, fetch: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let asked = fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    let done = tools.join("fetched");
    if fs::read(&done).is_ok_and(|fetched| fetched == asked) {
        return Ok(());
    }
    fetch(list)?;
    fs::write(&done, asked).with_context(|| format!("cannot write {}", done.display()))
}

fn run(command: &mut Command) -> Result<()> {
    output(command, PATIENCE).map(drop).with_context(|| command.get_program().display().to_string())
}

//! `sluice plugin inspect`: what a component is.

use std::{path::Path, process::ExitCode};

use sluice::plugin::{self, Inspection, Trial};

use super::Terms;

/// Prints what a component is, and whether this gateway takes it.
///
/// Errors: it cannot be read, or is no component.
pub(crate) fn inspect(file: &Path, terms: &Terms) -> anyhow::Result<ExitCode> {
    let (config, limits) = terms.of(file, None)?;
    let Inspection { size, sha256, imports, exports, outcome } = plugin::inspect(file, &config, limits)?;
    println!("file         {}", file.display());
    println!("size         {size} bytes");
    println!("sha256       {sha256}");
    list("imports", &imports);
    list("exports", &exports);
    match outcome {
        Ok(Trial { info, roles, .. }) => {
            println!("name         {}", info.name);
            println!("version      {}", info.version);
            println!("description  {}", info.description);
            let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            println!("usable for   {}", if roles.is_empty() { "nothing".into() } else { roles.join(", ") });
            println!("taken        yes: its imports are granted, its types are right, its self-test passes");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            println!("taken        no: {}", crate::told(&error.into()));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn list(title: &str, names: &[String]) {
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    for (title, name) in titles.zip(names) {
        println!("{title:<12} {name}");
    }
    if names.is_empty() {
        println!("{title:<12} nothing");
    }
}

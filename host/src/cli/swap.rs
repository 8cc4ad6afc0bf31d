//! `sluice plugin promote` and `demote`: a candidate takes its place, and what was there before comes back.
//!
//! They move files in the folder of plugins, as whoever put the candidate there did, and the gateway that watches it
//! follows. They do not call its API: that takes a sign, whose rule is a plugin's and may be the very thing that is
//! to be replaced, and a gateway that is stopped has none.

use std::{path::Path, process::ExitCode};

use sluice::plugin::{self, MoveError, Settings, Version};

/// Puts the candidate into its plugin's place.
///
/// Errors: there is none, this gateway would not take it, or its file cannot be moved.
pub(super) fn promote(name: &str, config: &Path) -> anyhow::Result<ExitCode> {
    swap(name, config, plugin::promote)
}

/// Puts back what was in the plugin's place before.
///
/// Errors: as for [`promote`].
pub(super) fn demote(name: &str, config: &Path) -> anyhow::Result<ExitCode> {
    swap(name, config, plugin::demote)
}

fn swap(
    name: &str,
    config: &Path,
    swap: fn(&Settings, &str) -> Result<Version, MoveError>,
) -> anyhow::Result<ExitCode> {
    let settings = sluice::plugin_settings(&sluice::config::load(config)?.config);
    let Version { name: title, version, sha256, .. } = swap(&settings, name)?;
    let folder = settings.folder.display();
    println!("{folder}/{name}.wasm is {title} {version} now, sha256 {sha256}");
    println!("what was there before is kept: {folder}/previous/{name}.wasm");
    println!(
        "a running gateway takes it at once and says so in its log; one that is stopped, when it starts"
    );
    Ok(ExitCode::SUCCESS)
}

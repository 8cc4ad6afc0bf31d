//! The gateway's binary, built once for all tests that run it.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::anyhow;
use sluice_build::Asker;

/// The path of the debug binary; built if it is not up to date.
pub(crate) fn gateway() -> anyhow::Result<PathBuf> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built =
        BINARY.get_or_init(|| sluice_build::gateway(Asker::Tests).map_err(|error| format!("{error:#}")));
    built.clone().map_err(|error| anyhow!(error))
}

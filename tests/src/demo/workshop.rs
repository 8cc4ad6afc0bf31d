//! Builds what the demo runs, and shows that it is still at it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use sluice_build::Asker;
use tokio::time::Instant;

/// So often a line says that a build goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Builds components and gateway where they are not up to date; the gateway's binary.
pub(crate) async fn build() -> anyhow::Result<PathBuf> {
    watch("the components", || sluice_build::plugins().map(drop)).await?;
    watch("the gateway", || sluice_build::gateway(Asker::Demo)).await
}

/// Runs a build aside and says every now and then how long it has been at it.
async fn watch<T: Send + 'static>(
    what: &str,
    build: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    eprintln!("Building {what}");
    let start = Instant::now();
    let mut building = tokio::task::spawn_blocking(build);
    loop {
        tokio::select! {
            built = &mut building => {
                return built?.with_context(|| format!("{what} cannot be built"));
            }
            () = tokio::time::sleep(SIGN_OF_LIFE) => {
                eprintln!("Building {what}: {} s, still at it", start.elapsed().as_secs());
            }
        }
    }
}

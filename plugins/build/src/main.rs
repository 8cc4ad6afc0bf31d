//! `cargo plugins`: builds every component and says where they are.

use clap::Parser;

/// Builds the policy plugins as WebAssembly components into `target/plugins`.
///
/// Needs a Rust compiler for wasm32-unknown-unknown: rustup's, or Debian's rustc-web. The builder finds out which.
#[derive(Parser)]
#[command(version)]
struct Arguments {}

fn main() -> anyhow::Result<()> {
    Arguments::parse();
    let folder = sluice_build::plugins()?;
    println!("The components are in {}", folder.display());
    println!("Point the gateway at them: [plugins] path = {folder:?}");
    Ok(())
}

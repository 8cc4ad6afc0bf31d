//! `cargo plugins`: builds every component and says where they are.

use clap::Parser;

/// Builds the policy plugins as WebAssembly components into `target/plugins`.
///
/// Needs a Rust compiler for wasm32-unknown-unknown: rustup's, or Debian's rustc-web. The builder finds out which.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Build the policies in Python and JavaScript instead, into `target/plugins-scripts`. Needs python3 and Node.js,
    /// and fetches componentize-py and componentize-js.
    #[arg(long)]
    scripts: bool,
}

fn main() -> anyhow::Result<()> {
    if Arguments::parse().scripts {
        for component in sluice_build::scripts()? {
            println!("{}", component.display());
        }
        return Ok(());
    }
    let folder = sluice_build::plugins()?;
    println!("The components are in {}", folder.display());
    println!("Point the gateway at them: [plugins] path = {folder:?}");
    Ok(())
}

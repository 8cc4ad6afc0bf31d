//! `cargo demo`: the whole thing at work, each step told with what was seen.
//!
//! | file | job |
//! | --- | --- |
//! | `workshop` | builds the components and the gateway |
//! | `house` | what runs: media server, gateway, a receiver of notifications |
//! | `chapters/` | the walk, a file for each chapter |
//! | `exchange` | SIP messages as lines to read |
//! | `narration` | what is printed |
//! | `keep` | `--keep`: what to try by hand |
//! | `vendors` | `--vendors`: a device of each maker |

mod chapters;
mod exchange;
mod house;
mod keep;
mod narration;
mod vendors;
mod workshop;

use std::process::ExitCode;

use clap::Parser;

use chapters::Cast;
use house::House;
use narration::Narration;

/// Shows the gateway at work: simulated devices register and are played, viewers are refused and let in.
///
/// Builds what it needs. The gateway is the real program in a process of its own; devices and media server are
/// simulated, and everything stays on 127.0.0.1. The exit code is 0 only if every step went as expected.
#[derive(Debug, Parser)]
#[command(name = "cargo demo --", version)]
struct Arguments {
    /// Leave everything running at the end, and print URLs to try with curl; Ctrl-C ends it
    #[arg(long)]
    keep: bool,

    /// Play a device of each maker instead, and print a table of what came of it
    #[arg(long, conflicts_with = "keep")]
    vendors: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut tell = Narration::new();
    let mut house = match build_and_open(&mut tell).await {
        Ok(house) => house,
        Err(error) => {
            tell.failed(&error, None);
            return ExitCode::FAILURE;
        }
    };
    match tour(&mut house, &mut tell, &arguments).await {
        Ok(()) => {
            tell.all_done();
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell.failed(&error, house.keep_log().as_deref());
            ExitCode::FAILURE
        }
    }
}

async fn build_and_open(tell: &mut Narration) -> anyhow::Result<House> {
    let binary = workshop::build().await?;
    tell.begin();
    House::open(&binary).await
}

async fn tour(house: &mut House, tell: &mut Narration, arguments: &Arguments) -> anyhow::Result<()> {
    tell.line(&house.to_string());
    if arguments.vendors {
        vendors::play(house, tell).await?;
        return chapters::end::leave(house, tell).await;
    }
    let cast: Cast = chapters::walk(house, tell).await?;
    if arguments.keep {
        keep::until_interrupted(house, &cast, tell).await?;
    }
    chapters::end::leave(house, tell).await
}

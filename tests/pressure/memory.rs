//! Memory stays bounded, however often a guest is called and however it ends.
//!
//! Of three calls, one makes the guest misbehave, so that it is never set aside. A release build makes a million calls
//! of each guest, a debug build a few thousand; `loops`, which takes 5 ms each time, gets a hundredth.

use anyhow::{Context as _, ensure};
use sluice::plugin::{Credential, Fault, Limits, Plugins, Settings, auth::Registration};
use sluice_tests::policy::PluginFolder;
use sluice_tests::used::memory;

use crate::guests::{GOOD, GUESTS, HOSTILE, auth};
use crate::{LONG, alone};

/// How many calls a guest gets. Before them, a tenth of that warms up.
const CALLS: usize = if LONG { 1_000_000 } else { 6_000 };

/// What the process may grow by while the calls are made: the allocator's own slack, and an instance's at most.
const SLACK: u64 = 18 << 20;

/// How often the calls are made before memory counts as growing: a leak grows each time, and what another test of this
/// process left behind does not.
const TRIES: usize = 3;

#[tokio::test]
async fn memory_stays_bounded_over_all_calls() -> anyhow::Result<()> {
    let (_machine, process) = (alone().await, std::process::id());
    for (name, outcome) in [(GOOD, "ok"), ("swells", "ok"), ("counts", "ok")].into_iter().chain(GUESTS) {
        let folder = PluginFolder::bundled()?;
        folder.put("guest", &auth(name))?;
        let limits = Limits { wall: std::time::Duration::from_secs(60), ..Limits::default() };
        let plugins = Plugins::load(&Settings {
            folder: folder.path().to_owned(),
            auth: "guest".into(),
            sign: "gosip-sign".into(),
            limits,
            cache: Some(sluice_build::plugins()?.with_file_name("plugin-cache")),
            ..Settings::default()
        })?;
        let calls = if name == "loops" { CALLS / 100 } else { CALLS };
        call(&plugins, calls / 10);
        let (mut before, mut after) = (0, 0);
        for _ in 0..TRIES {
            before = memory(process)?;
            call(&plugins, calls);
            after = memory(process)?;
            if after < before + SLACK {
                break;
            }
        }
        let shown =
            plugins.status().into_iter().find(|status| status.name == "guest").context("it is there")?;
        println!(
            "{name:12} calls {calls:8} of them {outcome} {:8}   resident {:6} KiB, then {:6} KiB   instances {} with {:5} KiB",
            shown.calls[outcome],
            before >> 10,
            after >> 10,
            shown.instances,
            shown.memory_bytes >> 10,
        );
        ensure!(after < before + SLACK, "{name}: from {before} to {after} bytes");
        ensure!(shown.memory_bytes <= shown.instances * limits.memory, "{name}: {shown:?}");
        let third = calls as u64 / 3;
        ensure!(shown.calls[outcome] >= third && shown.calls["ok"] >= third, "{name}: {:?}", shown.calls);
    }
    Ok(())
}

/// Makes calls, one in three of them as a hostile device.
fn call(plugins: &Plugins, calls: usize) {
    let issued = Credential::new("12345678");
    let requests = ["camera", "camera", HOSTILE].map(registration);
    for request in requests.iter().cycle().take(calls) {
        let answer = plugins.register(request, Some(issued.clone()));
        let aside = answer.is_err_and(|error| matches!(error.fault, Fault::Unavailable(_)));
        assert!(!aside, "set aside");
    }
}

fn registration(user_agent: &str) -> Registration {
    Registration {
        device: "37070000081118000001".into(),
        realm: "3707000008".into(),
        method: "REGISTER".into(),
        source: "192.0.2.7:5060".into(),
        transport: "UDP".into(),
        user_agent: Some(user_agent.into()),
        digest: None,
        expires: 3600,
        attributes: vec![],
    }
}

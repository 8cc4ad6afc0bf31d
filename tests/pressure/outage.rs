//! A guest decides on every registration, and fails: nobody is let in, nobody is turned away for good, and the good
//! file brings everybody back.

use std::time::Duration;

use anyhow::ensure;
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::wait_for;
use tokio::time::Instant;

use crate::alone;
use crate::component::guest;
use crate::ground::Ground;
use crate::guests::GUESTS;

/// How long it may take from the good file to a registration. Devices try again each 5 s (`Retry-After`) or later.
const RECOVERY: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_auth_is_answered_503_and_a_good_file_ends_it() -> anyhow::Result<()> {
    let _machine = alone().await;
    // What rants lets devices in all the same.
    for (name, _) in GUESTS.into_iter().filter(|(name, _)| *name != "rants") {
        let plugins = PluginFolder::bundled()?;
        plugins.put("guest", &guest("register", name))?;
        let ground =
            Ground::open(plugins, 1, |settings| settings.extra = "auth = \"guest\"\n".to_owned()).await?;
        let device = &ground.devices[0];
        // The first calls of this guest only fill its store: three of each instance, of which there is one for each
        // core and two more.
        let instances = std::thread::available_parallelism()?.get() + 2;
        let mut filling = if name == "stuffs" { 3 * instances } else { 0 };
        // Past the failures that set the guest aside.
        for call in 0..20 {
            let statuses = device.register().await?.statuses;
            if filling > 0 && statuses == [200] {
                filling -= 1;
            } else {
                ensure!(statuses == [503], "under {name} call {call} was answered {statuses:?}");
            }
        }
        let good = ground.plugins.component("gosip-auth")?;
        let start = Instant::now();
        ground.plugins.put("guest", &good)?;
        wait_for(|| async { device.register().await.is_ok_and(|done| done.statuses == [401, 200]) }).await?;
        let took = start.elapsed();
        println!("{name:12} back after {took:?}");
        ensure!(took < RECOVERY, "{name}: back only after {took:?}");
    }
    Ok(())
}

//! sipsak (Debian's `sipsak`) asks whether the gateway is there, throws broken requests at it, and floods it. Where
//! it is not installed, this test says so and passes.

use std::process::Stdio;

use anyhow::Context as _;
use sluice_tests::site::Site;
use tokio::process::Command;

/// How many runs of broken requests. Each breaks one more character until three in a row remain without an answer.
const RUNS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_and_a_flood_do_no_harm() -> anyhow::Result<()> {
    if std::process::Command::new("sipsak").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no sipsak here (Debian: sipsak)");
        return Ok(());
    }
    // It is a stranger, and most of what it sends here is wrong: by default it would soon get silence.
    let site = Site::start_with(|settings| {
        settings.answer_strangers = true;
        settings.extra = "[sip.limits]\nmistakes = 1000000\n".to_owned();
    });
    let site = site.await?;
    assert_eq!(sipsak(&site, &[]).await?, 0, "OPTIONS was not answered 200");

    for _ in 0..RUNS {
        sipsak(&site, &["--random-mode", "--trash-chars=200", "--timer-t1=5"]).await?;
    }
    sipsak(&site, &["--flood-mode", "--appendix-end=20000"]).await?;

    assert_eq!(sipsak(&site, &[]).await?, 0, "OPTIONS is not answered 200 any more");
    let (_, device) = site.online(1, |_| {}).await?;
    assert_eq!(device.keepalive().await?, 200);
    Ok(())
}

/// Runs sipsak against `site` and gives back its exit code: 0 when the last answer was a 200 (sipsak(1)).
async fn sipsak(site: &Site, options: &[&str]) -> anyhow::Result<i32> {
    let run = Command::new("sipsak")
        .args(["--sip-uri", &format!("sip:37070000082008000001@{}", site.sip)])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    run.await?.code().context("sipsak was killed")
}

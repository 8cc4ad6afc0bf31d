//! Who guesses passwords is banned, and nobody else.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use serde_json::json;
use sluice_tests::site::{PASSWORD, Settings, Site, wait_for};
use tokio::time::timeout;

use crate::wire::{self, PATIENCE, Wire};

/// Three wrong passwords, then silence for a while.
fn strict(settings: &mut Settings) {
    settings.extra = "[sip.limits]\nauth_failures = 3\nban_min_secs = 600\n".to_owned();
}

/// Guesses until the device is banned at the source of `wire`.
async fn guess(wire: &Wire, device: &str) -> anyhow::Result<()> {
    for guess in ["1", "2", "3"] {
        assert_eq!(wire.register(device, guess).await?.status(), Some(403));
    }
    Ok(())
}

/// How many REGISTERs of the banned got no answer.
const BANNED: &str = "sluice_sip_unanswered_total{reason=\"banned\"}";

/// Whether a REGISTER for `device` from there gets no answer, and is counted for it; else it is answered.
async fn is_silent(site: &Site, wire: &Wire, device: &str) -> anyhow::Result<bool> {
    let before = site.api.metric(BANNED).await?;
    let asked = wire::with_via(&wire::register(device, wire.local), wire.via());
    wire.send(&asked.to_bytes()).await?;
    let search = async {
        loop {
            tokio::select! {
                // What is left from before is passed over.
                answer = wire.next() => if answer?.branch() == asked.branch() { return Ok(false) },
                count = site.api.metric(BANNED) => if count? > before { return Ok(true) },
            }
        }
    };
    timeout(PATIENCE, search).await.context("neither answered nor counted")?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_guesses_is_banned_and_locks_nobody_out() -> anyhow::Result<()> {
    let site = Site::start_with(strict).await?;
    let issued = site.issue(0).await?;
    let camera = Wire::open(site.sip).await?;
    assert_eq!(camera.register(&issued.device, PASSWORD).await?.status(), Some(200));
    let stranger = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
    let neighbour = Wire::open(site.sip).await?;

    guess(&stranger, &issued.device).await?;
    assert!(is_silent(&site, &stranger, &issued.device).await?, "not even the right password helps");
    assert!(!is_silent(&site, &neighbour, &issued.device).await?, "it is another source");
    guess(&neighbour, &issued.device).await?;
    assert!(is_silent(&site, &neighbour, &issued.device).await?);
    assert_eq!(
        camera.register(&issued.device, PASSWORD).await?.status(),
        Some(200),
        "it is registered there"
    );
    assert!(!is_silent(&site, &neighbour, &issued.device).await?, "and with that the guesses are forgiven");

    assert_eq!(site.api.metric(BANNED).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_device_is_banned_as_a_known_one_is() -> anyhow::Result<()> {
    let site = Site::start_with(strict).await?;
    let (issued, unknown) = (site.issue(0).await?.device, "37070000081118999999");
    for device in [issued.as_str(), unknown] {
        let wire = Wire::open(site.sip).await?;
        guess(&wire, device).await?;
        assert!(is_silent(&site, &wire, device).await?, "{device}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bans_are_listed_and_lifted_by_the_api() -> anyhow::Result<()> {
    let site = Site::start_with(strict).await?;
    let (one, other) = (site.issue(0).await?.device, site.issue(0).await?.device);
    let (here, there) =
        (Wire::open(site.sip).await?, Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?);
    guess(&here, &one).await?;
    guess(&there, &one).await?;
    guess(&there, &other).await?;

    let mut listed = site.api.get("/bans", &[]).await?.ok()?;
    for ban in listed.as_array_mut().into_iter().flatten() {
        let seconds = ban["seconds"].take();
        assert!(seconds.as_u64().is_some_and(|seconds| (300..=600).contains(&seconds)), "{seconds}");
    }
    let ban = |device: &str, source: &str| json!({ "device": device, "source": source, "seconds": null, "times": 1 });
    let all = json!([ban(&one, "127.0.0.1"), ban(&one, "127.0.0.2"), ban(&other, "127.0.0.2")]);
    assert_eq!(listed, all);

    let (status, code, _) = site.api.delete_of("/bans", &[("source", "nowhere")]).await?.refusal();
    assert_eq!((status, code.as_str()), (400, "1002"));
    assert_eq!(site.api.delete_of("/bans", &[("device", &one), ("source", "127.0.0.2")]).await?.ok()?, 1);
    assert!(!is_silent(&site, &there, &one).await?);
    assert!(is_silent(&site, &here, &one).await? && is_silent(&site, &there, &other).await?);

    // Whoever changes the password knows what he does.
    site.api.get(&format!("/users/{one}/update"), &[("pwd", "another")]).await?.ok()?;
    assert_eq!(here.register(&one, "another").await?.status(), Some(200));
    assert_eq!(site.api.delete("/bans").await?.ok()?, 1);
    assert_eq!(site.api.get("/bans", &[]).await?.ok()?, json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_ends_by_itself() -> anyhow::Result<()> {
    let limits = "[sip.limits]\nauth_failures = 3\nban_min_secs = 1\n";
    let site = Site::start_with(|settings| settings.extra = limits.to_owned()).await?;
    let device = site.issue(0).await?.device;
    let wire = Wire::open(site.sip).await?;
    guess(&wire, &device).await?;
    wait_for(|| async { is_silent(&site, &wire, &device).await.is_ok_and(|silent| !silent) }).await?;
    Ok(())
}

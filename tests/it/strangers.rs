//! Who is not answered, and who is not even heard, while those that have registered are.

use std::net::Ipv4Addr;

use sluice_tests::sip::Message;
use sluice_tests::site::{PASSWORD, Settings, Site, wait_for};

use crate::wire::{self, Wire};

const DEVICE: &str = "37070000081118999999";

/// Five mistakes are borne, and one a second is forgiven.
fn strict(settings: &mut Settings) {
    settings.extra = "[sip.limits]\nmistakes = 5\nmistakes_per_sec = 1\n".to_owned();
}

async fn unanswered(site: &Site, reason: &str) -> anyhow::Result<u64> {
    site.api.metric(&format!("sluice_sip_unanswered_total{{reason=\"{reason}\"}}")).await
}

/// Sends a request under a Via of its own, and waits for nothing.
async fn say(wire: &Wire, request: &Message) -> anyhow::Result<Message> {
    let request = wire::with_via(request, wire.via());
    wire.send(&request.to_bytes()).await?;
    Ok(request)
}

#[tokio::test(flavor = "multi_thread")]
async fn scanners_get_silence_and_devices_do_not() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.extra = "[sip.strangers]\ndomains = [\"3707000008\", \"127.0.0.1\"]\n".to_owned();
    });
    let site = site.await?;
    let issued = site.issue(0).await?;
    let elsewhere = Message::request("REGISTER", "sip:203.0.113.1");
    let headers = wire::register(DEVICE, site.sip).headers;
    let cases = [
        ("user_agent", wire::register(DEVICE, site.sip).with("User-Agent", "friendly-scanner")),
        ("user_agent", wire::from(DEVICE, "MESSAGE").with("User-Agent", "SIPVicious 0.3")),
        ("method", wire::from(DEVICE, "OPTIONS")),
        ("method", wire::from(DEVICE, "INVITE")),
        ("method", wire::from(DEVICE, "SUBSCRIBE")),
        ("id", wire::register("100", site.sip)),
        ("domain", Message { headers, ..elsewhere }),
    ];
    let wire = Wire::open(site.sip).await?;
    for (reason, request) in cases {
        let before = unanswered(&site, reason).await?;
        say(&wire, &request).await?;
        let asked = say(&wire, &wire::register(DEVICE, wire.local)).await?;
        let answer = wire.next().await?;
        assert_eq!((answer.branch(), answer.status()), (asked.branch(), Some(401)), "{reason}: {request:?}");
        assert_eq!(unanswered(&site, reason).await?, before + 1, "{request:?}");
    }
    assert_eq!(wire.register(&issued.device, PASSWORD).await?.status(), Some(200));
    assert_eq!(
        wire.ask(&wire::from(&issued.device, "OPTIONS")).await?.status(),
        Some(200),
        "it is known now"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_rubbish_is_not_heard_but_the_device_beside_it_is() -> anyhow::Result<()> {
    let site = Site::start_with(strict).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let wire = Wire::open(site.sip).await?;
    for _ in 0..50 {
        wire.send(b"rubbish").await?;
    }
    wait_for(|| async { unanswered(&site, "debt").await.is_ok_and(|count| count > 30) }).await?;

    assert_eq!(device.keepalive().await?, 200);
    site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    let elsewhere = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
    assert_eq!(elsewhere.ask(&wire::register(DEVICE, wire.local)).await?.status(), Some(401));

    // Its debt wears off: some time a request of it is heard again.
    let asked = wire::with_via(&wire::register(DEVICE, wire.local), wire.via());
    let (again, heard) = (
        async {
            loop {
                wire.send(&asked.to_bytes()).await?;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        },
        wire.answer_to(asked.branch()),
    );
    let answer = tokio::select! {
        failed = again => return failed,
        answer = heard => answer?,
    };
    assert_eq!(answer.status(), Some(401));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_says_what_we_cannot_read_does_not_silence_its_neighbours() -> anyhow::Result<()> {
    let site = Site::start_with(strict).await?;
    let issued = site.issue(0).await?;
    let device = Wire::open(site.sip).await?;
    assert_eq!(device.register(&issued.device, PASSWORD).await?.status(), Some(200));
    let broken = wire::from(&issued.device, "MESSAGE").with_body("Application/MANSCDP+xml", b"<<".to_vec());
    for _ in 0..20 {
        assert_eq!(device.ask(&broken).await?.status(), Some(400));
    }
    let neighbour = Wire::open(site.sip).await?;
    assert_eq!(neighbour.ask(&wire::register(DEVICE, neighbour.local)).await?.status(), Some(401));
    assert_eq!(unanswered(&site, "debt").await?, 0);
    Ok(())
}

/// A storm costs nobody anything: every challenge is paid back by the registration that follows.
#[tokio::test(flavor = "multi_thread")]
async fn many_devices_of_one_address_register_past_the_limit_of_challenges() -> anyhow::Result<()> {
    let limits = "[sip.limits]\nmistakes = 2\nmistakes_per_sec = 0\nchallenges = 5\nchallenges_per_sec = 0\n";
    let site = Site::start_with(|settings| settings.extra = limits.to_owned()).await?;
    for _ in 0..30 {
        let issued = site.issue(0).await?;
        let wire = Wire::open(site.sip).await?;
        assert_eq!(wire.register(&issued.device, PASSWORD).await?.status(), Some(200));
    }
    assert_eq!(unanswered(&site, "debt").await?, 0);

    let wire = Wire::open(site.sip).await?;
    let cut = || async {
        for _ in 0..10 {
            let _ = say(&wire, &wire::register(DEVICE, wire.local)).await;
        }
        unanswered(&site, "debt").await.is_ok_and(|count| count > 0)
    };
    wait_for(cut).await
}

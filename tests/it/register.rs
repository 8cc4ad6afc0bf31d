//! Registration: who is let in, what is told of it, and what nobody can make of overheard credentials.

use std::net::Ipv4Addr;

use sluice_tests::device::{Credentials, Device, DeviceConfig, DeviceEvent};
use sluice_tests::digest::Algorithm;
use sluice_tests::sip::Message;
use sluice_tests::site::{Issued, Notified, PASSWORD, Site};

use crate::wire::{self, Wire};

/// A site whose `gosip-auth` has that configuration.
async fn site(auth: &str) -> anyhow::Result<Site> {
    Site::start_with(|settings| settings.extra = format!("[plugins.config.gosip-auth]\n{auth}\n")).await
}

/// A device that was issued and has not registered yet.
async fn device(site: &Site) -> anyhow::Result<(Issued, Device)> {
    let issued = site.issue(0).await?;
    let device = site.recorder(&issued).start().await?;
    Ok((issued, device))
}

/// A device's row as callers see it.
async fn shown(site: &Site, id: &str) -> anyhow::Result<serde_json::Value> {
    site.api.get(&format!("/users/{id}/update"), &[]).await?.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn md5_and_sha_256_let_in_with_and_without_qop() -> anyhow::Result<()> {
    let cases = [
        ("algorithms = [\"MD5\"]\nqop = \"auth\"", Algorithm::Md5, "MD5", true),
        ("algorithms = [\"MD5\"]\nqop = \"\"", Algorithm::Md5, "MD5", false),
        ("algorithms = [\"SHA-256\"]\nqop = \"auth\"", Algorithm::Sha256, "SHA-256", true),
        ("algorithms = [\"SHA-256\"]\nqop = \"\"", Algorithm::Sha256, "SHA-256", false),
    ];
    for (config, algorithm, name, qop) in cases {
        let site = site(config).await?;
        let (_, device) = device(&site).await?;
        let registered = device.register().await?;
        assert_eq!(registered.statuses, [401, 200], "{config}");
        let challenge = registered.challenge.expect("a challenge");
        assert_eq!(challenge.realm, "3707000008");
        assert_eq!(
            (challenge.algorithm, challenge.algorithm_text.as_deref(), challenge.qop_auth, challenge.stale),
            (algorithm, Some(name), qop, false),
            "{config}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_2022_is_offered_sha_256_before_md5() -> anyhow::Result<()> {
    let site = site("sha256_for_2022 = true").await?;
    let wire = Wire::open(site.sip).await?;
    let request = wire::register("37070000081118000001", wire.local);
    let offered = |answer: &Message| -> Vec<String> {
        let challenges = answer.all("WWW-Authenticate");
        challenges
            .filter_map(sluice_tests::digest::Challenge::parse)
            .filter_map(|challenge| challenge.algorithm_text)
            .collect()
    };
    assert_eq!(offered(&wire.ask(&request).await?), ["MD5"]);
    assert_eq!(offered(&wire.ask(&request.with("X-GB-Ver", "3.0")).await?), ["SHA-256", "MD5"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_200_sets_the_clock_and_says_how_long_it_holds() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = device(&site).await?;
    let registered = device.register().await?;
    assert_eq!(registered.expires, Some(3600));

    let date = registered.date.expect("a Date");
    assert_eq!(date.len(), "2026-11-22T10:00:00.000".len(), "{date}");
    let told: jiff::civil::DateTime = date.parse()?;
    let clock = jiff::Timestamp::now().in_tz("Asia/Shanghai")?.datetime();
    assert!(told.duration_until(clock).abs() < jiff::SignedDuration::from_secs(10), "{told}, now {clock}");

    let wire = Wire::open(site.sip).await?;
    let mut request = wire.authorized(&issued.device, PASSWORD).await?;
    request.set("Expires", "604800");
    let granted = wire.ask(&request).await?;
    assert_eq!((granted.status(), granted.header("Expires")), (Some(200), Some("86400")), "a day at most");
    assert_eq!(granted.header("Contact"), request.header("Contact"));

    let mut request = wire.authorized(&issued.device, PASSWORD).await?;
    request.headers.retain(|(name, _)| name != "Expires");
    request.set("Contact", format!("<sip:{}@{}>;expires=120", issued.device, wire.local));
    let granted = wire.ask(&request).await?;
    assert_eq!((granted.status(), granted.header("Expires")), (Some(200), Some("120")), "said in Contact");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_qop_a_nonce_serves_once_and_the_device_recovers() -> anyhow::Result<()> {
    let site = site("qop = \"\"").await?;
    let (_, device) = device(&site).await?;
    let first = device.register().await?;
    let again = device.register_with(Credentials::OldNonce).await?;
    assert_eq!(again.statuses, [401]);
    let (first, again) = (first.challenge.expect("a challenge"), again.challenge.expect("a challenge"));
    assert!(again.stale, "the password was right, so the device need not ask anybody for it");
    assert_ne!(first.nonce, again.nonce);
    assert_eq!(device.register_with(Credentials::OldNonce).await?.statuses, [200]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_qop_a_nonce_serves_while_its_count_rises() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (_, device) = device(&site).await?;
    assert_eq!(device.register().await?.status, 200);
    assert_eq!(device.register_with(Credentials::OldNonce).await?.statuses, [200]);
    assert_eq!(device.register_with(Credentials::Replayed).await?.statuses, [401]);
    assert_eq!(device.register_with(Credentials::OldNonce).await?.statuses, [200]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn overheard_credentials_let_nobody_else_in() -> anyhow::Result<()> {
    for qop in ["auth", ""] {
        let site = site(&format!("qop = \"{qop}\"")).await?;
        let issued = site.issue(0).await?;
        let victim = Wire::open(site.sip).await?;
        let overheard = victim.authorized(&issued.device, PASSWORD).await?;
        assert_eq!(victim.ask(&overheard).await?.status(), Some(200));

        let mut other_call = overheard.clone();
        other_call.set("Call-ID", "another");
        for request in [&overheard, &other_call] {
            let port = Wire::open(site.sip).await?;
            assert_eq!(port.ask(request).await?.status(), Some(401), "qop {qop:?}, another port");
            let host = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
            assert_eq!(host.ask(request).await?.status(), Some(401), "qop {qop:?}, another host");
            let tcp = wire::ask_by_tcp(site.sip_tcp, request).await?;
            assert_eq!(tcp.status(), Some(401), "qop {qop:?}, by TCP");
        }
        let source = site.row("SELECT source FROM users WHERE deviceid = ?1", &issued.device)?;
        assert_eq!(source, victim.local.to_string());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_made_for_another_host_serves_nobody() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(0).await?;
    let asker = Wire::open(site.sip).await?;
    let other = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
    let request = asker.authorized(&issued.device, PASSWORD).await?;
    let refused = other.ask(&request).await?;
    assert_eq!(refused.status(), Some(401));
    assert_eq!(
        asker.ask(&request).await?.status(),
        Some(200),
        "and the one it was made for can still use it"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_register_is_answered_200_again() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let site = Site::start_with(|settings| settings.notify.clone_from(&notified.url)).await?;
    let issued = site.issue(0).await?;
    let wire = Wire::open(site.sip).await?;
    let request = wire.authorized(&issued.device, PASSWORD).await?;

    let sent = wire::with_via(&request, wire.via());
    wire.send(&sent.to_bytes()).await?;
    let first = wire.answer_to(sent.branch()).await?;
    assert_eq!(first.status(), Some(200));
    wire.send(&sent.to_bytes()).await?;
    assert_eq!(wire.answer_to(sent.branch()).await?, first);
    assert_eq!(wire.ask(&request).await?.status(), Some(200), "its transaction is forgotten, say");

    let mut leave = wire.authorized(&issued.device, PASSWORD).await?;
    leave.set("Expires", "0");
    assert_eq!(wire.ask(&leave).await?.status(), Some(200));
    notified.wait("users.active", &[("deviceid", &issued.device), ("status", "OFF")]).await?;
    assert_eq!(notified.of_user(&issued.device), ["users.regiester", "users.active OFF"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_told_once_and_a_refresh_is_not() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let site = Site::start_with(|settings| settings.notify.clone_from(&notified.url)).await?;
    let (issued, device) = device(&site).await?;
    device.register().await?;
    device.register().await?;
    assert_eq!(device.keepalive().await?, 200);
    device.deregister().await?;
    device.register().await?;
    assert_eq!(device.keepalive_saying("ERROR").await?, 200);
    notified.wait("users.active", &[("deviceid", &issued.device), ("status", "ERROR")]).await?;
    let told =
        ["users.regiester", "users.active OK", "users.active OFF", "users.regiester", "users.active ERROR"];
    assert_eq!(notified.of_user(&issued.device), told);

    let first = notified.wait("users.regiester", &[("deviceid", &issued.device)]).await?;
    let data = &first["data"];
    assert_eq!(data["regist"], true);
    assert_eq!(data["transport"], "UDP");
    assert_eq!(data["raddr"], "127.0.0.1");
    assert_eq!(data["report"], device.address().port().to_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_left_is_offline_until_it_registers_again() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let play = format!("/devices/{}/play", issued.channels[0]);

    let left = device.deregister().await?;
    assert_eq!((left.status, left.expires), (200, Some(0)));
    assert_eq!(shown(&site, &issued.device).await?["regist"], false);
    assert_eq!(device.keepalive().await?, 403);
    let (status, code, _) = site.api.get(&play, &[]).await?.refusal();
    assert_eq!((status, code.as_str()), (400, "1002"));

    let mark = device.journal().mark();
    assert_eq!(device.register().await?.status, 200);
    assert_eq!(shown(&site, &issued.device).await?["regist"], true);
    let catalog =
        |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "Catalog");
    device.journal().wait_after(mark, sluice_tests::journal::PATIENCE, catalog).await?;
    site.api.get(&play, &[]).await?.ok()?;
    Ok(())
}

/// A registration of seconds would come back before its last answer is forgotten (RFC 3261 §10.3, item 7).
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_is_too_short_is_refused_with_what_is_enough() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(0).await?;
    let wire = Wire::open(site.sip).await?;
    let mut request = wire.authorized(&issued.device, PASSWORD).await?;
    request.set("Expires", "59");
    let refused = wire.ask(&request).await?;
    assert_eq!((refused.status(), refused.header("Min-Expires")), (Some(423), Some("60")));
    request.set("Expires", "60");
    request.set("CSeq", "3 REGISTER");
    let admitted = wire.ask(&request).await?;
    assert_eq!((admitted.status(), admitted.header("Expires")), (Some(200), Some("60")));
    let mut request = wire.authorized(&issued.device, PASSWORD).await?;
    request.set("Expires", "100000000");
    assert_eq!(wire.ask(&request).await?.header("Expires"), Some("86400"), "nor for ever");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_id_look_the_same() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = device(&site).await?;
    let stranger = DeviceConfig::camera("37070000081118999999", PASSWORD, site.sip).start().await?;
    let refused = [401, 403];
    assert_eq!(stranger.register().await?.statuses, refused);
    assert_eq!(device.register_with(Credentials::Wrong("no".to_owned())).await?.statuses, refused);
    assert_eq!(shown(&site, &issued.device).await?["regist"], false);

    let wire = Wire::open(site.sip).await?;
    let unknown = wire.register("37070000081118999999", PASSWORD).await?;
    let wrong = wire.register(&issued.device, "no").await?;
    assert_eq!(unknown.start, wrong.start, "not even the reason tells");
    let names = |answer: &Message| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&unknown), names(&wrong));

    assert_eq!(device.register().await?.statuses, [401, 200]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_and_rubbish_harm_nobody() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.answer_strangers = true).await?;
    let (_, bystander) = device(&site).await?;
    assert_eq!(bystander.register().await?.status, 200);
    let wire = Wire::open(site.sip).await?;

    let long = "3".repeat(300);
    let odd =
        ["370700000811180001", "camera-1", "'; DROP TABLE users; --", "%00", "摄像机", "*", "-1", &long];
    for id in odd {
        let mut request = wire::register(id, wire.local);
        let status = wire.ask(&request).await?.status().unwrap_or_default();
        assert!([400, 401].contains(&status), "{id}: {status}");
        request.push(
            "Authorization",
            "Digest username=\"x\", realm=\"3707000008\", nonce=\"00\", uri=\"sip:x\", response=\"0\"",
        );
        let status = wire.ask(&request).await?.status().unwrap_or_default();
        assert!([400, 401].contains(&status), "{id}, with credentials: {status}");
        let status = wire.ask(&wire::keepalive(id)).await?.status().unwrap_or_default();
        assert!([400, 403].contains(&status), "{id}, keepalive: {status}");
    }
    assert_eq!(wire.register("camera-1", PASSWORD).await?.status(), Some(403), "nobody issued it");

    let whole = wire::with_via(&wire::keepalive("37070000081118000001"), wire.via()).to_bytes();
    let rubbish: [&[u8]; 9] = [
        b"",
        b"jaK\0",
        b"\r\n\r\n",
        b"\xff\xfe\x00\x01",
        b"SIP/2.0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"REGISTER\r\n\r\n",
        &[0x41; 60_000],
        &whole[..whole.len() / 2],
    ];
    for bytes in rubbish {
        wire.send(bytes).await?;
    }
    assert_eq!(bystander.keepalive().await?, 200);
    assert_eq!(bystander.register().await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_changed_by_the_api_counts_at_once() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = device(&site).await?;
    assert_eq!(device.register().await?.status, 200);
    let update = format!("/users/{}/update", issued.device);
    assert_eq!(site.api.get(&update, &[("pwd", "another")]).await?.ok()?["pwd"], "another");
    assert_eq!(device.register().await?.statuses, [401, 403]);
    assert_eq!(device.register_with(Credentials::Wrong("another".to_owned())).await?.statuses, [401, 200]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_device_is_a_stranger() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = device(&site).await?;
    assert_eq!(device.register().await?.status, 200);
    site.api.get(&format!("/users/{}/delete", issued.device), &[]).await?.ok()?;
    assert_eq!(device.keepalive().await?, 403);
    assert_eq!(device.register().await?.statuses, [401, 403]);
    let (status, code, _) = site.api.get(&format!("/users/{}/update", issued.device), &[]).await?.refusal();
    assert_eq!((status, code.as_str()), (400, "1002"));
    Ok(())
}

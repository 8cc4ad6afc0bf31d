//! The online rule: who is there, who went silent, who is back, and from where.

use std::net::Ipv4Addr;
use std::time::Duration;

use sluice_tests::device::{Device, DeviceEvent, Transport};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Notified, Settings, Site, wait_for};
use tokio::time::Instant;

use crate::wire::{self, Wire};

/// Two seconds of silence are offline.
fn impatient(settings: &mut Settings) {
    settings.keepalive_interval_secs = 1;
    settings.keepalive_misses = 2;
}

/// `active` of a device as callers see it.
async fn active(site: &Site, id: &str) -> anyhow::Result<i64> {
    let device = site.api.get(&format!("/users/{id}/update"), &[]).await?.ok()?;
    device["active"].as_i64().ok_or_else(|| anyhow::anyhow!("no active in {device}"))
}

/// Plays a channel and stops it again.
async fn play_and_stop(site: &Site, channel: &str) -> anyhow::Result<()> {
    let stream = site.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    let id = stream["ssrc"].as_str().unwrap_or_default().to_owned();
    assert_eq!(site.api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?, "");
    Ok(())
}

/// Waits for a Catalog query that comes after `mark`.
async fn asked_for_catalog(device: &Device, mark: usize) -> anyhow::Result<()> {
    let catalog =
        |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "Catalog");
    device.journal().wait_after(mark, PATIENCE, catalog).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn active_is_the_time_of_the_last_keepalive_or_minus_one() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let site = Site::start_with(|settings| settings.notify.clone_from(&notified.url)).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    assert_eq!(active(&site, &issued.device).await?, 0, "a registration is no keepalive");

    let before = jiff::Timestamp::now().as_second();
    assert_eq!(device.keepalive().await?, 200);
    let first = active(&site, &issued.device).await?;
    assert!((before..before + 20).contains(&first), "{first}, now {before}");

    assert_eq!(device.keepalive_saying("ERROR").await?, 200);
    assert_eq!(active(&site, &issued.device).await?, -1);
    play_and_stop(&site, &issued.channels[0]).await?;

    assert_eq!(device.keepalive().await?, 200);
    assert!(active(&site, &issued.device).await? >= first);
    for status in ["OK", "ERROR"] {
        let told = notified.wait("users.active", &[("deviceid", &issued.device), ("status", status)]).await?;
        assert!(told["data"]["time"].as_i64().is_some_and(|time| time >= before), "{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_device_is_offline_until_its_next_keepalive() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let site = Site::start_with(|settings| {
        impatient(settings);
        settings.notify.clone_from(&notified.url);
    });
    let site = site.await?;
    let steady = site.online(0, |config| config.keepalive = Some(Duration::from_millis(250))).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let (id, channel) = (&issued.device, &issued.channels[0]);
    let last_heard = Instant::now();
    assert_eq!(device.keepalive().await?, 200);

    let told = notified.wait("users.active", &[("deviceid", id), ("status", "OFF")]).await?;
    assert!(last_heard.elapsed() >= Duration::from_secs(2), "offline after {:?}", last_heard.elapsed());
    assert!(told["data"]["time"].is_i64(), "{told}");
    let (status, code, _) = site.api.get(&format!("/devices/{channel}/play"), &[]).await?.refusal();
    assert_eq!((status, code.as_str()), (400, "1002"));
    let user = site.api.get(&format!("/users/{id}/update"), &[]).await?.ok()?;
    assert_eq!(user["regist"], true, "it is silent; it did not de-register");

    let mark = device.journal().mark();
    assert_eq!(device.keepalive().await?, 200);
    asked_for_catalog(&device, mark).await?;
    play_and_stop(&site, channel).await?;
    let told = notified.of_user(&steady.0.device);
    assert!(told.iter().all(|told| told != "users.active OFF"), "the other never fell silent: {told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_device_that_registers_again_is_new() -> anyhow::Result<()> {
    let notified = Notified::start().await?;
    let site = Site::start_with(|settings| {
        impatient(settings);
        settings.notify.clone_from(&notified.url);
    });
    let site = site.await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    notified.wait("users.active", &[("deviceid", &issued.device), ("status", "OFF")]).await?;

    let mark = device.journal().mark();
    assert_eq!(device.register().await?.status, 200);
    asked_for_catalog(&device, mark).await?;
    assert_eq!(device.keepalive().await?, 200);
    notified.wait("users.active", &[("deviceid", &issued.device), ("status", "OK")]).await?;
    let told = ["users.regiester", "users.active OFF", "users.regiester", "users.active OK"];
    assert_eq!(notified.of_user(&issued.device), told);
    Ok(())
}

/// A NAT gives the device another port when it pleases; the device itself does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_keepalive_from_another_port_of_the_same_host_is_followed() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let before = device.address();
    device.reboot().await?;
    assert_ne!(device.address(), before);
    assert_eq!(device.keepalive().await?, 200);
    play_and_stop(&site, &issued.channels[0]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keepalive_from_another_host_is_not_followed() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let stranger = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
    let refused = stranger.ask(&wire::keepalive(&issued.device)).await?;
    assert_eq!(refused.status(), Some(403));
    assert_eq!(active(&site, &issued.device).await?, 0);
    play_and_stop(&site, &issued.channels[0]).await?;
    assert_eq!(device.open_dialogs(), [""; 0]);
    Ok(())
}

/// Whoever has overheard a Call-ID on the way ends no stream with it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_another_host_says_changes_anything() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let stream = site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    let calls = device.open_dialogs();
    let stranger = Wire::open_at(Ipv4Addr::new(127, 0, 0, 2), site.sip).await?;
    let body = |text: &str| {
        format!(
            "<?xml version=\"1.0\"?>\r\n<Notify>\r\n{text}\r\n<SN>1</SN>\r\n<DeviceID>{}</DeviceID>\r\n",
            issued.device
        )
    };
    let item = format!(
        "<Status>ERROR</Status><SumNum>1</SumNum><DeviceList Num=\"1\"><Item><DeviceID>{}</DeviceID>\
         <Status>OFF</Status></Item></DeviceList></Notify>",
        issued.channels[0]
    );
    let told = [
        ("Keepalive", "<Status>ERROR</Status></Notify>".to_owned(), 403),
        ("Catalog", item, 403),
        ("MediaStatus", "<NotifyType>121</NotifyType></Notify>".to_owned(), 403),
    ];
    for (command, rest, status) in told {
        let body = body(&format!("<CmdType>{command}</CmdType>")) + &rest;
        let mut message = wire::from(&issued.device, "MESSAGE");
        message.set("Call-ID", calls[0].clone());
        let message = message.with_body("Application/MANSCDP+xml", body.into_bytes());
        assert_eq!(stranger.ask(&message).await?.status(), Some(status), "{command}");
    }
    for method in ["BYE", "INFO"] {
        let mut request = wire::from(&issued.device, method);
        request.set("Call-ID", calls[0].clone());
        assert_eq!(stranger.ask(&request).await?.status(), Some(481), "{method}");
    }
    assert_eq!(active(&site, &issued.device).await?, 0);
    let status = site.row("SELECT status FROM channels WHERE deviceid = ?1", &issued.channels[0])?;
    assert_eq!((status.as_str(), device.open_dialogs()), ("ON", calls));
    let id = stream["ssrc"].as_str().unwrap_or_default();
    assert_eq!(site.api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_by_tcp_is_asked_and_played_on_its_own_connection() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let tcp = site.sip_tcp;
    let (issued, device) = site
        .online(1, |config| {
            config.transport = Transport::Tcp;
            config.platform = tcp;
        })
        .await?;
    let user = site.api.get(&format!("/users/{}/update", issued.device), &[]).await?.ok()?;
    assert_eq!(user["transport"], "TCP");
    assert_eq!(device.keepalive().await?, 200);
    play_and_stop(&site, &issued.channels[0]).await?;
    let lost = |event: &DeviceEvent| matches!(event, DeviceEvent::Disconnected);
    assert!(!device.events().iter().any(lost), "the connection that the device opened is kept");

    // A new connection from the same host: its keepalive is followed.
    device.reboot().await?;
    assert_eq!(device.keepalive().await?, 200);
    play_and_stop(&site, &issued.channels[0]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_noticed_before_any_timeout() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.invite_timeout_secs = 60).await?;
    let tcp = site.sip_tcp;
    let (issued, device) = site
        .online(1, |config| {
            config.transport = Transport::Tcp;
            config.platform = tcp;
        })
        .await?;
    drop(device);
    let play = format!("/devices/{}/play", issued.channels[0]);
    let began = Instant::now();
    let (status, code, text) = site.api.get(&play, &[]).await?.refusal();
    assert!(["1002", "1003"].contains(&code.as_str()), "{status} {code} {text}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let closed = || async {
        let open = "SELECT CAST(count(*) AS TEXT) FROM streams WHERE channel = ?1 AND state < 5";
        site.row(open, &issued.channels[0]).is_ok_and(|open| open == "0")
    };
    wait_for(closed).await
}

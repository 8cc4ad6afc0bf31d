//! What a vendor module's profile changes in what is said to a device, each part of it on the wire. The files about
//! live streams, playback and catalogs show the same without a module.

use std::time::Duration;

use sluice_tests::device::{Answer, Behaviour, Charset, Device, DeviceConfig, DeviceEvent, SsrcLine};
use sluice_tests::journal::PATIENCE;
use sluice_tests::puppet::{self, EVERY, PuppetSite};
use sluice_tests::sip::Start;
use sluice_tests::site::{Issued, Site};

use crate::live_steps::{flows, last_stream, play, play_in_vain, received, stop};

/// A site whose module has a profile with these lines, and one of its devices.
async fn spoken_to(
    profile: &str,
    change: impl FnOnce(&mut DeviceConfig),
) -> anyhow::Result<(PuppetSite, Issued, Device)> {
    let site = puppet::site(&puppet::knowing(EVERY, "", profile), |_| {}).await?;
    let (issued, device) = site
        .online(1, |config| {
            config.speed = 20;
            change(config);
        })
        .await?;
    Ok((site, issued, device))
}

/// The Request-URI's user and the offer of the last INVITE.
fn invitation(device: &Device) -> (String, String) {
    let invite = received(device, "INVITE").pop().expect("it was invited");
    let Start::Request { uri, .. } = &invite.start else { unreachable!("a request") };
    let user = uri.trim_start_matches("sip:").split('@').next().unwrap_or_default();
    (user.to_owned(), String::from_utf8_lossy(&invite.body).into_owned())
}

/// The text of the last query of that kind.
fn query(device: &Device, command: &str) -> String {
    let name = format!("<CmdType>{command}</CmdType>");
    let bodies = received(device, "MESSAGE").into_iter().map(|message| message.body);
    let mut texts = bodies.map(|body| String::from_utf8_lossy(&body).into_owned());
    texts.rfind(|text| text.contains(&name)).unwrap_or_default()
}

/// The lines of a text that begin with one of these.
fn lines(text: &str, beginnings: &[&str]) -> String {
    let wanted = |line: &&str| beginnings.iter().any(|beginning| line.starts_with(beginning));
    text.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_made_as_the_profile_says() -> anyhow::Result<()> {
    let profile = "sdp-owner = \"platform\"\nsdp-payloads = [98, 96]\nsdp-stream-attribute = \"streamMode:SUB\"\n\
                   sdp-format = \"v/2/5/25/1/4096a/1/8/1\"\ninvite-target = \"device\"";
    let (site, issued, device) = spoken_to(profile, |_| {}).await?;
    play(&site, &issued).await?;
    let (target, offer) = invitation(&device);
    assert_eq!(target, issued.device);
    let port = site.zlm.rtp_address().port().to_string();
    insta::assert_snapshot!(offer.replace(&port, "PORT").trim_end(), @"
    v=0
    o=37070000082008000001 0 0 IN IP4 127.0.0.1
    s=Play
    c=IN IP4 127.0.0.1
    t=0 0
    m=video PORT RTP/AVP 98 96
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:98 H264/90000
    a=streamMode:SUB
    y=0700000000
    f=v/2/5/25/1/4096a/1/8/1
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_channel_or_device() -> anyhow::Result<()> {
    let (site, issued, device) = spoken_to("sdp-owner = \"device\"", |_| {}).await?;
    play(&site, &issued).await?;
    let (target, offer) = invitation(&device);
    assert_eq!(lines(&offer, &["o="]), format!("o={} 0 0 IN IP4 127.0.0.1", issued.device));
    assert_eq!(target, issued.channels[0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn media_travels_as_the_profile_says() -> anyhow::Result<()> {
    for (transport, media, tcp_mode) in [
        ("tcp-active", "TCP/RTP/AVP 96 97 98 99\na=setup:active", Some(2)),
        ("tcp-passive", "TCP/RTP/AVP 96 97 98 99\na=setup:passive", None),
    ] {
        let (site, issued, device) = spoken_to(&format!("transport = {transport:?}"), |_| {}).await?;
        let stream = play(&site, &issued).await?;
        let offer = lines(&invitation(&device).1, &["m=", "a=setup"]);
        assert!(offer.ends_with(media), "{offer}");
        // Nobody connects from the port that all share.
        let servers: Vec<u8> = site.zlm.servers().iter().map(|server| server.tcp_mode).collect();
        assert_eq!(servers, tcp_mode.into_iter().collect::<Vec<_>>());
        flows(&site, &stream, 20).await?;
        stop(&site, &stream).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_ssrc_is_followed_ignored_or_refused() -> anyhow::Result<()> {
    let other = |device: &mut Behaviour| device.ssrc_line = SsrcLine::Other("0703001718".to_owned());
    for (way, kept) in [("follow", "0703001718"), ("ignore", "")] {
        let (site, issued, device) = spoken_to(&format!("ssrc-change = {way:?}"), |_| {}).await?;
        device.behave(other);
        let stream = play(&site, &issued).await?;
        assert_eq!(site.row("SELECT media_ssrc FROM streams WHERE stream = ?1", &stream)?, kept, "{way}");
    }

    let (site, issued, device) = spoken_to("ssrc-change = \"refuse\"", |_| {}).await?;
    device.behave(other);
    let (status, code, text) = play_in_vain(&site, &issued).await?;
    let expected = "设备应答错误 (the device's answer names another SSRC than it was given)";
    assert_eq!((status, &*code, &*text), (408, "1003", expected));
    let call = device.wait_for(|event| matches!(event, DeviceEvent::Acked { .. })).await?;
    let DeviceEvent::Acked { call_id } = call else { unreachable!("waited for no other") };
    device
        .wait_for(|event| *event == DeviceEvent::Bye { call_id: call_id.clone(), status: Some(200) })
        .await?;
    assert!(!last_stream(&site, &issued)?.is_empty());
    Ok(())
}

/// The operator gives a device a second, its module half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_its_own_time_for_an_answer() -> anyhow::Result<()> {
    let config = |profile| puppet::knowing(EVERY, "", profile);
    for (profile, outcome) in [("", 408), ("invite-timeout-secs = 30", 200)] {
        let site = puppet::site(&config(profile), |settings| settings.invite_timeout_secs = 1).await?;
        let (issued, device) = site.online(1, |_| {}).await?;
        device.behave(|device| device.answer_delay = Duration::from_secs(2));
        let path = format!("/devices/{}/play", issued.channels[0]);
        assert_eq!(site.api.get(&path, &[]).await?.status, outcome, "{profile}");
    }

    let (site, issued, device) = spoken_to("invite-timeout-secs = 1", |_| {}).await?;
    device.behave(|device| device.answer = Answer::OnlyTrying);
    assert_eq!(play_in_vain(&site, &issued).await?.0, 408);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_left_alone_after_it_registered() -> anyhow::Result<()> {
    let delay = Duration::from_millis(700);
    let site = puppet::site(&puppet::knowing(EVERY, "", "query-delay-ms = 700"), |_| {}).await?;
    let device = site.recorder(&site.issue(1).await?).start().await?;
    assert_eq!(device.register().await?.status, 200);
    let registered = tokio::time::Instant::now();
    device.wait_for(|event| matches!(event, DeviceEvent::Queried { .. })).await?;
    // It has heard of its 200 a little later than the gateway sent it.
    let waited = registered.elapsed();
    assert!(waited + Duration::from_millis(100) >= delay && waited < PATIENCE, "{waited:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_keep_its_clock() -> anyhow::Result<()> {
    let site = puppet::site(&puppet::knowing(EVERY, "", "keeps-clock = true"), |_| {}).await?;
    let device = site.recorder(&site.issue(1).await?).start().await?;
    let mut dates = vec![device.register().await?.date, device.register().await?.date];
    dates.push(device.deregister().await?.date);
    assert_eq!(dates, [None, None, None]);

    let mut other = site.recorder(&site.issue(1).await?);
    other.user_agent = "Another".to_owned();
    assert!(other.start().await?.register().await?.date.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_have_the_profile_s_charset_and_type() -> anyhow::Result<()> {
    let ask = |site: &Site, issued: &Issued| {
        let (api, path) = (site.api.clone(), format!("/devices/{}/files", issued.channels[0]));
        async move { api.get(&path, &[("start", "1795140000"), ("end", "1795143600")]).await?.ok() }
    };
    for (profile, prolog, kind) in [
        ("", "GB2312", "<Type>all</Type>"),
        ("charset = \"utf8\"\nrecord-type = \"time\"", "UTF-8", "<Type>time</Type>"),
        ("charset = \"gb18030\"\nrecord-type = \"\"", "GB18030", ""),
    ] {
        let (site, issued, device) = spoken_to(profile, |_| {}).await?;
        ask(&site, &issued).await?;
        let text = query(&device, "RecordInfo");
        assert_eq!(
            lines(&text, &["<?xml", "<Type"]),
            format!("<?xml version=\"1.0\" encoding=\"{prolog}\"?>\n{kind}").trim_end()
        );
        assert!(query(&device, "Catalog").contains(&format!("encoding=\"{prolog}\"")), "{prolog}");
    }
    Ok(())
}

/// The name is the same bytes in GBK, where it is the ground floor, and in UTF-8.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_two_ways_is_read_in_the_device_s() -> anyhow::Result<()> {
    for (profile, name) in [("", "一楼"), ("charset = \"utf8\"", "һ¥")] {
        let named = |config: &mut DeviceConfig| {
            config.charset = Charset::Gb2312;
            config.channels[0].name = "一楼".to_owned();
        };
        let (site, issued, _device) = spoken_to(profile, named).await?;
        assert_eq!(site.row("SELECT name FROM channels WHERE deviceid = ?1", &issued.channels[0])?, name);
    }
    Ok(())
}

//! What is said and sent for one stream, in every way that RTP can travel.

use sluice_tests::device::{DeviceEvent, Transport};
use sluice_tests::media::FakeZlm;
use sluice_tests::sip::{Message, Start};
use sluice_tests::site::Site;

use crate::live_steps::{flows, invited, over, play, received, stop};

#[tokio::test(flavor = "multi_thread")]
async fn by_udp_to_the_single_port() -> anyhow::Result<()> {
    insta::assert_snapshot!(invitation("single", "udp", Transport::Udp).await?, @"
    INVITE sip:37070000081318000001@DEVICE SIP/2.0
    Via: SIP/2.0/UDP GATEWAY;rport;branch=TOKEN
    Max-Forwards: 70
    From: <sip:37070000082008000001@3707000008>;tag=TOKEN
    To: <sip:37070000081318000001@DEVICE>
    Call-ID: ID@3707000008
    CSeq: 1 INVITE
    Contact: <sip:37070000082008000001@GATEWAY>
    Subject: 37070000081318000001:0700000000,37070000082008000001:0
    Content-Type: APPLICATION/SDP
    User-Agent: sluice/0.1.0
    Content-Length: N

    v=0
    o=37070000081318000001 0 0 IN IP4 127.0.0.1
    s=Play
    c=IN IP4 127.0.0.1
    t=0 0
    m=video SINGLE RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    y=0700000000
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tcp_to_the_single_port() -> anyhow::Result<()> {
    insta::assert_snapshot!(media(&invitation("single", "tcp-passive", Transport::Udp).await?), @"
    c=IN IP4 127.0.0.1
    m=video SINGLE TCP/RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    a=setup:passive
    a=connection:new
    y=0700000000
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_udp_to_a_port_of_its_own() -> anyhow::Result<()> {
    insta::assert_snapshot!(media(&invitation("each", "udp", Transport::Udp).await?), @"
    c=IN IP4 127.0.0.1
    m=video OWN RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    y=0700000000
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tcp_to_a_port_of_its_own() -> anyhow::Result<()> {
    insta::assert_snapshot!(media(&invitation("each", "tcp-passive", Transport::Udp).await?), @"
    c=IN IP4 127.0.0.1
    m=video OWN TCP/RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    a=setup:passive
    a=connection:new
    y=0700000000
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tcp_that_the_media_server_opens() -> anyhow::Result<()> {
    insta::assert_snapshot!(media(&invitation("each", "tcp-active", Transport::Udp).await?), @"
    c=IN IP4 127.0.0.1
    m=video OWN TCP/RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    a=setup:active
    a=connection:new
    y=0700000000
    ");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_device_that_speaks_sip_over_tcp() -> anyhow::Result<()> {
    insta::assert_snapshot!(invitation("each", "tcp-passive", Transport::Tcp).await?, @"
    INVITE sip:37070000081318000001@DEVICE SIP/2.0
    Via: SIP/2.0/TCP GATEWAY;rport;branch=TOKEN
    Max-Forwards: 70
    From: <sip:37070000082008000001@3707000008>;tag=TOKEN
    To: <sip:37070000081318000001@DEVICE>
    Call-ID: ID@3707000008
    CSeq: 1 INVITE
    Contact: <sip:37070000082008000001@GATEWAY;transport=tcp>
    Subject: 37070000081318000001:0700000000,37070000082008000001:0
    Content-Type: APPLICATION/SDP
    User-Agent: sluice/0.1.0
    Content-Length: N

    v=0
    o=37070000081318000001 0 0 IN IP4 127.0.0.1
    s=Play
    c=IN IP4 127.0.0.1
    t=0 0
    m=video OWN TCP/RTP/AVP 96 97 98 99
    a=recvonly
    a=rtpmap:96 PS/90000
    a=rtpmap:97 MPEG4/90000
    a=rtpmap:98 H264/90000
    a=rtpmap:99 H265/90000
    a=setup:passive
    a=connection:new
    y=0700000000
    ");
    Ok(())
}

/// Plays and stops a stream that flows; the INVITE that the device got, with what is never the same masked.
async fn invitation(ports: &'static str, transport: &'static str, sip: Transport) -> anyhow::Result<String> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = ports;
        settings.rtp_transport = transport;
    });
    let site = site.await?;
    let (issued, device) = site
        .online(1, |config| {
            config.transport = sip;
            config.speed = 20;
            if sip == Transport::Tcp {
                config.platform = site.sip_tcp;
            }
        })
        .await?;
    let stream = play(&site, &issued).await?;
    let call = invited(&device).await?;
    flows(&site, &stream, 20).await?;
    let asked = site.zlm.servers().iter().map(|server| server.port).next();
    let written = write(&received(&device, "INVITE")[0], &masks(&site, device.address().to_string(), asked));
    assert_eq!(device.open_dialogs(), [call.clone()]);
    assert_eq!(stop(&site, &stream).await?, "");
    let bye = device.wait_for(|event| matches!(event, DeviceEvent::Bye { .. })).await?;
    assert_eq!(bye, DeviceEvent::Bye { call_id: call.clone(), status: Some(200) });
    over(&site, &device, &stream).await?;
    in_dialog(&received(&device, "INVITE")[0], &received(&device, "ACK")[0], 0);
    in_dialog(&received(&device, "INVITE")[0], &received(&device, "BYE")[0], 1);
    assert_eq!(received(&device, "INVITE").len(), 1);
    Ok(written)
}

/// A later request of the same call: our From to the letter, the device's tag in To, a CSeq that fits.
fn in_dialog(invite: &Message, later: &Message, step: u32) {
    assert_eq!(later.call_id(), invite.call_id());
    assert_eq!(later.header("From"), invite.header("From"));
    let to = later.header("To").unwrap_or_default();
    assert!(to.starts_with(invite.header("To").unwrap_or_default()) && to.contains(";tag="), "{to}");
    assert_ne!(later.branch(), invite.branch());
    let number = |message: &Message| message.cseq().map(|(number, _)| number);
    assert_eq!(number(later), number(invite).map(|number| number + step));
}

/// What is never the same, and what stands for it.
fn masks(site: &Site, device: String, port: Option<u16>) -> Vec<(String, &'static str)> {
    let rtp = |zlm: &FakeZlm| zlm.rtp_address().port();
    vec![
        (device, "DEVICE"),
        (site.sip.to_string(), "GATEWAY"),
        (site.sip_tcp.to_string(), "GATEWAY"),
        (
            format!("m=video {} ", port.unwrap_or_else(|| rtp(&site.zlm))),
            if port.is_some() { "m=video OWN " } else { "m=video SINGLE " },
        ),
    ]
}

/// A request as it stood on the wire; random tokens and `masks` are replaced.
fn write(request: &Message, masks: &[(String, &'static str)]) -> String {
    let Start::Request { method, uri } = &request.start else { return "no request".to_owned() };
    let mut lines = vec![format!("{method} {uri} SIP/2.0")];
    lines.extend(request.headers.iter().map(|(name, value)| match name.as_str() {
        "Call-ID" => format!("Call-ID: ID@{}", value.split_once('@').map_or("", |(_, domain)| domain)),
        "Content-Length" => {
            assert_eq!(value, &request.body.len().to_string());
            "Content-Length: N".to_owned()
        }
        _ => format!("{name}: {}", mask_parameters(value)),
    }));
    lines.push(String::new());
    lines.extend(String::from_utf8_lossy(&request.body).lines().map(str::to_owned));
    assert!(request.body.ends_with(b"\r\n"));
    masks.iter().fold(lines.join("\n"), |text, (from, to)| text.replace(from, to))
}

fn mask_parameters(value: &str) -> String {
    let parts = value.split(';').map(|part| match part.split_once('=') {
        Some((name @ ("tag" | "branch"), _)) => format!("{name}=TOKEN"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
}

/// The lines of an offer that tell where media goes and how.
fn media(invitation: &str) -> String {
    let told = |line: &&str| ["c=", "m=", "a=", "y=", "f="].iter().any(|name| line.starts_with(name));
    invitation.lines().filter(told).collect::<Vec<_>>().join("\n")
}

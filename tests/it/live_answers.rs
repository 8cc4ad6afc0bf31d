//! What a device may answer to INVITE, and when.

use std::time::Duration;

use sluice_tests::device::{Answer, Device, DeviceEvent};
use sluice_tests::site::{Issued, Site};

use crate::live_steps::{
    State, flows, hung_up, invited, last_stream, over, play, play_in_vain, reaches, received, state_of,
    stays_unwatched, stop,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_rings_first() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| {
        // Dahua says 101, others what telephones say.
        device.provisional = vec![101, 180, 183];
        device.answer_delay = Duration::from_millis(100);
    });
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await?;
    stop(&site, &stream).await?;
    over(&site, &device, &stream).await
}

/// Media may come before the ACK, and before our own table knows of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn it_sends_media_at_once() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.media_before_ack = true);
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await?;
    reaches(&site, &stream, State::Flowing).await?;
    stop(&site, &stream).await?;
    over(&site, &device, &stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_refuses() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.rtp_ports = "each").await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    for status in [404, 486, 603] {
        device.behave(|device| device.answer = Answer::Refuse(status));
        let text = format!("设备拒绝 (the device refused with status {status})");
        assert_eq!(play_in_vain(&site, &issued).await?, (408, "1003".to_owned(), text));
        over(&site, &device, &last_stream(&site, &issued)?).await?;
    }
    let branches = |method| received(&device, method).iter().map(|one| one.branch().to_owned()).collect();
    let (invites, acks): (Vec<String>, Vec<String>) = (branches("INVITE"), branches("ACK"));
    assert_eq!(acks, invites, "each refusal has its ACK, in the INVITE's own transaction");

    device.behave(|device| device.answer = Answer::Accept);
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await
}

/// A device that said nothing gets no CANCEL (RFC 3261 §9.1). It may have heard us all the same, so that its stream
/// is not closed for certain before the INVITE's 32 seconds are over (§17.1.1.2, Timer B).
#[tokio::test(flavor = "multi_thread")]
async fn it_says_nothing() -> anyhow::Result<()> {
    let site = impatient("each").await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.answer = Answer::Silent);
    assert_eq!(play_in_vain(&site, &issued).await?, timed_out());
    let stream = last_stream(&site, &issued)?;
    assert_eq!((state_of(&site, &stream), site.zlm.servers()), (Some(State::Closing), vec![]));
    assert!(received(&device, "INVITE").len() > 1, "it is asked more than once");
    if reaches(&site, &stream, State::Closed).await.is_err() {
        reaches(&site, &stream, State::Closed).await?;
    }
    over(&site, &device, &stream).await?;
    assert_eq!(received(&device, "CANCEL"), []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_only_100() -> anyhow::Result<()> {
    let site = impatient("each").await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.answer = Answer::OnlyTrying);
    assert_eq!(play_in_vain(&site, &issued).await?, timed_out());
    let cancelled = device.wait_for(|event| matches!(event, DeviceEvent::Cancelled { .. })).await?;
    let call_id = invited(&device).await?;
    assert_eq!(cancelled, DeviceEvent::Cancelled { call_id, matched: true });
    over(&site, &device, &last_stream(&site, &issued)?).await?;
    device
        .wait_for(|event| matches!(event, DeviceEvent::Received { message } if message.method() == "ACK"))
        .await?;
    let (invite, cancel) = (&received(&device, "INVITE")[0], &received(&device, "CANCEL")[0]);
    assert_eq!(
        (cancel.uri(), cancel.branch(), cancel.header("To"), cancel.cseq()),
        (invite.uri(), invite.branch(), invite.header("To"), Some((1, "CANCEL")))
    );
    Ok(())
}

/// The 200 that crosses our CANCEL is a session all the same, and somebody has to end it.
#[tokio::test(flavor = "multi_thread")]
async fn it_accepts_when_we_have_given_up() -> anyhow::Result<()> {
    let site = impatient("single").await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| {
        device.answer_delay = Duration::from_millis(1_700);
        device.ignore_cancel = true;
    });
    assert_eq!(play_in_vain(&site, &issued).await?, timed_out());
    let stream = last_stream(&site, &issued)?;
    reaches(&site, &stream, State::Closed).await?;
    let call_id = invited(&device).await?;
    device.wait_for(|event| *event == DeviceEvent::Acked { call_id: call_id.clone() }).await?;
    device
        .wait_for(|event| *event == DeviceEvent::Bye { call_id: call_id.clone(), status: Some(200) })
        .await?;
    over(&site, &device, &stream).await
}

/// A caller who stops a stream that is still being opened must not leave the device sending: the 200 that comes
/// later belongs to a stream that is closed. Without its BYE the camera would send for ever.
#[tokio::test(flavor = "multi_thread")]
async fn it_accepts_when_the_stream_is_stopped_already() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| {
        device.answer_delay = Duration::from_millis(700);
        device.ignore_cancel = true;
    });
    let stream = stopped_while_it_rings(&site, &issued, &device).await?;
    hung_up(&device).await?;
    over(&site, &device, &stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_rings_when_the_stream_is_stopped() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.rtp_ports = "each").await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.hold_answers(true);
    let stream = stopped_while_it_rings(&site, &issued, &device).await?;
    let cancelled = DeviceEvent::Cancelled { call_id: invited(&device).await?, matched: true };
    device.wait_for(|event| *event == cancelled).await?;
    over(&site, &device, &stream).await?;
    assert_eq!(received(&device, "BYE"), []);
    Ok(())
}

/// Without its ACK a device repeats the 200 and gives up after 32 s; so it is sent whatever the SDP says.
#[tokio::test(flavor = "multi_thread")]
async fn its_sdp_is_broken() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.broken_sdp = true);
    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await?;
    stop(&site, &stream).await?;
    over(&site, &device, &stream).await
}

/// Where the media server is to connect to the device, it has to know where.
#[tokio::test(flavor = "multi_thread")]
async fn its_sdp_is_broken_but_needed() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = "each";
        settings.rtp_transport = "tcp-active";
    });
    let site = site.await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.behave(|device| device.broken_sdp = true);
    let (status, code, _) = play_in_vain(&site, &issued).await?;
    assert_eq!((status, code.as_str()), (408, "1003"));
    device.wait_for(|event| matches!(event, DeviceEvent::Acked { .. })).await?;
    hung_up(&device).await?;
    over(&site, &device, &last_stream(&site, &issued)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn its_200_comes_again_since_the_ack_was_lost() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.answer_delay = Duration::from_millis(300));
    let (stream, lost) = tokio::join!(play(&site, &issued), async {
        invited(&device).await?;
        device.behave(|device| device.lose_incoming = 1);
        anyhow::Ok(())
    });
    lost?;
    device.wait_for(|event| matches!(event, DeviceEvent::Acked { .. })).await?;
    let acks = received(&device, "ACK");
    assert_eq!(acks.len(), 2);
    assert_eq!(acks[0], acks[1], "the same ACK again");
    flows(&site, &stream?, 20).await
}

/// Requests and answers get lost on the way; each is said again until it is heard.
#[tokio::test(flavor = "multi_thread")]
async fn it_has_a_bad_line() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.invite_timeout_secs = 15).await?;
    stays_unwatched(&site);
    let (issued, device) = site.online(1, |config| config.speed = 20).await?;
    device.behave(|device| device.lose_incoming = 2);
    let first = play(&site, &issued).await?;
    // Of the two that were lost one may have been another message.
    assert!(received(&device, "INVITE").len() >= 2);
    flows(&site, &first, 20).await?;
    device.behave(|device| device.lose_outgoing = 2);
    assert_eq!(stop(&site, &first).await?, "");
    over(&site, &device, &first).await?;

    device.behave(|device| device.lose_outgoing = 2);
    let second = play(&site, &issued).await?;
    assert_ne!(second, first);
    flows(&site, &second, 20).await?;
    assert_eq!(state_of(&site, &first), Some(State::Closed));
    Ok(())
}

/// The media server gives its port up after fifteen seconds, and the device may have more than that: nothing can come
/// of its answer any more.
#[tokio::test(flavor = "multi_thread")]
async fn it_rings_longer_than_the_media_server_waits() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.rtp_ports = "each").await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    device.hold_answers(true);
    assert_eq!(play_in_vain(&site, &issued).await?, withdrawn());
    let cancelled = DeviceEvent::Cancelled { call_id: invited(&device).await?, matched: true };
    device.wait_for(|event| *event == cancelled).await?;
    over(&site, &device, &last_stream(&site, &issued)?).await
}

/// One caller plays, another stops what is not there yet; the stream's id.
async fn stopped_while_it_rings(site: &Site, issued: &Issued, device: &Device) -> anyhow::Result<String> {
    let (played, stopped) = tokio::join!(play_in_vain(site, issued), async {
        invited(device).await?;
        stop(site, &last_stream(site, issued)?).await
    });
    assert_eq!(stopped?, "");
    let stream = last_stream(site, issued)?;
    assert_eq!(played?, withdrawn());
    Ok(stream)
}

/// A gateway that waits for a device for one second.
async fn impatient(ports: &'static str) -> anyhow::Result<Site> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = ports;
        settings.invite_timeout_secs = 1;
    });
    let site = site.await?;
    // In this server's hurry a port would be given up before that.
    site.zlm.configure("rtp_proxy.timeoutSec", "300");
    Ok(site)
}

fn timed_out() -> (u16, String, String) {
    (408, "1003".to_owned(), "请求超时 (the device did not answer in time)".to_owned())
}

fn withdrawn() -> (u16, String, String) {
    let text = "视频流在设备应答前已关闭 (the stream was closed before the device answered)".to_owned();
    (408, "1003".to_owned(), text)
}

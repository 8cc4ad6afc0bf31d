//! Sessions: INVITE, media, BYE.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::platform::{Platform, offer};
use super::{ID, PATIENCE, camera, impatient_camera, start};
use crate::device::{Answer, Device, DeviceConfig, DeviceEvent, SsrcLine};
use crate::rtp::{self, Deframer, Packet};
use crate::sip::{Message, param, user_of};

const CALL: &str = "call-1";
const SSRC: u32 = 200_000_001;

async fn packet(media: &UdpSocket) -> Packet {
    let mut buffer = vec![0; 65_536];
    let received = tokio::time::timeout(PATIENCE, media.recv(&mut buffer)).await.expect("RTP comes in time");
    Packet::parse(&buffer[..received.unwrap()]).unwrap()
}

async fn live(device: &Device, platform: &Platform) -> UdpSocket {
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play");
    platform.establish(device, &platform.invite(ID, CALL, &sdp)).await;
    media
}

fn sdp_of(ok: &Message) -> String {
    String::from_utf8(ok.body.clone()).unwrap()
}

#[tokio::test]
async fn media_flows_after_the_ack_until_bye() {
    let (device, platform) = camera().await;
    let media = live(&device, &platform).await;
    let mut stream = Vec::new();
    while stream.len() < 20_000 {
        let packet = packet(&media).await;
        assert_eq!(packet.ssrc, SSRC);
        stream.extend(packet.payload);
    }
    assert!(rtp::SAMPLE.starts_with(&stream[..20_000]));
    assert!(device.is_sending(CALL));
    assert_eq!(device.open_dialogs(), [CALL]);
    platform.send(&device, &platform.make("BYE", ID, CALL, 2)).await;
    platform.status("BYE", 200).await;
    let sent = device.packets_sent(CALL);
    assert!(!device.is_sending(CALL) && device.open_dialogs().is_empty());
    let stopped = DeviceEvent::MediaStopped { call_id: CALL.to_owned(), packets: sent };
    device.wait_for(|event| *event == stopped).await.unwrap();
    // A second one finds nothing.
    platform.send(&device, &platform.make("BYE", ID, CALL, 3)).await;
    platform.status("BYE", 481).await;
    assert_eq!(device.packets_sent(CALL), sent);
}

#[tokio::test]
async fn the_answer_repeats_what_the_offer_asked_for() {
    let (device, platform) = impatient_camera().await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play");
    let invite = platform.invite(ID, CALL, &sdp);
    platform.send(&device, &invite).await;
    let trying = platform.next().await;
    assert_eq!((trying.status(), param(trying.header("To").unwrap(), "tag")), (Some(100), None));
    let ok = platform.status("INVITE", 200).await;
    assert!(param(ok.header("To").unwrap(), "tag").is_some());
    assert!(sdp_of(&ok).contains("\r\ny=0200000001\r\n"), "{}", sdp_of(&ok));
    // Without an ACK it comes again, and nothing is sent.
    assert_eq!(platform.status("INVITE", 200).await, ok);
    assert_eq!(device.packets_sent(CALL), 0);
    // So does it when the INVITE comes again.
    platform.send(&device, &invite).await;
    assert_eq!(platform.status("INVITE", 200).await, ok);
    platform.acknowledge(&device, &ok).await;
    device.wait_for(|event| matches!(event, DeviceEvent::Acked { .. })).await.unwrap();
    packet(&media).await;
    let invited: Vec<_> =
        device.events().into_iter().filter(|event| matches!(event, DeviceEvent::Invited { .. })).collect();
    let subject = format!("{ID}:0200000001,37070000082008000001:0");
    let (call_id, channel, ssrc) = (CALL.to_owned(), ID.to_owned(), "0200000001".to_owned());
    assert_eq!(invited, [DeviceEvent::Invited { call_id, channel, ssrc, sdp, subject }]);
}

#[tokio::test]
async fn over_tcp_the_device_connects_or_listens() {
    for (setup, own) in [("passive", "active"), ("active", "passive")] {
        let (device, platform) = camera().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sdp = offer(listener.local_addr().unwrap(), "TCP/RTP/AVP", setup, "Play");
        let ok = platform.establish(&device, &platform.invite(ID, CALL, &sdp)).await;
        let answer = sdp_of(&ok);
        assert!(answer.contains(&format!("a=setup:{own}\r\n")), "{answer}");
        let port: u16 = answer.split_once("m=video ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        let mut stream = if setup == "passive" {
            let (stream, from) = listener.accept().await.unwrap();
            assert_eq!(from.port(), port);
            stream
        } else {
            TcpStream::connect(("127.0.0.1", port)).await.unwrap()
        };
        let mut deframer = Deframer::default();
        let packet = loop {
            if let Some(packet) = deframer.next_packet() {
                break Packet::parse(&packet).unwrap();
            }
            let mut buffer = [0; 4_096];
            let length = stream.read(&mut buffer).await.unwrap();
            deframer.push(&buffer[..length]);
        };
        assert_eq!((packet.ssrc, &packet.payload[..4]), (SSRC, &[0, 0, 1, 0xba][..]));
    }
}

#[tokio::test]
async fn a_file_ends_with_media_status_121_from_the_channel() {
    let (device, platform) = start(|config| DeviceConfig { file_frames: 3, ..config }).await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Playback");
    platform.establish(&device, &platform.invite(ID, CALL, &sdp)).await;
    let status = platform.request("MESSAGE").await;
    platform.respond(&device, Message::response(&status, 200)).await;
    assert_eq!((status.call_id(), user_of(status.header("From").unwrap())), (CALL, ID));
    assert!(String::from_utf8(status.body).unwrap().contains("<NotifyType>121</NotifyType>"));
    let sent = DeviceEvent::MediaStatusSent { call_id: CALL.to_owned(), status: Some(200) };
    device.wait_for(|event| *event == sent).await.unwrap();
    // The session stays until the platform ends it.
    assert_eq!((device.is_sending(CALL), device.open_dialogs()), (false, vec![CALL.to_owned()]));
    assert_eq!(device.packets_sent(CALL), 6);
    platform.send(&device, &platform.make("BYE", ID, CALL, 2)).await;
    platform.status("BYE", 200).await;
}

#[tokio::test]
async fn an_invite_can_be_cancelled_before_it_is_answered() {
    let (device, platform) = camera().await;
    device.behave(|behaviour| behaviour.answer = Answer::OnlyTrying);
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let invite = platform.invite(ID, CALL, &offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play"));
    platform.send(&device, &invite).await;
    platform.status("INVITE", 100).await;
    let mut cancel = platform.make("CANCEL", ID, CALL, 1);
    cancel.set("Via", invite.header("Via").unwrap());
    platform.send(&device, &cancel).await;
    platform.status("CANCEL", 200).await;
    platform.status("INVITE", 487).await;
    assert!(device.open_dialogs().is_empty());
    cancel.set("Call-ID", "other");
    platform.send(&device, &cancel).await;
    platform.status("CANCEL", 481).await;
}

#[tokio::test]
async fn refusals_and_silence_are_as_told() {
    let (device, platform) = camera().await;
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play");
    device.behave(|behaviour| behaviour.answer = Answer::Refuse(486));
    platform.send(&device, &platform.invite(ID, "busy", &sdp)).await;
    platform.status("INVITE", 486).await;
    platform.send(&device, &platform.invite("34020000001320000099", "unknown", &sdp)).await;
    platform.status("INVITE", 404).await;
    device.behave(|behaviour| behaviour.answer = Answer::Silent);
    platform.send(&device, &platform.invite(ID, "silent", &sdp)).await;
    platform.send(&device, &platform.make("OPTIONS", ID, "ping", 1)).await;
    // What comes next is the answer to OPTIONS: the INVITE got none.
    assert_eq!(platform.next().await.method(), "OPTIONS");
    assert!(device.open_dialogs().is_empty());
}

#[tokio::test]
async fn ssrcs_are_changed_as_told() {
    let cases = [
        (SsrcLine::Omit, None, ""),
        (SsrcLine::Other("0703001718".to_owned()), Some(703_001_718), "y=0703001718\r\n"),
    ];
    for (ssrc_line, rtp_ssrc, wanted) in cases {
        let (device, platform) = camera().await;
        device.behave(|behaviour| {
            behaviour.ssrc_line = ssrc_line;
            behaviour.rtp_ssrc = rtp_ssrc;
        });
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play");
        let ok = platform.establish(&device, &platform.invite(ID, CALL, &sdp)).await;
        assert!(sdp_of(&ok).ends_with(&format!("PS/90000\r\n{wanted}")), "{}", sdp_of(&ok));
        assert_eq!(packet(&media).await.ssrc, rtp_ssrc.unwrap_or(SSRC));
    }
}

#[tokio::test]
async fn packets_are_lost_as_told() {
    let (device, platform) = camera().await;
    device.behave(|behaviour| behaviour.lose_rtp = Some(3));
    let media = live(&device, &platform).await;
    let mut sequences = Vec::new();
    for _ in 0..6 {
        sequences.push(packet(&media).await.sequence);
    }
    assert_eq!(sequences, [0, 1, 3, 4, 6, 7]);
}

#[tokio::test]
async fn the_device_can_hang_up() {
    let (device, platform) = camera().await;
    device.behave(|behaviour| behaviour.hang_up_after = Some(Duration::from_millis(50)));
    let _media = live(&device, &platform).await;
    let bye = platform.request("BYE").await;
    assert_eq!((bye.call_id(), user_of(bye.header("From").unwrap())), (CALL, ID));
    platform.respond(&device, Message::response(&bye, 200)).await;
    let sent = DeviceEvent::ByeSent { call_id: CALL.to_owned(), status: Some(200) };
    device.wait_for(|event| *event == sent).await.unwrap();
    assert!(device.open_dialogs().is_empty());
}

#[tokio::test]
async fn bye_can_be_ignored() {
    let (device, platform) = camera().await;
    device.behave(|behaviour| behaviour.ignore_bye = true);
    let _media = live(&device, &platform).await;
    assert!(device.wait_for_packets(CALL, 1, PATIENCE).await);
    platform.send(&device, &platform.make("BYE", ID, CALL, 2)).await;
    device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: None, .. })).await.unwrap();
    assert!(device.wait_for_packets(CALL, device.packets_sent(CALL) + 3, PATIENCE).await);
}

#[tokio::test]
async fn media_may_come_before_the_ack() {
    let (device, platform) = camera().await;
    device.behave(|behaviour| behaviour.media_before_ack = true);
    let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = offer(media.local_addr().unwrap(), "RTP/AVP", "", "Play");
    platform.send(&device, &platform.invite(ID, CALL, &sdp)).await;
    assert_eq!(packet(&media).await.ssrc, SSRC);
}

#[tokio::test]
async fn a_reboot_ends_everything_without_a_word() {
    let (device, platform) = camera().await;
    let media = live(&device, &platform).await;
    packet(&media).await;
    device.reboot().await.unwrap();
    assert!(device.open_dialogs().is_empty());
    platform.send(&device, &platform.make("BYE", ID, CALL, 2)).await;
    platform.status("BYE", 481).await;
}

//! Messages that are miscounted, cut, run together, or have noise around them.

use sluice_tests::device::{Behaviour, Charset, Device, DeviceEvent, LengthLine, Transport};
use sluice_tests::sip::Message;
use sluice_tests::site::Site;

use crate::wire;

/// A way to get a message onto the wire.
type Framing = (&'static str, fn(&mut Behaviour));

/// A datagram says by itself where it ends.
const BY_UDP: [Framing; 8] = [
    ("as it should be", |_| {}),
    ("Content-Length: 0 (Hikvision, #920)", |device| device.length_line = LengthLine::Zero),
    ("no Content-Length", |device| device.length_line = LengthLine::Omit),
    ("a length too short", |device| device.length_line = LengthLine::Off(-9)),
    ("a length too long (Hikvision, 9fc9a2981)", |device| device.length_line = LengthLine::Off(40)),
    ("noise in front", |device| device.noise = b"\x01\r\n\0\r\njaK\0\r\n"),
    ("cut into datagrams (Hikvision NVR, #853)", |device| device.cut_at = Some(601)),
    ("cut into datagrams, and a length of 0", |device| {
        device.cut_at = Some(701);
        device.length_line = LengthLine::Zero;
    }),
];

/// In a stream only the length and the end of the XML say it.
const BY_TCP: [Framing; 6] = [
    ("Content-Length: 0", |device| device.length_line = LengthLine::Zero),
    ("no Content-Length", |device| device.length_line = LengthLine::Omit),
    ("a length too short", |device| device.length_line = LengthLine::Off(-9)),
    ("a length too long", |device| device.length_line = LengthLine::Off(5)),
    ("noise in front", |device| device.noise = b"\x01\r\n\0\r\njaK\0\r\n"),
    ("many segments", |device| device.cut_at = Some(17)),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_arrives_however_its_datagrams_are_framed() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (story, change) in BY_UDP {
        for charset in [Charset::Gb2312, Charset::Utf8LabelledGb2312] {
            arrives(&site, Transport::Udp, charset, change).await.map_err(|error| error.context(story))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_arrives_however_its_stream_is_framed() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (story, change) in BY_TCP {
        let arrived = arrives(&site, Transport::Tcp, Charset::Gb2312, change).await;
        arrived.map_err(|error| error.context(story))?;
    }
    Ok(())
}

/// Twelve channels in one message, all with their names, and a keepalive that is answered.
async fn arrives(
    site: &Site,
    transport: Transport,
    charset: Charset,
    change: fn(&mut Behaviour),
) -> anyhow::Result<()> {
    let platform = if transport == Transport::Tcp { site.sip_tcp } else { site.sip };
    let (issued, device) = site
        .online(12, |config| {
            (config.transport, config.platform, config.charset) = (transport, platform, charset);
            config.catalog.per_message = 100;
            change(&mut config.behaviour);
        })
        .await?;
    let sql =
        "SELECT json_group_array(name) FROM (SELECT name FROM channels WHERE pdid = ?1 ORDER BY deviceid)";
    let names: Vec<String> = serde_json::from_str(&site.row(sql, &issued.device)?)?;
    assert_eq!(names, (1..=12).map(|number| format!("通道{number}")).collect::<Vec<_>>());
    assert_eq!(device.keepalive().await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_in_one_segment_are_all_answered() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let platform = site.sip_tcp;
    let (issued, device) =
        site.online(1, |config| (config.transport, config.platform) = (Transport::Tcp, platform)).await?;
    let messages: Vec<Message> = (0..3).map(|number| numbered(&issued.device, &device, number)).collect();
    let [first, second, third] = [0, 1, 2].map(|index: usize| messages[index].to_bytes());
    device.send_raw(&[&first[..], b"\r\n\r\n", &second, b"jaK\0", &third].concat()).await?;
    for message in &messages {
        assert_eq!(answer(&device, message).await?, Some(200));
    }
    Ok(())
}

/// What comes between the pieces of one message is a message of its own, or a keep-alive.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_message_may_have_others_between_them() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let [cut, whole] = [0, 1].map(|number| numbered(&issued.device, &device, number));
    let bytes = cut.to_bytes();
    let (begin, end) = bytes.split_at(bytes.len() - 70);
    for packet in [begin, &whole.to_bytes(), b"jaK\0", end] {
        device.send_raw(packet).await?;
    }
    assert_eq!((answer(&device, &whole).await?, answer(&device, &cut).await?), (Some(200), Some(200)));
    // Where the rest stays away, what came is judged by itself.
    let begun = numbered(&issued.device, &device, 2);
    let bytes = begun.to_bytes();
    device.send_raw(&bytes[..bytes.len() - 20]).await?;
    assert_eq!(answer(&device, &begun).await?, Some(200), "CmdType and DeviceID had come");
    Ok(())
}

/// A keepalive of `device` under a branch of its own.
fn numbered(id: &str, device: &Device, number: usize) -> Message {
    let via = format!("SIP/2.0/UDP {};rport;branch=z9hG4bKtolerance{number}", device.address());
    wire::with_via(&wire::keepalive(id), via)
}

/// The status of the answer to a request that was sent by hand.
async fn answer(device: &Device, request: &Message) -> anyhow::Result<Option<u16>> {
    let answers = |message: &Message| message.status().is_some() && message.branch() == request.branch();
    let came = |event: &DeviceEvent| matches!(event, DeviceEvent::Received { message } if answers(message));
    match device.wait_for(came).await? {
        DeviceEvent::Received { message } => Ok(message.status()),
        _ => unreachable!("it was matched"),
    }
}

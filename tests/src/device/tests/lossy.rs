//! A lossy wire.

use super::{ID, impatient_camera};
use crate::sip::Message;

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let (device, platform) = impatient_camera().await;
    device.behave(|behaviour| behaviour.lose_outgoing = 2);
    let script = async {
        let keepalive = platform.request("MESSAGE").await;
        platform.respond(&device, Message::response(&keepalive, 200)).await;
    };
    let (status, ()) = tokio::join!(device.keepalive(), script);
    assert_eq!(status.unwrap(), 200);
}

#[tokio::test]
async fn a_lost_response_makes_a_retransmission_that_is_answered() {
    let (device, platform) = impatient_camera().await;
    device.behave(|behaviour| behaviour.lose_incoming = 1);
    let script = async {
        let first = platform.request("MESSAGE").await;
        platform.respond(&device, Message::response(&first, 200)).await;
        let second = platform.request("MESSAGE").await;
        platform.respond(&device, Message::response(&second, 200)).await;
        (first, second)
    };
    let (status, (first, second)) = tokio::join!(device.keepalive(), script);
    assert_eq!((status.unwrap(), first), (200, second));
}

#[tokio::test]
async fn everything_can_come_twice() {
    let (device, platform) = impatient_camera().await;
    device.behave(|behaviour| behaviour.duplicate = true);
    platform.send(&device, &platform.make("OPTIONS", ID, "c", 1)).await;
    assert_eq!(platform.datagram().await, platform.datagram().await);
}

#[tokio::test]
async fn a_retransmitted_request_gets_the_same_answer() {
    let (device, platform) = impatient_camera().await;
    let request = platform.make("OPTIONS", ID, "c", 1);
    platform.send(&device, &request).await;
    let first = platform.datagram().await;
    platform.send(&device, &request).await;
    assert_eq!(platform.datagram().await, first);
}

#[tokio::test]
async fn a_deaf_device_answers_nothing_until_it_hears_again() {
    let (device, platform) = impatient_camera().await;
    device.behave(|behaviour| behaviour.deaf = true);
    let request = platform.make("OPTIONS", ID, "c", 1);
    platform.send(&device, &request).await;
    device.wait_for(|event| matches!(event, crate::device::DeviceEvent::Received { .. })).await.unwrap();
    device.behave(|behaviour| behaviour.deaf = false);
    platform.send(&device, &platform.make("OPTIONS", ID, "d", 1)).await;
    assert_eq!(platform.next().await.call_id(), "d");
}

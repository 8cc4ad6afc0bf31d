//! INVITEs, of ours and of devices.

use super::*;

async fn invited(door: &Door, device: &Device) -> (super::super::Invite, Request) {
    let invite = door.sip.invite(device.peer(), to_device(Method::Invite, 20)).await.expect("it runs");
    let request = device.next_request().await;
    assert_eq!(invite.request().to_bytes(), request.to_bytes());
    (invite, request)
}

#[tokio::test]
async fn every_answer_is_told_and_the_2xx_acknowledged_each_time() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let (mut invite, request) = invited(&door, &device).await;
    for status in [100, 200] {
        device.send(&request.respond(status).to_bytes()).await;
    }
    assert!(matches!(invite.next().await, Answer::Provisional(response) if response.status == 100));
    let Answer::Final(response) = invite.next().await else { panic!("no final answer") };
    let dialog = invite.dialog(&response);
    invite.acknowledge(dialog.ack()).await.expect("it runs");
    let ack = device.next_request().await;
    assert_eq!((&ack.method, ack.headers.to_tag()), (&Method::Ack, dialog.remote_tag.as_deref()));
    drop(invite);
    device.send(&request.respond(200).to_bytes()).await;
    assert_eq!(device.next_request().await, ack);
}

#[tokio::test]
async fn a_refusal_is_acknowledged_by_the_core() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let (mut invite, request) = invited(&door, &device).await;
    device.send(&request.respond(486).to_bytes()).await;
    assert!(matches!(invite.next().await, Answer::Final(response) if response.status == 486));
    assert_eq!(device.next_request().await.method, Method::Ack);
    assert_eq!(invite.next().await, Answer::TimedOut);
}

#[tokio::test]
async fn a_withdrawn_invite_is_cancelled_and_ends_with_487() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let (mut invite, request) = invited(&door, &device).await;
    invite.cancel().await.expect("it runs");
    device.send(&request.respond(180).to_bytes()).await;
    assert!(matches!(invite.next().await, Answer::Provisional(_)));
    let cancel = device.next_request().await;
    assert_eq!((&cancel.method, cancel.headers.via()), (&Method::Cancel, request.headers.via()));
    device.send(&cancel.respond(200).to_bytes()).await;
    device.send(&request.respond(487).to_bytes()).await;
    assert!(matches!(invite.next().await, Answer::Final(response) if response.status == 487));
}

/// A caller that hangs up must not leave a camera sending: the 2xx that comes too late reaches the
/// gateway, which acknowledges it and says BYE.
#[tokio::test]
async fn a_2xx_to_a_dropped_invite_is_a_stray() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let (invite, request) = invited(&door, &device).await;
    drop(invite);
    device.send(&request.respond(180).to_bytes()).await;
    assert_eq!(device.next_request().await.method, Method::Cancel);
    let accepted = request.respond(200);
    for _ in 0..2 {
        device.send(&accepted.to_bytes()).await;
        let expected = Incoming::StrayAnswer { response: accepted.clone(), peer: device.peer() };
        assert_eq!(door.next().await, expected);
    }
}

#[tokio::test]
async fn a_2xx_that_waits_unread_in_a_dropped_invite_is_a_stray() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let (mut invite, request) = invited(&door, &device).await;
    let accepted = request.respond(200);
    device.send(&request.respond(100).to_bytes()).await;
    device.send(&accepted.to_bytes()).await;
    assert!(matches!(invite.next().await, Answer::Provisional(_)));
    // An answer to what came after says that the 2xx has been taken in.
    device.send(&from_device(Method::Options, 1)).await;
    door.serve(200).await;
    drop(invite);
    let expected = Incoming::StrayAnswer { response: accepted, peer: device.peer() };
    assert_eq!(door.next().await, expected);
}

#[tokio::test]
async fn a_device_s_invite_is_answered_acknowledged_and_told_once() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Invite, 1)).await;
    let (id, request, _) = door.next_request().await;
    door.sip.respond(id, request.respond(200)).await.expect("it runs");
    assert_eq!(device.next_response().await.status, 200);
    device.send(&from_device(Method::Ack, 1)).await;
    match door.next().await {
        Incoming::Ack { id: of, request, peer } => {
            assert_eq!((of, request.method, peer), (id, Method::Ack, device.peer()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_device_that_withdraws_its_invite_is_answered() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Invite, 1)).await;
    let (id, ..) = door.next_request().await;
    device.send(&from_device(Method::Cancel, 1)).await;
    let statuses = [device.next_response().await.status, device.next_response().await.status];
    assert_eq!(statuses, [487, 200]);
    assert_eq!(door.next().await, Incoming::Cancelled { id });
}

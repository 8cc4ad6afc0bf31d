//! Datagrams.

use super::*;

#[tokio::test]
async fn a_register_is_answered_where_it_came_from() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Register, 1)).await;
    let (request, peer) = door.serve(200).await;
    assert_eq!((request.method, peer), (Method::Register, device.peer()));
    let port = device.peer().remote.port();
    let response = device.next_response().await;
    let via = format!("SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;received=127.0.0.1;rport={port}");
    assert_eq!((response.status, response.headers.get("Via")), (200, Some(via.as_str())));
}

#[tokio::test]
async fn a_repeated_register_gets_the_same_answer_and_goes_no_further() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Register, 1)).await;
    door.serve(401).await;
    let first = device.next_response().await;
    device.send(&from_device(Method::Register, 1)).await;
    assert_eq!(device.next_response().await, first);
    device.send(&from_device(Method::Register, 2)).await;
    let (request, _) = door.serve(200).await;
    assert_eq!(request.headers.cseq().map(|cseq| cseq.number), Some(2));
    device.next_response().await;
    let expected =
        Snapshot { received: 3, sent: 3, requests: 2, answered: 2, absorbed: 1, ..Snapshot::default() };
    assert_eq!(door.counters(), expected);
}

#[tokio::test]
async fn a_request_of_ours_is_answered() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let answer = async {
        let request = device.next_request().await;
        device.send(&request.respond(100).to_bytes()).await;
        device.send(&request.respond(403).to_bytes()).await;
        request
    };
    let (response, request) =
        tokio::join!(door.sip.request(device.peer(), to_device(Method::Message, 1)), answer);
    assert_eq!(response.expect("it is answered").status, 403);
    let via = request.headers.via().expect("it was stamped");
    assert_eq!((via.host, via.port), ("127.0.0.1", Some(door.udp().port())));
    assert_eq!(request.headers.user_agent(), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn when_the_gateway_is_behind_a_device_is_asked_to_come_back() {
    let mut door = Door::open(Config { incoming: 1, ..config() });
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Message, 1)).await;
    device.send(&from_device(Method::Message, 2)).await;
    let response = device.next_response().await;
    assert_eq!((response.status, cseq(&response)), (503, 2));
    assert_eq!(response.headers.get("Retry-After"), Some("5"));
    assert_eq!(door.counters().dropped, 1);
    door.serve(200).await;
    assert_eq!(cseq(&device.next_response().await), 1);
}

/// What a device sends that answers a challenge.
fn answers_challenge(number: u32) -> Vec<u8> {
    let authorization = "Authorization: Digest username=\"1\", response=\"2\"\r\nCall-ID";
    let register = String::from_utf8(from_device(Method::Register, number)).expect("ASCII");
    register.replace("Call-ID", authorization).into_bytes()
}

/// Sends these, and something behind them that is answered without the gateway: all are there then.
async fn hand_over(device: &Device, messages: Vec<Vec<u8>>) {
    for message in messages {
        device.send(&message).await;
    }
    let unknown = String::from_utf8(from_device(Method::Options, 1_000)).expect("ASCII");
    device.send(unknown.replace("OPTIONS", "DANCE").as_bytes()).await;
    assert_eq!(device.next_response().await.status, 501);
}

#[tokio::test]
async fn who_begins_to_register_comes_after_those_that_are_in() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let newcomers = [1, 2].map(|number| from_device(Method::Register, number));
    let others = [from_device(Method::Message, 3), answers_challenge(4), from_device(Method::Message, 5)];
    hand_over(&device, [&newcomers[..], &others].concat()).await;
    for number in [3, 4, 5, 1, 2] {
        door.serve(200).await;
        assert_eq!(cseq(&device.next_response().await), number);
    }
}

#[tokio::test]
async fn who_begins_to_register_has_his_turn_once_in_a_while() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let many = (2..202).map(|number| from_device(Method::Message, number));
    hand_over(&device, std::iter::once(from_device(Method::Register, 1)).chain(many).collect()).await;
    let mut before = 0;
    while door.next_request().await.1.method == Method::Message {
        before += 1;
    }
    assert_eq!(before, 64);
}

#[tokio::test]
async fn rubbish_is_counted_and_the_next_request_served() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    for rubbish in
        [&b"\xff\xfe\x00"[..], b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 999 No\r\n\r\n", b"\r\n\r\n", b"jaK\0"]
    {
        device.send(rubbish).await;
    }
    device.send(&[b'x'; 60_000]).await;
    device.send(&from_device(Method::Options, 1)).await;
    door.serve(200).await;
    assert_eq!(device.next_response().await.status, 200);
    let expected =
        Snapshot { received: 5, sent: 1, requests: 1, answered: 1, malformed: 4, ..Snapshot::default() };
    assert_eq!(door.counters(), expected);
}

#[tokio::test]
async fn what_cannot_be_served_is_answered_with_its_status() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII");
    let good = text(from_device(Method::Options, 1));
    let cases = [
        (good.replace("Call-ID: call\r\n", "Call-ID: \r\n"), 400),
        (good.replace("1 OPTIONS", "1 REGISTER"), 400),
        (good.replace("OPTIONS", "DANCE"), 501),
        (good.replace("Call-ID", "Require: 100rel\r\nCall-ID"), 420),
        (good.replace("SIP/2.0\r\nFrom", "SIP/3.0\r\nFrom"), 505),
    ];
    for (bad, status) in &cases {
        assert_ne!(*bad, good);
        device.send(bad.as_bytes()).await;
        assert_eq!(device.next_response().await.status, *status, "{bad}");
    }
    let counters = door.counters();
    assert_eq!((counters.invalid, counters.malformed, counters.sent), (4, 1, 5));
}

#[tokio::test]
async fn an_ack_that_cannot_be_served_is_left_alone() {
    let mut door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let ack = String::from_utf8(from_device(Method::Ack, 1)).expect("ASCII");
    device.send(ack.replace("Call-ID: call", "Call-ID:").as_bytes()).await;
    device.send(&from_device(Method::Options, 2)).await;
    door.serve(200).await;
    assert_eq!(cseq(&device.next_response().await), 2);
    assert_eq!(door.counters().invalid, 1);
}

#[tokio::test]
async fn a_socket_on_every_address_knows_which_one_a_device_sees() {
    let any = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
    let mut door = Door::open(Config { udp: any, tcp: None, ..config() });
    let gateway = SocketAddr::from(([127, 0, 0, 1], door.udp().port()));
    let device = Device::new(gateway).await;
    device.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    assert_eq!(peer, device.peer());
    assert_eq!(door.sip.address(&peer), gateway.to_string());
}

#[tokio::test]
async fn the_advertised_address_is_what_devices_are_told() {
    let advertise = Some("gateway.example:5062".to_owned());
    let door = Door::open(Config { advertise, ..config() });
    let device = Device::new(door.udp()).await;
    door.sip.send(device.peer(), to_device(Method::Options, 1)).await.expect("it runs");
    let request = device.next_request().await;
    let via = request.headers.via().expect("it was stamped");
    assert_eq!((via.host, via.port), ("gateway.example", Some(5062)));
    assert_eq!(door.sip.address(&device.peer()), "gateway.example:5062");
}

#[tokio::test]
async fn shutdown_ends_the_driver_and_tells_who_waits() {
    let door = Door::open(config());
    let device = Device::new(door.udp()).await;
    let waits = tokio::spawn({
        let (sip, peer) = (door.sip.clone(), device.peer());
        async move { sip.request(peer, to_device(Method::Message, 1)).await }
    });
    device.next_request().await;
    door.stop.send(()).expect("it runs");
    door.running.await.expect("no panic");
    assert!(matches!(waits.await.expect("no panic"), Err(Error::Closed)));
    let late = door.sip.request(device.peer(), to_device(Method::Message, 2)).await;
    assert!(matches!(late, Err(Error::Closed)));
}

#[tokio::test]
async fn the_driver_ends_with_the_last_handle() {
    let Door { sip, running, stop, .. } = Door::open(config());
    drop(sip);
    timeout(PATIENCE, running).await.expect("it ends").expect("no panic");
    drop(stop);
}

#[tokio::test]
async fn the_kernel_says_what_it_has_dropped() {
    let door = Door::open(config());
    assert_eq!(door.sip.kernel_drops(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let door = Door::open(config());
    let taken = door.udp();
    match bind(Config { udp: Some(taken), ..config() }) {
        Err(Error::Bind { address, .. }) => assert_eq!(address, taken),
        other => panic!("{other:?}"),
    }
}

/// Every gateway of the network would answer at once.
#[tokio::test]
async fn what_is_sent_to_everybody_is_not_answered() {
    let mut door = Door::open(Config { udp: Some(([0, 0, 0, 0], 0).into()), ..config() });
    let device = Device::new(([127, 0, 0, 1], door.udp().port()).into()).await;
    device.socket.set_broadcast(true).expect("a socket may");
    let everybody = SocketAddr::from(([127, 255, 255, 255], door.udp().port()));
    device.socket.send_to(&from_device(Method::Register, 1), everybody).await.expect("loopback takes it");
    device.send(&from_device(Method::Register, 2)).await;
    let (request, _) = door.serve(200).await;
    assert_eq!(request.headers.cseq().map(|cseq| cseq.number), Some(2));
    assert_eq!(cseq(&device.next_response().await), 2);
    assert_eq!(door.sip.kernel_drops(), Some(1), "it is counted");
}

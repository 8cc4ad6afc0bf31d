//! Connections.

use super::{super::core::ledger::Limits, *};

#[tokio::test]
async fn a_register_is_answered_on_its_connection() {
    let mut door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    assert!(peer.is_reliable());
    assert_eq!(caller.next_status().await, (200, 1));
}

#[tokio::test]
async fn a_request_of_ours_goes_out_on_the_device_s_connection() {
    let mut door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    caller.next_status().await;
    let answer = async {
        let Some(Message::Request(request)) = caller.next().await else { panic!("no request") };
        assert_eq!(request.headers.via().map(|via| via.transport), Some("TCP"));
        caller.send(&request.respond(200).to_bytes()).await;
    };
    let (response, ()) = tokio::join!(door.sip.request(peer, to_device(Method::Message, 1)), answer);
    assert_eq!(response.expect("it is answered").status, 200);
}

#[tokio::test]
async fn messages_in_one_segment_and_in_pieces_are_told_apart() {
    let mut door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    let bytes = [
        b"\r\n\r\n".to_vec(),
        from_device(Method::Message, 1),
        from_device(Method::Message, 2),
        b"\r\n\r\n".to_vec(),
        from_device(Method::Message, 3),
    ]
    .concat();
    let (segment, rest) = bytes.split_at(bytes.len() - 40);
    caller.send(segment).await;
    for number in 1..=2 {
        door.serve(200).await;
        assert_eq!(caller.next_status().await, (200, number));
    }
    caller.send(rest).await;
    door.serve(200).await;
    assert_eq!(caller.next_status().await, (200, 3));
}

#[tokio::test]
async fn what_cannot_be_framed_is_answered_and_ends_the_connection() {
    let mut door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    let message = String::from_utf8(from_device(Method::Message, 1)).expect("ASCII");
    caller.send(message.replace("Content-Length: 0", "Content-Length: x").as_bytes()).await;
    assert_eq!(caller.next_status().await, (400, 1));
    assert_eq!(caller.next().await, None);
    let mut another = Caller::new(door.tcp()).await;
    another.send(&from_device(Method::Message, 2)).await;
    door.serve(200).await;
    assert_eq!(another.next_status().await, (200, 2));
    let counters = door.counters();
    assert_eq!((counters.received, counters.malformed, counters.requests), (2, 1, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_fails_what_waits_for_it() {
    let mut door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    caller.next_status().await;
    let hang_up = async {
        caller.next().await;
        drop(caller);
    };
    let (answer, ()) = tokio::join!(door.sip.request(peer, to_device(Method::Message, 1)), hang_up);
    assert!(matches!(answer, Err(Error::Unreachable)));
    let late = door.sip.request(peer, to_device(Method::Message, 2)).await;
    assert!(matches!(late, Err(Error::Unreachable)));
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let mut door = Door::open(Config { idle_timeout: Duration::from_millis(20), ..config() });
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    door.next_request().await;
    assert_eq!(caller.next().await, None);
    door.closed("idle", 1).await;
}

/// Who sends a byte now and then would hold a connection for ever.
#[tokio::test]
async fn a_message_that_does_not_come_to_an_end_is_not_waited_for() {
    let mut door = Door::open(Config { message_timeout: Duration::from_millis(200), ..config() });
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    door.serve(200).await;
    caller.next_status().await;
    let mut sent = 0;
    for byte in from_device(Method::Register, 2).into_iter().cycle() {
        if caller.stream.write_all(&[byte]).await.is_err() || caller.stream.try_read(&mut [0; 1]).is_ok() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(sent < from_device(Method::Register, 2).len(), "it is cut off in the middle");
    door.closed("partial", 1).await;
}

#[tokio::test]
async fn a_device_that_reads_nothing_is_let_go() {
    let mut door = Door::open(Config { write_timeout: Duration::from_millis(100), ..config() });
    let mut caller = Caller::new(door.tcp()).await;
    caller.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    caller.next_status().await;
    let long = to_device(Method::Message, 1).with_body("text/plain", vec![b'x'; 60_000]);
    let closed = door.closed("unread", 1);
    let sending = async {
        loop {
            door.sip.send(peer, long.clone()).await.expect("it runs");
        }
    };
    tokio::select! {
        () = closed => {}
        () = sending => {}
    }
}

#[tokio::test]
async fn more_than_a_message_may_have_ends_the_connection() {
    let door = Door::open(config());
    let mut caller = Caller::new(door.tcp()).await;
    let long = String::from_utf8(from_device(Method::Message, 1)).expect("ASCII");
    caller.send(long.replace("Content-Length: 0", "Content-Length: 70000").as_bytes()).await;
    assert_eq!(caller.next_status().await, (513, 1));
    assert_eq!(caller.next().await, None);
    door.closed("oversized", 1).await;
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let mut door = Door::open(Config { max_connections_per_source: 2, ..config() });
    let (mut first, _second) = (Caller::new(door.tcp()).await, Caller::new(door.tcp()).await);
    first.send(&from_device(Method::Register, 1)).await;
    let (_, peer) = door.serve(200).await;
    first.next_status().await;
    assert_eq!(Caller::new(door.tcp()).await.next().await, None);
    door.closed("source", 1).await;
    let elsewhere = tokio::net::TcpSocket::new_v4().expect("a socket");
    elsewhere.bind(([127, 0, 0, 2], 0).into()).expect("loopback has many addresses");
    let stream = elsewhere.connect(door.tcp()).await.expect("it listens");
    let mut other = Caller { stream, decoder: framing::StreamDecoder::new() };
    other.send(&from_device(Method::Register, 2)).await;
    door.serve(200).await;
    assert_eq!(other.next_status().await, (200, 2));

    let hang_up = async {
        first.next().await;
        drop(first);
    };
    let (gone, ()) = tokio::join!(door.sip.request(peer, to_device(Method::Options, 1)), hang_up);
    assert!(matches!(gone, Err(Error::Unreachable)));
    let mut third = Caller::new(door.tcp()).await;
    third.send(&from_device(Method::Register, 3)).await;
    door.serve(200).await;
    assert_eq!(third.next_status().await, (200, 3), "its place is given on");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_its_place_given_on() {
    let mut door = Door::open(Config { max_connections: 1, ..config() });
    let mut first = Caller::new(door.tcp()).await;
    first.send(&from_device(Method::Options, 1)).await;
    let (_, peer) = door.serve(200).await;
    first.next_status().await;
    assert_eq!(Caller::new(door.tcp()).await.next().await, None);
    let hang_up = async {
        first.next().await;
        drop(first);
    };
    let (gone, ()) = tokio::join!(door.sip.request(peer, to_device(Method::Options, 1)), hang_up);
    assert!(matches!(gone, Err(Error::Unreachable)));
    let mut second = Caller::new(door.tcp()).await;
    second.send(&from_device(Method::Options, 2)).await;
    door.serve(200).await;
    assert_eq!(second.next_status().await, (200, 2));
}

#[tokio::test]
async fn without_tcp_nobody_is_reached_by_it() {
    let door = Door::open(Config { tcp: None, ..config() });
    assert_eq!(door.sip.tcp_addr(), None);
    let peer = Peer::tcp(super::super::core::ConnectionId(1), door.udp(), door.udp());
    let answer = door.sip.request(peer, to_device(Method::Message, 1)).await;
    assert!(matches!(answer, Err(Error::Unreachable)));
}

#[tokio::test]
async fn whoever_says_nothing_that_can_be_served_is_not_listened_to_by_tcp_either() {
    let limits = Limits { mistakes: 2, mistakes_per_sec: 0, ..Limits::default() };
    let mut door = Door::open(Config { limits, ..config() });
    let mut caller = Caller::new(door.tcp()).await;
    for number in 1..=3 {
        caller.send(&from_device(Method::Other("BREW".to_owned()), number)).await;
        assert_eq!(caller.next_status().await, (501, number));
    }
    caller.send(&from_device(Method::Register, 4)).await;
    assert_eq!(caller.next().await, None);
    assert_eq!(Caller::new(door.tcp()).await.next().await, None, "nor again");

    // Its datagrams may be another's who forged them, and so the other way round.
    let device = Device::new(door.udp()).await;
    device.send(&from_device(Method::Register, 5)).await;
    door.serve(200).await;
    assert_eq!(device.next_response().await.status, 200);
    assert!(door.sip.drops().messages().contains(&("debt", 2)));
}

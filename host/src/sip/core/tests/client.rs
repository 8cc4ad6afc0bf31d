//! Requests of ours: RFC 3261 §17.1, §9.1, §13.2.2.4 and RFC 6026 §7.2.

use super::{super::ClientId, *};

fn invited() -> (Agent, ClientId, Request) {
    sent(Method::Invite, device())
}

fn sent(method: Method, peer: Peer) -> (Agent, ClientId, Request) {
    let mut agent = Agent::new();
    let id = agent.endpoint.request(agent.now, peer, request(method)).expect("there is room");
    let request = agent.last_request();
    (agent, id, request)
}

/// The INVITE's 2xx has come and is acknowledged.
fn accepted() -> (Agent, ClientId, Request) {
    let (mut agent, id, invite) = invited();
    agent.hear(answer(&invite, 200));
    let ack = Dialog::from_answer(&invite, &invite.respond(200), device()).ack();
    assert!(agent.endpoint.acknowledge(id, ack));
    assert_eq!(agent.told(), [(0.0, "answer 200".to_owned())]);
    assert_eq!(agent.requests().last(), Some(&(0.0, "ACK".to_owned())));
    (agent, id, invite)
}

#[test]
fn timer_a_repeats_an_invite_in_doubling_intervals() {
    let (mut agent, _, _) = invited();
    agent.sleep(40.0);
    assert_eq!(agent.requests(), each(&[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5], "INVITE".to_owned()));
}

#[test]
fn timer_a_stops_at_the_first_answer() {
    let (mut agent, _, invite) = invited();
    agent.sleep(1.0);
    agent.hear(answer(&invite, 100));
    agent.sleep(100.0);
    assert_eq!(agent.requests(), each(&[0.0, 0.5], "INVITE".to_owned()));
}

#[test]
fn timer_a_does_not_run_on_a_connection() {
    let (mut agent, _, _) = sent(Method::Invite, device_on_tcp());
    agent.sleep(40.0);
    assert_eq!(agent.requests(), each(&[0.0], "INVITE".to_owned()));
    assert_eq!(agent.told(), each(&[32.0], "timeout".to_owned()));
}

#[test]
fn timer_b_ends_an_invite_that_nobody_answers() {
    let (mut agent, _, _) = invited();
    agent.sleep(40.0);
    assert_eq!(agent.told(), each(&[32.0], "timeout".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn timer_c_cancels_an_invite_that_never_comes_to_an_end() {
    let (mut agent, _, invite) = invited();
    agent.hear(answer(&invite, 100));
    agent.sleep(100.0);
    agent.hear(answer(&invite, 180));
    assert_eq!(agent.told(), [(0.0, "answer 100".to_owned()), (100.0, "answer 180".to_owned())]);
    agent.requests();
    agent.sleep(300.0);
    assert_eq!(agent.requests()[0], (281.0, "CANCEL".to_owned()));
    assert_eq!(agent.told(), each(&[313.0], "timeout".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

/// Each provisional answer put one more Timer C into the queue, where it stayed for three minutes: a device that
/// says 180 without end took more and more memory.
#[test]
fn timer_c_waits_in_the_queue_a_few_times_only() {
    let (mut agent, _, invite) = invited();
    for _ in 0..1000 {
        agent.sleep(0.001);
        agent.hear(answer(&invite, 180));
    }
    agent.hear(answer(&invite, 486));
    assert!(agent.wakes() < 10);
}

#[test]
fn timer_d_acknowledges_a_repeated_refusal_for_32_s() {
    let (mut agent, _, invite) = invited();
    agent.hear(answer(&invite, 486));
    agent.sleep(31.9);
    agent.hear(answer(&invite, 486));
    agent.sleep(0.1);
    agent.hear(answer(&invite, 486));
    let expected = [(0.0, "INVITE".to_owned()), (0.0, "ACK".to_owned()), (31.9, "ACK".to_owned())];
    assert_eq!(agent.requests(), expected);
    assert_eq!(agent.told(), each(&[0.0], "answer 486".to_owned()));
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().stray), (0, 1));
}

#[test]
fn timer_d_is_zero_on_a_connection() {
    let (mut agent, _, invite) = sent(Method::Invite, device_on_tcp());
    agent.hear_from(device_on_tcp(), answer(&invite, 486));
    assert_eq!(agent.requests(), [(0.0, "INVITE".to_owned()), (0.0, "ACK".to_owned())]);
    assert_eq!(agent.told(), each(&[0.0], "answer 486".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn the_ack_to_a_refusal_belongs_to_its_invite() {
    let (mut agent, _, invite) = invited();
    agent.hear(answer(&invite, 486));
    let ack = agent.last_request();
    let expected = Request::new(Method::Ack, invite.uri.as_str())
        .with("Via", invite.headers.get("Via").expect("it was stamped"))
        .with("Max-Forwards", "70")
        .with("From", invite.headers.get("From").expect("it has one"))
        .with("To", invite.respond(486).headers.get("To").expect("it has one"))
        .with("Call-ID", "call")
        .with("CSeq", "1 ACK");
    assert_eq!(ack, expected);
}

#[test]
fn timer_e_repeats_a_request_in_intervals_up_to_t2() {
    let (mut agent, _, _) = sent(Method::Message, device());
    agent.sleep(40.0);
    let times = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(agent.requests(), each(&times, "MESSAGE".to_owned()));
}

#[test]
fn timer_e_runs_slowly_once_there_is_a_provisional_answer() {
    let (mut agent, _, message) = sent(Method::Message, device());
    agent.sleep(0.25);
    agent.hear(answer(&message, 100));
    agent.sleep(40.0);
    let times = [0.0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5];
    assert_eq!(agent.requests(), each(&times, "MESSAGE".to_owned()));
    assert_eq!(agent.told(), [(0.25, "answer 100".to_owned()), (32.0, "timeout".to_owned())]);
}

#[test]
fn timer_f_ends_a_request_that_nobody_answers() {
    for peer in [device(), device_on_tcp()] {
        let (mut agent, _, _) = sent(Method::Message, peer);
        agent.sleep(40.0);
        assert_eq!(agent.told(), each(&[32.0], "timeout".to_owned()));
        assert_eq!(agent.endpoint.pending(), 0);
    }
}

#[test]
fn timer_k_absorbs_repeated_answers_for_5_s() {
    let (mut agent, _, message) = sent(Method::Message, device());
    agent.hear(answer(&message, 200));
    agent.sleep(4.9);
    agent.hear(answer(&message, 200));
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().absorbed), (1, 1));
    agent.sleep(0.1);
    agent.hear(answer(&message, 200));
    assert_eq!(agent.told(), each(&[0.0], "answer 200".to_owned()));
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().stray), (0, 1));
}

#[test]
fn timer_k_is_zero_on_a_connection() {
    let (mut agent, _, message) = sent(Method::Message, device_on_tcp());
    agent.hear_from(device_on_tcp(), answer(&message, 200));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn timer_m_acknowledges_a_repeated_2xx_for_32_s() {
    let (mut agent, _, invite) = accepted();
    agent.sleep(31.9);
    agent.hear(answer(&invite, 200));
    assert_eq!(agent.requests(), each(&[31.9], "ACK".to_owned()));
    assert_eq!(agent.told(), []);
    agent.sleep(0.1);
    agent.hear(answer(&invite, 200));
    assert_eq!(agent.requests(), []);
    assert_eq!(agent.told(), each(&[32.0], "stray 200".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn a_2xx_without_its_ack_is_told_again() {
    let (mut agent, _, invite) = invited();
    agent.hear(answer(&invite, 200));
    agent.sleep(0.5);
    agent.hear(answer(&invite, 200));
    assert_eq!(agent.told(), each(&[0.0, 0.5], "answer 200".to_owned()));
}

#[test]
fn a_second_answer_from_a_fork_is_a_stray() {
    let (mut agent, _, invite) = accepted();
    let mut fork = invite.respond(200);
    fork.headers.set("To", "<sip:34020000001320000001@3402000000>;tag=fork");
    agent.hear(Message::Response(fork));
    assert_eq!(agent.told(), each(&[0.0], "stray 200".to_owned()));
    assert_eq!(agent.requests(), []);
}

#[test]
fn the_ack_goes_to_where_the_2xx_came_from() {
    let (mut agent, id, invite) = invited();
    let moved = Peer::udp(([192, 0, 2, 2], 9_999).into(), device().local);
    agent.hear_from(moved, answer(&invite, 200));
    agent.endpoint.acknowledge(id, request(Method::Ack));
    assert_eq!(agent.endpoint.poll_transmit().map(|transmit| transmit.peer), Some(moved));
}

#[test]
fn cancel_waits_for_a_provisional_answer() {
    let (mut agent, id, invite) = invited();
    agent.endpoint.cancel(agent.now, id);
    agent.sleep(1.0);
    assert_eq!(agent.requests(), each(&[0.0, 0.5], "INVITE".to_owned()));
    agent.hear(answer(&invite, 100));
    assert_eq!(agent.requests(), each(&[1.0], "CANCEL".to_owned()));
    assert_eq!(agent.told(), each(&[1.0], "answer 100".to_owned()));
}

#[test]
fn a_cancel_is_the_invite_s_twin() {
    let (mut agent, id, invite) = invited();
    agent.hear(answer(&invite, 180));
    agent.endpoint.cancel(agent.now, id);
    let cancel = agent.last_request();
    let mut expected = invite;
    expected.method = Method::Cancel;
    expected.headers.set("CSeq", "1 CANCEL");
    assert_eq!(cancel.to_bytes(), expected.to_bytes());
}

#[test]
fn a_cancelled_invite_ends_with_487() {
    let (mut agent, id, invite) = invited();
    agent.hear(answer(&invite, 180));
    agent.endpoint.cancel(agent.now, id);
    let cancel = agent.last_request();
    agent.hear(answer(&cancel, 200));
    agent.hear(answer(&invite, 487));
    assert_eq!(agent.told(), [(0.0, "answer 180".to_owned()), (0.0, "answer 487".to_owned())]);
    agent.sleep(40.0);
    assert_eq!(agent.told(), []);
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn a_cancelled_invite_that_is_accepted_all_the_same_is_told() {
    let (mut agent, id, invite) = invited();
    agent.hear(answer(&invite, 180));
    agent.endpoint.cancel(agent.now, id);
    agent.hear(answer(&invite, 200));
    assert_eq!(agent.told(), [(0.0, "answer 180".to_owned()), (0.0, "answer 200".to_owned())]);
    assert!(agent.endpoint.acknowledge(id, request(Method::Ack)));
}

#[test]
fn a_cancelled_invite_that_nobody_ends_times_out() {
    let (mut agent, id, invite) = invited();
    agent.hear(answer(&invite, 180));
    agent.endpoint.cancel(agent.now, id);
    agent.told();
    agent.sleep(40.0);
    assert_eq!(agent.told(), each(&[32.0], "timeout".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn a_broken_connection_fails_what_waits_for_it_and_nothing_else() {
    let mut agent = Agent::new();
    let mut ids = [Method::Message, Method::Invite].map(|method| {
        agent.endpoint.request(agent.now, device_on_tcp(), request(method)).expect("there is room")
    });
    let other = Peer::tcp(ConnectionId(2), device().remote, device().local);
    for peer in [other, device()] {
        agent.endpoint.request(agent.now, peer, request(Method::Message)).expect("there is room");
    }
    agent.endpoint.handle_transport_error(agent.now, device_on_tcp());
    agent.collect();
    let failed = agent.events.iter().map(|(_, event)| match event {
        Event::TransportFailed { id } => *id,
        other => panic!("{other:?}"),
    });
    ids.sort();
    assert_eq!(failed.collect::<Vec<_>>(), ids);
    assert_eq!(agent.endpoint.pending(), 2);
}

#[test]
fn an_answer_that_we_did_not_ask_for_is_no_stray_2xx() {
    let mut agent = Agent::new();
    let invite = from_device(Method::Invite);
    agent.hear(answer(&invite, 200));
    assert_eq!(agent.told(), []);
    assert_eq!(agent.endpoint.counts().stray, 1);
}

#[test]
fn a_full_table_takes_no_request() {
    let mut agent = Agent::with(Config { max_pending: 1, ..Config::default() });
    let mut ask = || agent.endpoint.request(agent.now, device(), request(Method::Message)).is_ok();
    assert_eq!([ask(), ask()], [true, false]);
}

#[test]
fn via_names_the_transport_and_the_address_that_the_device_knows() {
    let via = |config: Config, peer| {
        let mut agent = Agent::with(config);
        agent.endpoint.send(peer, request(Method::Options));
        let request = agent.last_request();
        let via = request.headers.get("Via").expect("it is stamped");
        via.split(";branch=z9hG4bK").next().map(str::to_owned)
    };
    let advertised = Config { advertise: Some("gateway.example:5062".to_owned()), ..Config::default() };
    assert_eq!(via(Config::default(), device()).as_deref(), Some("SIP/2.0/UDP 192.0.2.1:5060;rport"));
    assert_eq!(via(Config::default(), device_on_tcp()).as_deref(), Some("SIP/2.0/TCP 192.0.2.1:5060;rport"));
    assert_eq!(via(advertised, device()).as_deref(), Some("SIP/2.0/UDP gateway.example:5062;rport"));
}

/// The gateway was killed while a device rang: its INVITE goes on where it was, and what was answered meanwhile is
/// heard. Before, the 2xx was nobody's, and the camera sent for as long as it liked.
#[test]
fn an_invite_of_an_earlier_run_goes_on_with_its_branch() {
    let mut earlier = Agent::new();
    let sent = earlier.endpoint.stamp(device(), request(Method::Invite));
    let mut agent = Agent::new();
    let stray = answer(&sent, 200);
    agent.hear(stray.clone());
    assert_eq!((agent.told(), agent.endpoint.counts().stray), (vec![], 1));

    let id = agent.endpoint.request(agent.now, device(), sent.clone()).expect("there is room");
    assert_eq!(agent.last_request(), sent, "the same INVITE again");
    agent.endpoint.cancel(agent.now, id);
    agent.hear(answer(&sent, 100));
    assert_eq!(agent.last_request().headers.get("Via"), sent.headers.get("Via"), "CANCEL has its branch");
    agent.hear(stray);
    let told = agent.told();
    assert_eq!(told.last(), Some(&(0.0, "answer 200".to_owned())), "{told:?}");
    assert!(agent.endpoint.acknowledge(id, request(Method::Ack)));
}

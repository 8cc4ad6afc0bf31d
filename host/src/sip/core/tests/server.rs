//! Requests of devices: RFC 3261 §17.2, §9.2, §13.3.1.4 and RFC 6026 §7.1.

use super::{super::ServerId, *};

fn hear(method: Method) -> (Agent, ServerId, Request) {
    let mut agent = Agent::new();
    let (id, request) = take(&mut agent, device(), from_device(method));
    (agent, id, request)
}

fn take(agent: &mut Agent, peer: Peer, request: Request) -> (ServerId, Request) {
    agent.hear_from(peer, Message::Request(request));
    match agent.events.pop() {
        Some((_, Event::Request { id, request, .. })) => (id, request),
        other => panic!("{other:?}"),
    }
}

/// The device sends the same again.
fn repeat(agent: &mut Agent, method: Method) {
    agent.hear(Message::Request(from_device(method)));
}

impl Agent {
    fn respond(&mut self, id: ServerId, response: &Response) -> bool {
        self.endpoint.respond(self.now, id, response)
    }
}

#[test]
fn a_repeated_request_reaches_the_user_once() {
    let (mut agent, id, message) = hear(Method::Message);
    repeat(&mut agent, Method::Message);
    assert_eq!((agent.told(), agent.statuses()), (vec![], vec![]));
    agent.respond(id, &message.respond(200));
    repeat(&mut agent, Method::Message);
    repeat(&mut agent, Method::Message);
    assert_eq!(agent.statuses(), each(&[0.0; 3], 200));
    assert_eq!(agent.told(), []);
    assert_eq!(agent.endpoint.counts().absorbed, 3);
}

#[test]
fn a_repeated_request_gets_the_last_provisional_answer() {
    for method in [Method::Invite, Method::Message] {
        let (mut agent, id, request) = hear(method.clone());
        agent.respond(id, &request.respond(100));
        repeat(&mut agent, method);
        assert_eq!(agent.statuses(), each(&[0.0; 2], 100));
    }
}

#[test]
fn an_answer_goes_to_where_the_repetition_came_from() {
    let (mut agent, id, message) = hear(Method::Message);
    let moved = Peer::udp(([192, 0, 2, 2], 9_999).into(), device().local);
    agent.hear_from(moved, Message::Request(from_device(Method::Message)));
    agent.respond(id, &message.respond(200));
    assert_eq!(agent.endpoint.poll_transmit().map(|transmit| transmit.peer), Some(moved));
}

#[test]
fn one_branch_with_a_new_cseq_is_a_new_request() {
    let (mut agent, id, register) = hear(Method::Register);
    agent.respond(id, &register.respond(401));
    let mut second = from_device(Method::Register);
    second.headers.set("CSeq", "2 REGISTER");
    let (second_id, _) = take(&mut agent, device(), second);
    assert_ne!(id, second_id);
}

#[test]
fn a_request_has_its_source_noted() {
    let (_, _, request) = hear(Method::Register);
    let via = request.headers.get("Via");
    assert_eq!(via, Some("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1;received=192.0.2.2;rport=5060"));
}

#[test]
fn only_one_final_answer_counts() {
    let (mut agent, id, request) = hear(Method::Message);
    assert!(agent.respond(id, &request.respond(200)));
    assert!(!agent.respond(id, &request.respond(403)));
    assert_eq!(agent.statuses(), each(&[0.0], 200));
}

#[test]
fn timer_g_repeats_a_refusal_in_intervals_up_to_t2() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(486));
    agent.sleep(40.0);
    let times = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(agent.statuses(), each(&times, 486));
}

#[test]
fn timer_g_does_not_run_on_a_connection() {
    let mut agent = Agent::new();
    let (id, invite) = take(&mut agent, device_on_tcp(), from_device(Method::Invite));
    agent.respond(id, &invite.respond(486));
    agent.sleep(40.0);
    assert_eq!(agent.statuses(), each(&[0.0], 486));
    assert_eq!(agent.told(), each(&[32.0], "unacknowledged".to_owned()));
}

#[test]
fn timer_h_ends_a_refusal_that_nobody_acknowledges() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(486));
    agent.sleep(40.0);
    assert_eq!(agent.told(), each(&[32.0], "unacknowledged".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn timer_i_absorbs_repeated_acks_to_a_refusal_for_5_s() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(486));
    repeat(&mut agent, Method::Ack);
    agent.sleep(4.9);
    repeat(&mut agent, Method::Ack);
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().absorbed), (1, 1));
    agent.sleep(0.1);
    repeat(&mut agent, Method::Ack);
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().stray), (0, 1));
    assert_eq!(agent.statuses(), each(&[0.0], 486));
    assert_eq!(agent.told(), []);
}

#[test]
fn timer_i_is_zero_on_a_connection() {
    let mut agent = Agent::new();
    let (id, invite) = take(&mut agent, device_on_tcp(), from_device(Method::Invite));
    agent.respond(id, &invite.respond(486));
    agent.hear_from(device_on_tcp(), Message::Request(from_device(Method::Ack)));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn timer_j_answers_a_repeated_request_for_32_s() {
    let (mut agent, id, message) = hear(Method::Message);
    agent.respond(id, &message.respond(200));
    agent.sleep(31.9);
    repeat(&mut agent, Method::Message);
    assert_eq!(agent.statuses(), each(&[0.0, 31.9], 200));
    agent.sleep(0.1);
    repeat(&mut agent, Method::Message);
    assert_eq!(agent.told(), each(&[32.0], "request MESSAGE".to_owned()));
    assert_eq!((agent.endpoint.pending(), agent.endpoint.answered()), (1, 0));
}

#[test]
fn timer_j_is_zero_on_a_connection() {
    let mut agent = Agent::new();
    let (id, message) = take(&mut agent, device_on_tcp(), from_device(Method::Message));
    agent.respond(id, &message.respond(200));
    assert_eq!((agent.endpoint.pending(), agent.endpoint.answered()), (0, 0));
}

#[test]
fn a_request_that_we_never_answer_is_forgotten() {
    let (mut agent, id, message) = hear(Method::Message);
    agent.sleep(32.0);
    assert!(!agent.respond(id, &message.respond(200)));
    assert_eq!((agent.endpoint.pending(), agent.statuses()), (0, vec![]));
    assert_eq!(agent.endpoint.counts().unanswered, 1);
}

/// The timer of each INVITE stayed in the queue for three minutes though the INVITE was long over: INVITEs that are
/// acknowledged at once took memory for many more than may be pending.
#[test]
fn an_invite_that_is_over_waits_for_nothing() {
    let mut agent = Agent::new();
    for number in 0..100 {
        let mut invite = from_device(Method::Invite);
        invite.headers.set("CSeq", &format!("{number} INVITE"));
        let (id, request) = take(&mut agent, device(), invite.clone());
        agent.respond(id, &request.respond(486));
        agent.sleep(0.001);
        agent.hear(Message::Request(Request { method: Method::Ack, ..invite }));
    }
    agent.sleep(40.0);
    assert_eq!((agent.endpoint.pending(), agent.endpoint.poll_timeout()), (0, None));
}

#[test]
fn an_invite_that_we_never_answer_is_forgotten_after_three_minutes() {
    let (mut agent, _, _) = hear(Method::Invite);
    agent.sleep(180.9);
    assert_eq!(agent.endpoint.pending(), 1);
    agent.sleep(0.1);
    assert_eq!((agent.endpoint.pending(), agent.endpoint.counts().unanswered), (0, 1));
}

#[test]
fn a_2xx_is_repeated_until_its_ack_even_on_a_connection() {
    for peer in [device(), device_on_tcp()] {
        let mut agent = Agent::new();
        let (id, invite) = take(&mut agent, peer, from_device(Method::Invite));
        agent.respond(id, &invite.respond(200));
        agent.sleep(8.0);
        let mut ack = from_device(Method::Ack);
        ack.headers.set("Via", "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2");
        agent.hear_from(peer, Message::Request(ack.clone()));
        agent.hear_from(peer, Message::Request(ack));
        agent.sleep(100.0);
        assert_eq!(agent.statuses(), each(&[0.0, 0.5, 1.5, 3.5, 7.5], 200));
        assert_eq!(agent.told(), each(&[8.0], "ack".to_owned()));
        assert_eq!(agent.endpoint.pending(), 0);
    }
}

#[test]
fn an_ack_to_a_2xx_with_the_invite_s_branch_is_taken() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(200));
    repeat(&mut agent, Method::Ack);
    assert_eq!(agent.told(), each(&[0.0], "ack".to_owned()));
}

#[test]
fn timer_l_ends_a_2xx_that_nobody_acknowledges() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(200));
    agent.sleep(40.0);
    let times = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(agent.statuses(), each(&times, 200));
    assert_eq!(agent.told(), each(&[32.0], "unacknowledged".to_owned()));
    assert_eq!(agent.endpoint.pending(), 0);
}

#[test]
fn timer_l_absorbs_a_repeated_invite_after_its_2xx() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(200));
    repeat(&mut agent, Method::Ack);
    agent.sleep(31.9);
    repeat(&mut agent, Method::Invite);
    assert_eq!(agent.told(), each(&[0.0], "ack".to_owned()));
    assert_eq!(agent.statuses(), each(&[0.0], 200));
}

#[test]
fn a_cancel_is_answered_200_and_its_invite_487() {
    let (mut agent, id, invite) = hear(Method::Invite);
    let mut cancel = from_device(Method::Cancel);
    cancel.headers.set("CSeq", "1 CANCEL");
    agent.hear(Message::Request(cancel.clone()));
    agent.collect();
    let to = |index: usize| agent.answered[index].1.headers.to_tag().map(str::to_owned);
    assert!(to(0).is_some());
    assert_eq!(to(0), to(1));
    assert_eq!(agent.statuses(), [(0.0, 487), (0.0, 200)]);
    assert_eq!(agent.told(), each(&[0.0], "cancelled".to_owned()));
    assert!(!agent.respond(id, &invite.respond(200)));
    agent.hear(Message::Request(cancel));
    repeat(&mut agent, Method::Ack);
    agent.sleep(40.0);
    assert_eq!(agent.statuses(), each(&[0.0], 200));
    assert_eq!((agent.told(), agent.endpoint.pending()), (vec![], 0));
}

#[test]
fn a_cancel_that_comes_after_the_2xx_changes_nothing() {
    let (mut agent, id, invite) = hear(Method::Invite);
    agent.respond(id, &invite.respond(200));
    repeat(&mut agent, Method::Cancel);
    assert_eq!(agent.statuses(), [(0.0, 200), (0.0, 200)]);
    repeat(&mut agent, Method::Ack);
    assert_eq!(agent.told(), each(&[0.0], "ack".to_owned()));
}

#[test]
fn a_cancel_of_nothing_is_answered_481() {
    let mut agent = Agent::new();
    repeat(&mut agent, Method::Cancel);
    assert_eq!(agent.statuses(), each(&[0.0], 481));
}

#[test]
fn an_ack_to_nothing_is_left_alone() {
    let mut agent = Agent::new();
    repeat(&mut agent, Method::Ack);
    assert_eq!((agent.statuses(), agent.told()), (vec![], vec![]));
    assert_eq!(agent.endpoint.counts().stray, 1);
}

#[test]
fn a_full_table_answers_503() {
    let mut agent = Agent::with(Config { max_pending: 1, ..Config::default() });
    let (id, first) = take(&mut agent, device(), from_device(Method::Message));
    repeat(&mut agent, Method::Options);
    agent.collect();
    assert_eq!(agent.answered[0].1.headers.get("Retry-After"), Some("5"));
    assert_eq!(agent.statuses(), each(&[0.0], 503));
    assert_eq!((agent.told(), agent.endpoint.counts().refused), (vec![], 1));
    agent.respond(id, &first.respond(200));
    repeat(&mut agent, Method::Options);
    assert_eq!(agent.told(), each(&[0.0], "request OPTIONS".to_owned()));
}

#[test]
fn what_was_answered_longest_ago_is_forgotten_first() {
    let mut agent = Agent::with(Config { max_answered: 2, ..Config::default() });
    let numbered = |number: usize| {
        let mut request = from_device(Method::Message);
        request.headers.set("CSeq", &format!("{number} MESSAGE"));
        request
    };
    for number in 0..3 {
        let (id, request) = take(&mut agent, device(), numbered(number));
        agent.respond(id, &request.respond(200));
    }
    assert_eq!((agent.endpoint.answered(), agent.endpoint.counts().forgotten), (2, 1));
    for number in [2, 1, 0] {
        agent.hear(Message::Request(numbered(number)));
    }
    assert_eq!(agent.statuses(), each(&[0.0; 5], 200));
    assert_eq!(agent.told(), each(&[0.0], "request MESSAGE".to_owned()));
}

//! No datagram is answered with more than twice its length, whatever it asks.

use super::*;

/// A request as it comes from the wire, with its length known.
fn read(bytes: &str) -> Request {
    match framing::datagram(bytes.as_bytes()) {
        Framed::Message(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

/// The shortest request that can be served.
fn shortest(method: &str, branch: &str) -> String {
    format!(
        "{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\nf:<sip:a@b>\r\nt:<sip:c@d>\r\ni:1\r\n\
         CSeq:1 {method}\r\n\r\n"
    )
}

/// Bytes sent since the last call.
fn sent(agent: &mut Agent) -> usize {
    agent.collect();
    let bytes = agent.answered.drain(..).map(|(_, response)| response.to_bytes().len());
    bytes.sum()
}

fn answer(agent: &mut Agent, response: impl Fn(&Request) -> Response) {
    agent.collect();
    for (_, event) in std::mem::take(&mut agent.events) {
        if let Event::Request { id, request, .. } = event {
            agent.endpoint.respond(agent.now, id, &response(&request));
        }
    }
}

#[test]
fn no_refusal_is_more_than_twice_as_long() {
    let long = "x".repeat(1_000);
    for method in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "BYE", "CANCEL", "INFO", "NOTIFY"] {
        let mut agent = Agent::new();
        let bytes = shortest(method, "1");
        agent.hear(Message::Request(read(&bytes)));
        answer(&mut agent, |request| request.respond(401).with("WWW-Authenticate", &long));
        let length = sent(&mut agent);
        assert!(length <= 2 * bytes.len(), "{method}: {length} for {}", bytes.len());
        agent.hear(Message::Request(read(&bytes)));
        assert!(sent(&mut agent) <= 2 * bytes.len(), "{method}, repeated");
    }
}

#[test]
fn a_usual_refusal_goes_out() {
    let mut agent = Agent::new();
    let bytes = shortest("REGISTER", "1");
    agent.hear(Message::Request(read(&bytes)));
    answer(&mut agent, |request| request.respond(403));
    assert_eq!(agent.statuses(), [(0.0, 403)]);
    assert_eq!(agent.endpoint.counts().withheld, 0);
}

/// The answer that is kept may be longer than what asks for it the second time.
#[test]
fn a_repetition_that_was_cut_short_does_not_get_the_long_answer() {
    let mut agent = Agent::new();
    let short = shortest("REGISTER", "1");
    let long = short.replace("CSeq", &format!("Subject: {}\r\nCSeq", "x".repeat(500)));
    agent.hear(Message::Request(read(&long)));
    answer(&mut agent, |request| request.respond(401).with("WWW-Authenticate", "x".repeat(400)));
    assert!(sent(&mut agent) > 2 * short.len());
    agent.hear(Message::Request(read(&short)));
    assert_eq!((sent(&mut agent), agent.endpoint.counts().withheld), (0, 1));
    agent.hear(Message::Request(read(&long)));
    assert_eq!(agent.statuses().len(), 1);
}

/// Over a connection nobody's address is forged.
#[test]
fn an_answer_over_a_connection_may_be_long() {
    let mut agent = Agent::new();
    agent.hear_from(device_on_tcp(), Message::Request(read(&shortest("REGISTER", "1"))));
    answer(&mut agent, |request| request.respond(401).with("WWW-Authenticate", "x".repeat(1_000)));
    assert_eq!(agent.statuses(), [(0.0, 401)]);
}

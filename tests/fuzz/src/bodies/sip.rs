//! One datagram, read, judged and answered.

use sluice::sip::core::{
    Message, Method, Request, Response,
    framing::{self, Framed},
    message::Fault,
    validate,
};

/// What is read and written is read the same again; every answer is a message, says what was asked, and is not
/// much larger.
pub fn run(bytes: &[u8]) {
    match framing::datagram(bytes) {
        Framed::KeepAlive => {}
        Framed::Message(message) => {
            survives_writing(&message, bytes.len());
            explains_itself(&message);
            match message {
                Message::Request(request) => is_answered(request, bytes.len()),
                Message::Response(response) => drop(validate::response(&response)),
            }
        }
        Framed::Refused(error) => {
            if let Some(reply) = error.reply {
                assert_eq!(reply.status, error.fault.status());
                is_small(&reply, bytes.len());
            }
        }
    }
}

/// Written as UTF-8 with long names, a message may be too large that was not before.
fn survives_writing(message: &Message, before: usize) {
    let written = message.to_bytes();
    match Message::parse(&written) {
        Err(error) if error.fault == Fault::TooLarge => assert!(written.len() > before),
        read => assert_eq!(read.as_ref(), Ok(message)),
    }
}

/// Whatever a header says can be asked.
fn explains_itself(message: &Message) {
    let headers = message.headers();
    let _ =
        (headers.call_id(), headers.cseq(), headers.from_user(), headers.to_user(), headers.max_forwards());
    let _ = (headers.contact_uri(), headers.expires(), headers.authorization());
    let _ = (headers.from_tag(), headers.to_tag(), headers.user_agent(), headers.content_type());
}

/// A request is answered with its flaw, or is served; a valid one has a valid answer.
fn is_answered(mut request: Request, asked: usize) {
    let source = "[2001:db8::1]:5060".parse().expect("an address");
    let flaw = validate::request(&request).err();
    let symmetric = request.headers.via().is_some_and(|via| via.parameter("rport").is_some());
    request.note_source(source);
    let answer = flaw.as_ref().map_or_else(|| request.respond(200), |flaw| flaw.respond(&request));
    is_small(&answer, asked);
    if flaw.is_none() {
        assert_eq!(validate::response(&answer), Ok(()));
        let via = answer.headers.via().expect("a valid request has one");
        assert_eq!(via.parameter("received"), Some("2001:db8::1"));
        assert_eq!(via.parameter("rport"), symmetric.then_some("5060"));
        assert_eq!(answer.headers.cseq(), request.headers.cseq());
        assert!(answer.headers.to_tag().is_some() || request.method == Method::Ack);
    }
}

/// An answer repeats five fields at most: in UTF-8, in which a byte may take three, and with our tag and the
/// source.
fn is_small(answer: &Response, asked: usize) {
    let written = answer.to_bytes();
    assert!(written.len() <= 3 * asked + 256, "{} bytes answer {asked}", written.len());
    if written.len() <= framing_limit(asked) {
        assert_eq!(Message::parse(&written), Ok(Message::Response(answer.clone())));
    }
}

/// Below it nothing that was read within the limits is too large when it is written.
fn framing_limit(asked: usize) -> usize {
    asked.max(sluice::sip::core::message::MAX_LINE)
}

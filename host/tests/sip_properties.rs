//! What holds for every SIP message that can be made; `fuzz.rs` has what holds for bytes that may be none.

use std::{
    collections::HashSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use proptest::{collection::vec, prelude::*};
use sluice::sip::core::{
    digest::{self, Algorithm, Auth, Credentials, DigestInput},
    framing::{Framed, StreamDecoder},
    message::{MAX_LINE, MAX_MESSAGE, Message, Method, Request, Response},
    nonce::{NonceKeeper, RANDOM},
    uri::{Address, Uri},
    via::Via,
};

/// A value as it may stand in a header: no line breaks, no blanks around it.
fn value() -> impl Strategy<Value = String> {
    "[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]{0,30}[^\\x00-\\x20\\x7f])?"
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof!["Via", "f", "To", "Call-ID", "cseq", "X-[A-Za-z]{1,9}"];
    vec((name, value()), 0..20)
}

fn message() -> impl Strategy<Value = Message> {
    let start = prop_oneof![
        ("[A-Z]{1,12}", "sip:[!-~]{1,30}").prop_map(|(method, uri)| {
            let Ok(method) = method.parse::<Method>();
            Message::Request(Request::new(method, uri))
        }),
        (100..700u16).prop_map(|status| Message::Response(Response::new(status))),
    ];
    (start, fields(), vec(any::<u8>(), 0..300)).prop_map(|(mut message, fields, bytes)| {
        let (headers, body) = match &mut message {
            Message::Request(request) => (&mut request.headers, &mut request.body),
            Message::Response(response) => (&mut response.headers, &mut response.body),
        };
        fields.iter().for_each(|(name, value)| headers.push(name, value));
        *body = bytes;
        message
    })
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
fn start() -> Instant {
    Instant::now()
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(message in message()) {
        prop_assert_eq!(Message::parse(&message.to_bytes()), Ok(message));
    }

    #[test]
    fn a_stream_of_messages_comes_out_as_it_went_in(
        messages in vec(message(), 1..5),
        size in 1..400usize,
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| [message.to_bytes(), b"jaK\0\r\n".to_vec()]).flatten().collect();
        let mut decoder = StreamDecoder::new();
        let mut read = Vec::new();
        for piece in bytes.chunks(size) {
            decoder.push(piece);
            while let Some(framed) = decoder.next_message().expect("a whole stream") {
                read.push(framed);
            }
        }
        prop_assert!(decoder.is_idle());
        prop_assert_eq!(read, messages.into_iter().map(Framed::Message).collect::<Vec<_>>());
    }

    #[test]
    fn an_endless_head_or_rest_is_given_up(byte in b'!'..=b'~', size in 1..5000usize) {
        let mut decoder = StreamDecoder::new();
        let pieces = MAX_MESSAGE.div_ceil(size) + MAX_LINE.div_ceil(size) + 2;
        let ended = (0..pieces).any(|_| {
            decoder.push(&vec![byte; size]);
            decoder.next_message().is_err()
        });
        prop_assert!(ended);
    }

    #[test]
    fn addresses_and_vias_break_on_nothing(text in "\\PC*") {
        let _ = (Uri::parse(&text), Credentials::parse(&format!("Digest {text}")));
        let _ = Address::parse(&text).map(|address| (address.tag(), address.user()));
        let _ = Via::parse(&format!("SIP/2.0/UDP {text}")).map(|via| (via.branch(), via.port));
    }

    #[test]
    fn a_via_says_what_was_put_into_it(
        host in "[a-z0-9.]{1,20}|\\[[0-9a-f:]{2,20}\\]",
        port in any::<Option<u16>>(),
        branch in "z9hG4bK[A-Za-z0-9]{1,20}",
    ) {
        let sent_by = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let text = format!("SIP/2.0/UDP {sent_by};rport;branch={branch}");
        let via = Via::parse(&text).expect("a Via");
        prop_assert_eq!((via.host, via.port, via.branch(), via.parameter("rport")), (&*host, port, Some(&*branch), Some("")));

        let mut request = Request::new(Method::Options, "sip:a@b").with("Via", &text);
        request.note_source("203.0.113.9:7".parse().expect("an address"));
        let via = request.headers.via().expect("a Via");
        prop_assert_eq!((via.branch(), via.parameter("received"), via.parameter("rport")), (Some(&*branch), Some("203.0.113.9"), Some("7")));
    }

    #[test]
    fn credentials_are_what_was_written(fields in vec("[^\\x00-\\x1f\\x7f\"\\\\]{0,20}", 5), comma in "[ ,]{1,3}") {
        let names = ["username", "realm", "nonce", "uri", "response"];
        let pairs = names.iter().zip(&fields).map(|(name, value)| format!("{name}=\"{value}\""));
        let read = Credentials::parse(&format!("Digest {}", pairs.collect::<Vec<_>>().join(&comma))).expect("credentials");
        prop_assert_eq!(vec![read.username, read.realm, read.nonce, read.uri, read.response], fields);
    }

    #[test]
    fn every_part_of_a_response_matters(parts in vec("[a-z0-9]{1,9}", 8), at in 0..8usize) {
        fn compute(parts: &[String]) -> String {
            let [username, realm, nonce, method, uri, nc, cnonce, password] = parts else {
                panic!("eight parts");
            };
            let auth = Some(Auth { nc, cnonce });
            let input = DigestInput { username, realm, nonce, method, uri, auth };
            digest::compute(Algorithm::Sha256, &input, password)
        }
        let mut changed = parts.clone();
        changed[at].push('x');
        prop_assert_ne!(compute(&parts), compute(&changed));
    }

    #[test]
    fn no_two_nonces_are_alike(randoms in proptest::collection::hash_set(any::<[u8; RANDOM]>(), 2..20)) {
        let now = start();
        let keeper = NonceKeeper::new(now, [1; 32], Duration::from_secs(60));
        let minted: HashSet<_> = randoms.iter().map(|random| keeper.mint(now, IpAddr::from([192, 0, 2, 1]), *random)).collect();
        prop_assert_eq!(minted.len(), randoms.len());
    }
}

//! Every captured message and every torture test of RFC 4475 has a stated outcome and reaches
//! it, and nothing panics on any part of any of them.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use sluice::sip::core::{
    Config, Endpoint, Peer,
    digest::{self, Algorithm, Credentials},
    framing::{self, Framed, StreamDecoder},
    message::{Message, Method},
    validate,
};

/// Captured requests whose response was made with this password, as their index says.
const PASSWORDS: [(&str, &str); 6] = [
    ("001-exosip-ipc-REGISTER-deregister-digest.sip", "12345678"),
    ("004-exosip-ipc-REGISTER-digest.sip", "12345678"),
    ("008-hikvision-REGISTER-digest.sip", "12345678"),
    ("024-dahua-REGISTER-digest.sip", "12345678"),
    ("029-hikvision-platform-REGISTER-deregister-digest.sip", "12345"),
    ("035-hikvision-ivms-REGISTER-refresh-stale-nonce.sip", "12345678"),
];

/// What becomes of each torture test that arrives in a datagram: see [`outcome`].
///
/// The index lets an endpoint choose in places. Strict where no camera is known to need more:
/// blanks and brackets in the request line, names with commas. Lenient where the field does not
/// matter: `baddate`, since GB28181 has a Date of its own. `bcast` reads well; what drops it is
/// that no transaction of ours has its branch. The methods of `esc02` and `intmeth` are valid
/// and unknown.
const TORTURE: [(&str, &str); 50] = [
    ("badaspec.dat", "400"),
    ("badbranch.dat", "400"),
    ("baddate.dat", "serve"),
    ("baddn-crlf.dat", "400"),
    ("baddn.dat", "400"),
    ("badinv01.dat", "400"),
    ("badvers.dat", "505"),
    ("bcast.dat", "take"),
    ("bext01.dat", "420"),
    ("bigcode.dat", "drop"),
    ("clerr.dat", "400"),
    ("cparam01.dat", "serve"),
    ("cparam02.dat", "serve"),
    ("dblreq.dat", "serve"),
    ("esc01.dat", "serve"),
    ("esc02.dat", "501"),
    ("escnull.dat", "serve"),
    ("escruri.dat", "400"),
    ("insuf.dat", "400"),
    ("intmeth.dat", "501"),
    ("inv2543.dat", "serve"),
    ("invut.dat", "415"),
    ("longreq.dat", "serve"),
    ("ltgtruri.dat", "400"),
    ("lwsdisp.dat", "serve"),
    ("lwsruri.dat", "400"),
    ("lwsstart.dat", "400"),
    ("mcl01.dat", "400"),
    ("mismatch01.dat", "400"),
    ("mismatch02.dat", "501"),
    ("mpart01.dat", "serve"),
    ("multi01.dat", "400"),
    ("ncl.dat", "400"),
    ("noreason.dat", "take"),
    ("novelsc.dat", "416"),
    ("quotbal.dat", "400"),
    ("regaut01.dat", "serve"),
    ("regbadct.dat", "400"),
    ("regescrt.dat", "serve"),
    ("scalar02.dat", "400"),
    ("scalarlg.dat", "drop"),
    ("sdp01.dat", "406"),
    ("semiuri.dat", "serve"),
    ("transports.dat", "serve"),
    ("trws.dat", "400"),
    ("unkscm.dat", "416"),
    ("unksm2.dat", "400"),
    ("unreason.dat", "take"),
    ("wsinv.dat", "serve"),
    ("zeromf.dat", "serve"),
];

#[test]
fn every_captured_message_reaches_its_outcome() {
    let mut reached = String::from("file\tstart\tfrom\tto\tcseq\tbody\tcmd-type\toutcome\n");
    for (name, bytes) in files("gb28181", ".sip") {
        reached += &format!("{name}\t{}\n", summary(&framing::datagram(&bytes)));
    }
    let stated = fs::read_to_string(data("gb28181/outcomes.tsv")).expect("readable");
    for (stated, reached) in stated.lines().zip(reached.lines()) {
        assert_eq!(reached, stated);
    }
    assert_eq!(reached, stated, "the table and the folder hold the same files");
}

/// A capture that has no file here, or a file that nobody captured, would go unnoticed otherwise.
#[test]
fn every_captured_message_of_the_index_is_here() {
    let indexed = |folder: &str| -> Vec<String> {
        let index = fs::read_to_string(data(folder).join("index.tsv")).expect("readable");
        index.lines().skip(1).filter_map(|row| row.split('\t').next()).map(ToOwned::to_owned).collect()
    };
    for (folder, ending) in
        [("gb28181", ".sip"), ("manscdp", ".xml"), ("manscdp-field", ".xml"), ("rfc4475", ".dat")]
    {
        let here: Vec<_> = files(folder, ending).into_keys().collect();
        let mut indexed = indexed(folder);
        indexed.sort();
        assert_eq!(here, indexed, "{folder}");
    }
}

#[test]
fn every_torture_test_reaches_its_outcome() {
    let files = files("rfc4475", ".dat");
    let reached: Vec<_> =
        files.iter().map(|(name, bytes)| (name.as_str(), outcome(&framing::datagram(bytes)))).collect();
    let stated: Vec<_> = TORTURE.iter().map(|(name, outcome)| (*name, (*outcome).to_owned())).collect();
    assert_eq!(reached, stated);
}

/// A response to nothing of ours is dropped, `bcast.dat` with its foreign Via among them.
#[test]
#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
fn a_response_that_nobody_asked_for_moves_nothing() {
    let address = "192.0.2.1:5060".parse().expect("an address");
    let mut endpoint = Endpoint::new(Config::default());
    let mut responses = 0;
    for (name, bytes) in all() {
        if let Framed::Message(message @ Message::Response(_)) = framing::datagram(&bytes) {
            endpoint.handle_message(Instant::now(), Peer::udp(address, address), message);
            assert_eq!((endpoint.poll_event(), endpoint.poll_transmit()), (None, None), "{name}");
            responses += 1;
        }
    }
    assert!(responses > 20, "the corpus holds responses");
}

/// The index of RFC 4475 calls a message `valid` if a parser must take it.
#[test]
fn the_parser_takes_every_torture_test_that_is_valid() {
    let index = fs::read_to_string(data("rfc4475/index.tsv")).expect("readable");
    let columns = index.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let valid: Vec<_> = columns.filter(|row| row[3] == "valid").map(|row| row[0].to_owned()).collect();
    let files = files("rfc4475", ".dat");
    assert_eq!(valid.len(), 19);
    for name in valid {
        let framed = framing::datagram(&files[&name]);
        assert!(matches!(framed, Framed::Message(_)), "{name}: {framed:?}");
    }
}

/// What the tortuous INVITE says once its blanks, folds and short names are seen through.
#[test]
fn the_tortuous_invite_is_understood() {
    let Framed::Message(message) = framing::datagram(&files("rfc4475", ".dat")["wsinv.dat"]) else {
        panic!("no message");
    };
    let headers = message.headers();
    let branches: Vec<_> = headers
        .values("Via")
        .map(|value| sluice::sip::core::via::Via::parse(value).and_then(|via| via.branch()))
        .collect();
    assert_eq!(branches, [Some("390skdjuw"), Some("z9hG4bK9ikj8"), Some("z9hG4bK30239")]);
    assert_eq!((headers.from_tag(), headers.to_tag()), (Some("98asjd8"), Some("1918181833n")));
    assert_eq!(headers.cseq().map(|cseq| (cseq.number, cseq.method)), Some((9, Method::Invite)));
    assert_eq!((headers.max_forwards(), headers.get("Subject")), (Some(68), Some("")));
    assert_eq!((headers.contact_uri(), message.body().len()), (Some("sip:jdrosen@example.com"), 150));
}

#[test]
fn every_captured_response_verifies_with_its_password() {
    let files = files("gb28181", ".sip");
    for (name, password) in PASSWORDS {
        let credentials = credentials(&files[name]);
        let algorithm = credentials.algorithm.as_deref().map_or(Ok(Algorithm::Md5), str::parse);
        let verifies = |password| {
            let input = credentials.input("REGISTER").expect("no qop or qop=auth");
            let expected = digest::compute(algorithm.clone().expect("MD5"), &input, password);
            digest::matches(&expected, &credentials.response)
        };
        assert!(verifies(password), "{name}");
        assert!(!verifies("wrong"), "{name}");
    }
}

/// Two responses in one segment, with bodies and without (SRS), and Hikvision's NAT keep-alive
/// in front of a message.
#[test]
fn a_stream_finds_every_message_in_a_segment() {
    let files = files("gb28181", ".sip");
    let decode = |name: &str| -> Vec<_> {
        let mut decoder = StreamDecoder::new();
        decoder.push(&files[name]);
        let messages = std::iter::from_fn(|| decoder.next_message().expect("a whole stream"));
        let found = messages.map(|framed| summary(&framed)).collect();
        assert!(decoder.is_idle(), "{name}");
        found
    };
    let parties = "34020000002000000001\t34020000001772715371\t831 INVITE";
    assert_eq!(
        decode("168-srs-tcp-two-responses-in-one-segment.sip"),
        [format!("100\t{parties}\t0\t-\ttake"), format!("200\t{parties}\t0\t-\ttake")]
    );
    assert_eq!(
        decode("169-srs-tcp-two-responses-with-bodies.sip"),
        [format!("100\t{parties}\t10\t-\ttake"), format!("200\t{parties}\t11\t-\ttake")]
    );
    assert_eq!(decode("166-hikvision-MESSAGE-200-after-jaK.sip").len(), 1);
    assert!(decode("170-hikvision-udp-nat-keepalive-jaK.sip").is_empty());
}

/// Whatever a datagram says it also says in a stream, since all captured lengths are right.
#[test]
fn captured_messages_read_the_same_from_a_stream() {
    for (name, bytes) in files("gb28181", ".sip") {
        let mut decoder = StreamDecoder::new();
        decoder.push(&bytes);
        let streamed = decoder.next_message().expect("a whole stream");
        assert_eq!(streamed.unwrap_or(Framed::KeepAlive), framing::datagram(&bytes), "{name}");
    }
}

#[test]
fn what_is_written_reads_the_same() {
    for (name, bytes) in all() {
        if let Framed::Message(message) = framing::datagram(&bytes) {
            assert_eq!(Message::parse(&message.to_bytes()), Ok(message), "{name}");
        }
    }
}

#[test]
fn nothing_panics_on_any_prefix() {
    for (_, bytes) in all() {
        let mut decoder = StreamDecoder::new();
        for end in 0..bytes.len() {
            let _ = summary(&framing::datagram(&bytes[..end]));
            decoder.push(&bytes[end..=end]);
            while let Ok(Some(framed)) = decoder.next_message() {
                let _ = summary(&framed);
            }
        }
    }
}

/// What becomes of bytes: `serve` (a request), `take` (a response), `keep-alive`, `drop`, or the
/// status of the answer that is owed.
fn outcome(framed: &Framed) -> String {
    let dropped = || "drop".to_owned();
    match framed {
        Framed::KeepAlive => "keep-alive".to_owned(),
        Framed::Refused(error) => error.reply.as_ref().map_or_else(dropped, |reply| reply.status.to_string()),
        Framed::Message(Message::Response(response)) => {
            validate::response(response).map_or_else(|_| dropped(), |()| "take".to_owned())
        }
        Framed::Message(Message::Request(request)) => match validate::request(request) {
            Ok(()) => "serve".to_owned(),
            Err(_) if request.method == Method::Ack => dropped(),
            Err(flaw) => flaw.respond(request).status.to_string(),
        },
    }
}

/// The columns of `gb28181/outcomes.tsv` after the file's name.
fn summary(framed: &Framed) -> String {
    let outcome = outcome(framed);
    let Framed::Message(message) = framed else {
        return format!("-\t-\t-\t-\t0\t-\t{outcome}");
    };
    let start = match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => response.status.to_string(),
    };
    let headers = message.headers();
    let (from, to) = (headers.from_user().unwrap_or("-"), headers.to_user().unwrap_or("-"));
    let cseq =
        headers.cseq().map_or_else(|| "-".to_owned(), |cseq| format!("{} {}", cseq.number, cseq.method));
    let (body, kind) = (message.body().len(), cmd_type(message.body()));
    format!("{start}\t{from}\t{to}\t{cseq}\t{body}\t{kind}\t{outcome}")
}

/// What stands between the first `<CmdType>` and its end; `-` if there is none.
fn cmd_type(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let value = text.split_once("<CmdType>").and_then(|(_, rest)| rest.split_once("</CmdType>"));
    value.map_or_else(|| "-".to_owned(), |(value, _)| value.to_owned())
}

fn credentials(bytes: &[u8]) -> Credentials {
    let message = Message::parse(bytes).expect("a message");
    message.headers().authorization().expect("credentials")
}

/// The files of a folder of `tests/data` that end like this, by name.
fn files(folder: &str, ending: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(data(folder)).expect("the folder is part of the project");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    let wanted = names.filter(|name| name.ends_with(ending));
    wanted
        .map(|name| {
            let bytes = fs::read(data(folder).join(&name)).expect("readable");
            (name, bytes)
        })
        .collect()
}

fn all() -> impl Iterator<Item = (String, Vec<u8>)> {
    files("gb28181", ".sip").into_iter().chain(files("rfc4475", ".dat"))
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

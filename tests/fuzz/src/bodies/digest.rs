//! Authorization headers, and the nonces in them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use sluice::sip::core::{
    Method,
    digest::{self, Algorithm, Credentials},
    fields::Cseq,
    nonce::{NonceKeeper, NonceState, Presented},
};

use super::tape::Tape;

/// What is read and written is read the same again; nobody is let in with a nonce of his own making, and with one
/// of ours only from where it was given to, in its time, and once.
pub fn run(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes);
    if let Some(credentials) = Credentials::parse(&value) {
        survives_writing(&credentials);
        says_nothing(&credentials);
        is_computed(&credentials);
        let keeper = NonceKeeper::new(start(), [7; 32], LIFETIME);
        let presented = present(&credentials, SOURCES[0], 1);
        assert_eq!(keeper.judge(start(), &keeper.read(&presented.as_presented())), NonceState::Unknown);
    }
    nonces(&mut Tape::new(bytes));
}

fn survives_writing(credentials: &Credentials) {
    let Credentials { username, realm, nonce, uri, response, algorithm, qop, nc, cnonce, opaque } =
        credentials;
    let always =
        [("username", username), ("realm", realm), ("nonce", nonce), ("uri", uri), ("response", response)];
    let perhaps =
        [("algorithm", algorithm), ("qop", qop), ("nc", nc), ("cnonce", cnonce), ("opaque", opaque)];
    let perhaps = perhaps.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs = always
        .into_iter()
        .chain(perhaps)
        .map(|(name, value)| format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")));
    let written = format!("Digest {}", pairs.collect::<Vec<_>>().join(", "));
    assert!(Credentials::parse(&written).as_ref() == Some(credentials), "{written}");
}

/// Not even when it is printed by mistake.
fn says_nothing(credentials: &Credentials) {
    let Credentials { username, realm, .. } = credentials;
    let printed = format!("Credentials {{ username: {username:?}, realm: {realm:?}, .. }}");
    assert_eq!(format!("{credentials:?}"), printed);
}

fn is_computed(credentials: &Credentials) {
    let Some(input) = credentials.input("REGISTER") else { return };
    for (algorithm, digits) in [(Algorithm::Md5, 32), (Algorithm::Sha256, 64)] {
        let response = digest::compute(algorithm, &input, "password");
        assert_eq!(response.len(), digits);
        assert!(digest::matches(&response, &response.to_ascii_uppercase()));
        assert!(!digest::matches(&response, &digest::compute(algorithm, &input, "Password")));
    }
}

/// A schedule of challenges, answers and time.
fn nonces(tape: &mut Tape<'_>) {
    let mut now = start();
    let mut keeper = NonceKeeper::with_capacity(now, [1; 32], LIFETIME, CAPACITY);
    let mut minted: Vec<(String, SocketAddr, Instant)> = Vec::new();
    let mut admitted: HashMap<String, (SocketAddr, u32, Instant)> = HashMap::new();
    for _ in 0..STEPS {
        let Some(step) = tape.next() else { return };
        let source = tape.one(SOURCES);
        match step % 3 {
            0 => minted.push((keeper.mint(now, source.ip(), [minted.len() as u8; 8]), source, now)),
            1 => now += Duration::from_secs(u64::from(tape.next().unwrap_or_default())),
            _ => {
                let Some((nonce, given_to, made)) = tape.pick(&minted).cloned() else { continue };
                let call = u32::from(tape.next().unwrap_or_default() % 3);
                let credentials = Credentials { nonce: nonce.clone(), ..Credentials::default() };
                let presented = present(&credentials, source, call);
                let shown = keeper.read(&presented.as_presented());
                if keeper.consume(now, &shown) == NonceState::Fresh {
                    assert_eq!(source.ip(), given_to.ip(), "it was given to somebody else");
                    // Whole seconds count.
                    assert!(now - made < LIFETIME + Duration::from_secs(2), "its time is over");
                    let first = admitted.entry(nonce).or_insert((source, call, now));
                    assert_eq!((first.0, first.1), (source, call), "it has served already");
                    assert!(now - first.2 < Duration::from_secs(34), "no retransmission comes so late");
                }
            }
        }
        assert!(keeper.remembered() <= CAPACITY);
    }
}

/// A request with credentials.
struct Sent<'a> {
    credentials: &'a Credentials,
    source: SocketAddr,
    call_id: String,
    cseq: Cseq,
}

impl Sent<'_> {
    fn as_presented(&self) -> Presented<'_> {
        let Self { credentials, source, call_id, cseq } = self;
        Presented { source: *source, credentials, call_id, cseq }
    }
}

fn present(credentials: &Credentials, source: SocketAddr, call: u32) -> Sent<'_> {
    let cseq = Cseq { number: call, method: Method::Register };
    Sent { credentials, source, call_id: format!("call {call}"), cseq }
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to start somewhere")]
fn start() -> Instant {
    Instant::now()
}

const LIFETIME: Duration = Duration::from_secs(300);
const CAPACITY: usize = 3;
const STEPS: usize = 200;
/// Two at one address.
const SOURCES: [SocketAddr; 3] = [address(1, 5060), address(1, 5061), address(2, 5060)];

const fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::new(192, 0, 2, last), port))
}

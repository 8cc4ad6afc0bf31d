//! REGISTER as devices write it.

use sluice_tests::device::DeviceEvent;
use sluice_tests::digest::{Challenge, Login, Request};
use sluice_tests::sip::Message;
use sluice_tests::site::{PASSWORD, Site, wait_for};

use crate::wire::{self, PLATFORM, Wire};

/// Changes what a device would answer, and how it writes it.
type Credentials = (&'static str, fn(&mut Challenge), Request<'static>, fn(String) -> String);

const USUAL: Request<'_> = Request { method: "REGISTER", uri: PLATFORM, count: 1, cnonce: "0a4f113b" };

const CREDENTIALS: [Credentials; 9] = [
    ("as it should be", |_| {}, USUAL, |text| text),
    (
        "the URI of From and not of the request line (Hikvision)",
        |_| {},
        Request { uri: "sip:34020000002000000001@3402000000", ..USUAL },
        |text| text,
    ),
    ("a URI that is none", |_| {}, Request { uri: "sip:", ..USUAL }, |text| text),
    ("a count with letters", |_| {}, Request { count: 0xABC, ..USUAL }, |text| text),
    ("a digest in capitals", |_| {}, USUAL, |text| upper(&text, "response=\"")),
    ("no algorithm", |challenge| challenge.algorithm_text = None, USUAL, |text| text),
    (
        "an algorithm in small letters",
        |challenge| challenge.algorithm_text = Some("md5".into()),
        USUAL,
        |text| text,
    ),
    ("no qop, though it was offered", |challenge| challenge.qop_auth = false, USUAL, |text| text),
    (
        "quotes and commas elsewhere",
        |_| {},
        USUAL,
        |text| {
            text.replace("qop=auth", "qop=\"auth\"")
                .replace("algorithm=MD5", "algorithm=\"MD5\"")
                .replace(", ", "  ")
        },
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_lets_in_however_it_is_written() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (story, change, request, write) in CREDENTIALS {
        let issued = site.issue(0).await?;
        let wire = Wire::open(site.sip).await?;
        for (password, status) in [("wrong", 403), (PASSWORD, 200)] {
            let asked = wire::register(&issued.device, wire.local);
            let mut challenge = challenge(&wire.ask(&asked).await?);
            change(&mut challenge);
            let login = Login { user: &issued.device, password };
            let mut answered = asked.with("Authorization", write(challenge.answer(&login, &request)));
            answered.set("CSeq", "2 REGISTER");
            assert_eq!(wire.ask(&answered).await?.status(), Some(status), "{story}, {password}");
        }
    }
    Ok(())
}

/// The count is hashed as it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_in_capitals_is_hashed_as_it_stands() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(0).await?;
    let wire = Wire::open(site.sip).await?;
    let asked = wire::register(&issued.device, wire.local);
    let challenge = challenge(&wire.ask(&asked).await?);
    let hash = |text: String| hex::encode(<md5::Md5 as md5::Digest>::digest(text));
    let secret = hash(format!("{}:{}:{PASSWORD}", issued.device, challenge.realm));
    let response = hash(format!(
        "{secret}:{}:0000ABCD:C0:auth:{}",
        challenge.nonce,
        hash(format!("REGISTER:{PLATFORM}"))
    ));
    let mut answered = asked.with(
        "Authorization",
        format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{PLATFORM}\", response=\"{response}\", \
             qop=auth, nc=0000ABCD, cnonce=\"C0\"",
            issued.device, challenge.realm, challenge.nonce
        ),
    );
    answered.set("CSeq", "2 REGISTER");
    assert_eq!(wire.ask(&answered).await?.status(), Some(200));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_it_holds_is_read_wherever_it_stands() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(0).await?;
    let wire = Wire::open(site.sip).await?;
    for (story, expires, contact, granted) in [
        ("in Expires", Some("120"), "", "120"),
        ("in Contact alone", None, ";expires=130", "130"),
        ("in both", Some("140"), ";expires=150", "140"),
        ("nowhere", None, "", "3600"),
        ("with blanks", Some(" 160 "), "", "160"),
    ] {
        let mut request = wire.authorized(&issued.device, PASSWORD).await?;
        request.headers.retain(|(name, _)| name != "Expires");
        request.headers.extend(expires.map(|expires| ("Expires".to_owned(), expires.to_owned())));
        request.set("Contact", format!("<sip:{}@{}>{contact}", issued.device, wire.local));
        let answer = wire.ask(&request).await?;
        assert_eq!((answer.status(), answer.header("Expires")), (Some(200), Some(granted)), "{story}");
    }
    Ok(())
}

/// Huawei registers once, and then only keeps alive, also when what it asked for is long over (#861).
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_never_refreshes_stays_while_it_keeps_alive() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.expires_min_secs = 1).await?;
    let (issued, device) = site.online(1, |config| config.expires = 1).await?;
    let over = "SELECT CAST(expires_at < unixepoch() AS TEXT) FROM users WHERE deviceid = ?1";
    wait_for(|| async { site.row(over, &issued.device).is_ok_and(|over| over == "1") }).await?;
    assert_eq!(device.keepalive().await?, 200);
    site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    Ok(())
}

/// Dahua refuses a query that comes too soon: it is asked again after some seconds (wvp-GB28181-pro #28).
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_refuses_a_query_is_asked_again() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let mut config = site.recorder(&issued);
    config.behaviour.refuse_queries = 1;
    let device = config.start().await?;
    assert_eq!(device.register().await?.status, 200);
    let model = || site.row("SELECT model FROM users WHERE deviceid = ?1", &issued.device);
    wait_for(|| async { model().is_ok_and(|model| model == "Simulated") }).await?;
    site.wait_until_on(&issued.channels[0]).await
}

/// A 100 to REGISTER has upset Dahua (AKStream #58).
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_has_no_provisional_answer() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (_, device) = site.online(1, |_| {}).await?;
    let answers = device.events().into_iter().filter_map(|event| match event {
        DeviceEvent::Received { message } if message.method() == "REGISTER" => message.status(),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), [401, 200]);
    Ok(())
}

/// Mercury refuses a To tag outside a dialog, Hikvision an empty branch, Dahua a From without tag.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_ours_have_what_makers_insist_on() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    let requests: Vec<Message> = device
        .events()
        .into_iter()
        .filter_map(|event| match event {
            DeviceEvent::Received { message } if message.status().is_none() => Some(message),
            _ => None,
        })
        .filter(|message| ["MESSAGE", "INVITE"].contains(&message.method()))
        .collect();
    assert_eq!(requests.len(), 3, "DeviceInfo, Catalog, INVITE: {requests:?}");
    let mut branches: Vec<&str> = requests.iter().map(Message::branch).collect();
    assert!(branches.iter().all(|branch| branch.len() > 16 && branch.starts_with("z9hG4bK")), "{branches:?}");
    branches.sort_unstable();
    branches.dedup();
    assert_eq!(branches.len(), 3);
    for request in &requests {
        let header = |name| request.header(name).unwrap_or_default();
        assert!(header("From").contains(";tag="), "{request:?}");
        assert!(!header("To").contains(";tag="), "{request:?}");
    }
    Ok(())
}

fn challenge(refused: &Message) -> Challenge {
    let value = refused.header("WWW-Authenticate");
    value.and_then(Challenge::parse).expect("a challenge that names its algorithm")
}

/// The text with capitals from `name` to the next quote.
fn upper(text: &str, name: &str) -> String {
    let (before, after) = text.split_once(name).expect("it is there");
    let (value, rest) = after.split_once('"').expect("it is quoted");
    format!("{before}{name}{}\"{rest}", value.to_ascii_uppercase())
}

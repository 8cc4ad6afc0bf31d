//! What cannot be served is answered with the status that is due, and answers go to where packets come from.

use sluice_tests::sip::{Message, param};
use sluice_tests::site::{PASSWORD, Site};

use crate::wire::{self, Wire};

const DEVICE: &str = "37070000081118000001";

/// What devices may send; a 405 says it too (RFC 3261 §8.2.1).
const ALLOW: &str = "ACK, BYE, CANCEL, INFO, MESSAGE, NOTIFY, OPTIONS, REGISTER";

#[tokio::test(flavor = "multi_thread")]
async fn each_request_that_cannot_be_served_is_told_why() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.answer_strangers = true).await?;
    let wire = Wire::open(site.sip).await?;
    let request = |method: &str| wire::from(DEVICE, method);
    let changed = |method: &str, name: &str, value: &str| {
        let mut request = request(method);
        request.set(name, value);
        request
    };
    let cases = [
        ("unknown method", request("BREW"), 501),
        ("SUBSCRIBE goes the other way", request("SUBSCRIBE"), 405),
        ("UPDATE is for callers", request("UPDATE"), 405),
        ("BYE for no dialog", request("BYE"), 481),
        ("CANCEL of nothing", request("CANCEL"), 481),
        ("INFO in no dialog", request("INFO"), 481),
        ("an extension is required", request("OPTIONS").with("Require", "100rel"), 420),
        ("CSeq of another method", changed("OPTIONS", "CSeq", "1 MESSAGE"), 400),
        ("CSeq is no number", changed("OPTIONS", "CSeq", "one OPTIONS"), 400),
        ("no XML", request("MESSAGE").with_body("Application/MANSCDP+xml", b"<<".to_vec()), 400),
        ("no body", request("MESSAGE"), 400),
        ("not registered", wire::keepalive(DEVICE), 403),
        ("OPTIONS", request("OPTIONS"), 200),
    ];
    for (name, request, status) in cases {
        let answer = wire.ask(&request).await?;
        assert_eq!(answer.status(), Some(status), "{name}: {answer:?}");
        assert_eq!(answer.call_id(), request.call_id(), "{name}");
        let allow = if [405, 200].contains(&status) { Some(ALLOW) } else { None };
        assert_eq!(answer.header("Allow"), allow, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_from_a_device_is_refused_and_its_ack_ends_it() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.answer_strangers = true).await?;
    let wire = Wire::open(site.sip).await?;
    let offer = b"v=0\r\no=1 0 0 IN IP4 127.0.0.1\r\ns=Talk\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n";
    let invite = wire::from(DEVICE, "INVITE")
        .with("Contact", format!("<sip:{DEVICE}@{}>", wire.local))
        .with_body("application/sdp", offer.to_vec());
    let invite = wire::with_via(&invite, wire.via());
    wire.send(&invite.to_bytes()).await?;
    let refused = wire.answer_to(invite.branch()).await?;
    assert_eq!((refused.status(), refused.header("Allow")), (Some(405), Some(ALLOW)));

    let mut ack = wire::from(DEVICE, "ACK");
    for name in ["From", "Call-ID"] {
        ack.set(name, invite.header(name).unwrap_or_default());
    }
    ack.set("To", refused.header("To").unwrap_or_default());
    let ack = wire::with_via(&ack, invite.header("Via").unwrap_or_default().to_owned());
    wire.send(&ack.to_bytes()).await?;
    // Nothing is owed to the ACK: what comes next is the answer to what is asked next.
    assert_eq!(wire.ask(&wire::from(DEVICE, "OPTIONS")).await?.status(), Some(200));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_messages_are_told_so_where_they_can_be() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.answer_strangers = true).await?;
    let wire = Wire::open(site.sip).await?;
    let text = |request: &Message| String::from_utf8_lossy(&request.to_bytes()).into_owned();
    let cases = [
        ("Content-Length: 0", "Content-Length: 999", 400),
        ("Content-Length: 0", "Content-Length: many", 400),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nno colon here", 400),
        (" SIP/2.0\r\n", " SIP/7.0\r\n", 505),
    ];
    for (good, bad, status) in cases {
        let request = wire::with_via(&wire::from(DEVICE, "OPTIONS"), wire.via());
        let broken = text(&request).replacen(good, bad, 1);
        wire.send(broken.as_bytes()).await?;
        let answer = wire.answer_to(request.branch()).await?;
        assert_eq!(answer.status(), Some(status), "{bad}");
        assert_eq!(answer.call_id(), request.call_id());
        assert_came_back(&answer, &wire);
    }
    Ok(())
}

/// Cameras behind a NAT write their inner address into Via: no answer must ever go there (RFC 3581 §4).
#[tokio::test(flavor = "multi_thread")]
async fn answers_go_to_where_the_packet_came_from() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.answer_strangers = true).await?;
    let issued = site.issue(0).await?;
    let wire = Wire::open(site.sip).await?;
    let inner =
        |branch: &str, rport: &str| format!("SIP/2.0/UDP 192.168.1.64:5060;branch=z9hG4bK{branch}{rport}");

    let register = wire.authorized(&issued.device, PASSWORD).await?;
    let requests = [
        (wire::from(DEVICE, "OPTIONS"), 200),
        (wire::from(DEVICE, "BREW"), 501),
        (wire::keepalive(DEVICE), 403),
        (wire::register(DEVICE, wire.local), 401),
        (register, 200),
    ];
    for (index, (request, status)) in requests.iter().enumerate() {
        for rport in [";rport", ";rport=5060", ""] {
            // A REGISTER that was let in may be repeated, as here, since Call-ID and CSeq are the same.
            let branch = format!("nat{index}{}", rport.len());
            let request = wire::with_via(request, inner(&branch, rport));
            wire.send(&request.to_bytes()).await?;
            let answer = wire.answer_to(request.branch()).await?;
            assert_eq!(answer.status(), Some(*status), "{request:?}");
            let via = answer.header("Via").unwrap_or_default();
            assert!(via.starts_with("SIP/2.0/UDP 192.168.1.64:5060;"), "{via}");
            assert_eq!(param(via, "received"), Some("127.0.0.1"), "{via}");
            if !rport.is_empty() {
                assert_came_back(&answer, &wire);
            }
        }
    }
    Ok(())
}

/// The answer's Via says where its request came from.
fn assert_came_back(answer: &Message, wire: &Wire) {
    let via = answer.header("Via").unwrap_or_default();
    assert_eq!(param(via, "rport"), Some(wire.local.port().to_string().as_str()), "{via}");
}

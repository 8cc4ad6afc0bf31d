//! Registration.

use super::{ID, PASSWORD, camera, impatient_camera, start};
use crate::device::{Credentials, DeviceConfig, DeviceError, DeviceEvent, Transport};
use crate::digest::{Algorithm, Challenge, Login, Request};
use crate::sip::{Framer, Message};

const PLAIN: &str = "Digest realm=\"3707000008\", nonce=\"n1\", algorithm=MD5";
const WITH_QOP: &str =
    "Digest realm=\"3707000008\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256, opaque=\"\"";

/// A field of an Authorization header.
fn field<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = authorization.split_once(&format!("{name}="))?;
    Some(after.split(',').next()?.trim_matches('"'))
}

/// The response that the device should have computed.
fn expected(challenge: &str, authorization: &str, password: &str) -> String {
    let request = Request {
        method: "REGISTER",
        uri: field(authorization, "uri").unwrap(),
        count: field(authorization, "nc").map_or(1, |nc| u32::from_str_radix(nc, 16).unwrap()),
        cnonce: field(authorization, "cnonce").unwrap_or_default(),
    };
    Challenge::parse(challenge).unwrap().answer(&Login { user: ID, password }, &request)
}

#[tokio::test]
async fn a_challenge_is_answered_and_the_date_is_read() {
    let (device, platform) = camera().await;
    for challenge in [PLAIN, WITH_QOP] {
        let (registered, second) = tokio::join!(device.register(), platform.register(&device, challenge));
        let registered = registered.unwrap();
        assert_eq!((registered.status, registered.statuses), (200, vec![401, 200]));
        assert_eq!(registered.date.as_deref(), Some("2026-11-22T10:00:00.000"));
        assert_eq!(registered.expires, Some(3_600));
        let authorization = second.header("Authorization").unwrap();
        assert_eq!(authorization, expected(challenge, authorization, PASSWORD));
    }
    let challenge = Challenge::parse(WITH_QOP).unwrap();
    assert_eq!((challenge.algorithm, challenge.qop_auth), (Algorithm::Sha256, true));
}

#[tokio::test]
async fn a_refresh_keeps_its_call_id_and_deregistration_says_zero() {
    let (device, platform) = camera().await;
    let (_, first) = tokio::join!(device.register(), platform.register(&device, PLAIN));
    let (_, second) = tokio::join!(device.deregister(), platform.register(&device, PLAIN));
    assert_eq!(first.call_id(), second.call_id());
    assert_eq!((first.cseq(), second.cseq()), (Some((2, "REGISTER")), Some((4, "REGISTER"))));
    assert_eq!((first.header("Expires"), second.header("Expires")), (Some("3600"), Some("0")));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let (device, platform) = camera().await;
    let script = async {
        let first = platform.request("REGISTER").await;
        platform.respond(&device, Message::response(&first, 401).with("WWW-Authenticate", PLAIN)).await;
        let second = platform.request("REGISTER").await;
        platform.respond(&device, Message::response(&second, 401).with("WWW-Authenticate", PLAIN)).await;
        second.header("Authorization").unwrap().to_owned()
    };
    let wrong = Credentials::Wrong("wrong".to_owned());
    let (registered, authorization) = tokio::join!(device.register_with(wrong), script);
    assert_eq!(registered.unwrap().statuses, [401, 401]);
    assert_eq!(authorization, expected(PLAIN, &authorization, "wrong"));
}

#[tokio::test]
async fn a_stale_nonce_is_answered_with_the_new_one() {
    let (device, platform) = camera().await;
    let script = async {
        for nonce in ["n1", "n2"] {
            let request = platform.request("REGISTER").await;
            let value = format!("Digest realm=\"3707000008\", nonce=\"{nonce}\", stale=true");
            platform.respond(&device, Message::response(&request, 401).with("WWW-Authenticate", value)).await;
        }
        let last = platform.request("REGISTER").await;
        platform.respond(&device, Message::response(&last, 200)).await;
        last
    };
    let (registered, last) = tokio::join!(device.register(), script);
    assert_eq!(registered.unwrap().statuses, [401, 401, 200]);
    assert_eq!(field(last.header("Authorization").unwrap(), "nonce"), Some("n2"));
}

#[tokio::test]
async fn old_nonces_and_replays_are_sent_unasked() {
    let (device, platform) = camera().await;
    let nothing = device.register_with(Credentials::Replayed).await;
    assert!(matches!(nothing, Err(DeviceError::NothingToReuse)), "{nothing:?}");
    let (_, second) = tokio::join!(device.register(), platform.register(&device, WITH_QOP));
    let used = second.header("Authorization").unwrap().to_owned();
    let once = async |status: u16| {
        let request = platform.request("REGISTER").await;
        platform.respond(&device, Message::response(&request, status)).await;
        request.header("Authorization").unwrap_or_default().to_owned()
    };
    let (replayed, authorization) = tokio::join!(device.register_with(Credentials::Replayed), once(403));
    assert_eq!((replayed.unwrap().statuses, authorization), (vec![403], used));
    let (again, authorization) = tokio::join!(device.register_with(Credentials::OldNonce), once(200));
    assert_eq!(again.unwrap().statuses, [200]);
    assert_eq!((field(&authorization, "nonce"), field(&authorization, "nc")), (Some("n2"), Some("00000002")));
    let (none, authorization) = tokio::join!(device.register_with(Credentials::None), once(401));
    assert_eq!((none.unwrap().status, authorization.as_str()), (401, ""));
}

#[tokio::test]
async fn a_silent_platform_is_given_up() {
    let (device, platform) = impatient_camera().await;
    let error = device.register().await.unwrap_err();
    assert!(matches!(&error, DeviceError::NoAnswer { method } if method == "REGISTER"), "{error:?}");
    // Retransmissions are the same request.
    assert_eq!(platform.datagram().await, platform.datagram().await);
}

#[tokio::test]
async fn over_tcp_everything_uses_one_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = DeviceConfig::camera(ID, PASSWORD, listener.local_addr().unwrap());
    let config = DeviceConfig { transport: Transport::Tcp, ..config };
    let (device, accepted) = tokio::join!(config.start(), listener.accept());
    let (device, (mut stream, _)) = (device.unwrap(), accepted.unwrap());
    let script = async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut framer = Framer::default();
        let mut statuses = vec![200, 401];
        let mut transports = Vec::new();
        while let Some(status) = statuses.last().copied() {
            let mut buffer = [0; 4_096];
            let length = stream.read(&mut buffer).await.unwrap();
            framer.push(&buffer[..length]);
            while let Some(request) = framer.next_message() {
                let request = request.unwrap();
                transports.push(request.header("Via").unwrap()[..11].to_owned());
                let response = Message::response(&request, status).with("WWW-Authenticate", PLAIN);
                stream.write_all(&response.to_bytes()).await.unwrap();
                statuses.pop();
            }
        }
        transports
    };
    let (registered, transports) = tokio::join!(device.register(), script);
    assert_eq!(registered.unwrap().status, 200);
    assert_eq!(transports, ["SIP/2.0/TCP", "SIP/2.0/TCP"]);
    drop(stream);
    device.wait_for(|event| *event == DeviceEvent::Disconnected).await.unwrap();
}

#[tokio::test]
async fn a_registered_device_keeps_itself_alive() {
    let interval = std::time::Duration::from_millis(20);
    let (device, platform) = start(|config| DeviceConfig { keepalive: Some(interval), ..config }).await;
    device.behave(|behaviour| behaviour.jak = true);
    let (registered, _) = tokio::join!(device.register(), platform.register(&device, PLAIN));
    registered.unwrap();
    assert_eq!(platform.datagram().await, b"jaK\0");
    let keepalive = platform.request("MESSAGE").await;
    platform.respond(&device, Message::response(&keepalive, 200)).await;
    let body = String::from_utf8(keepalive.body).unwrap();
    assert!(body.contains("<CmdType>Keepalive</CmdType>") && body.contains("<Status>OK</Status>"), "{body}");
    device.wait_for(|event| *event == DeviceEvent::KeptAlive { status: Some(200) }).await.unwrap();
}

#[tokio::test]
async fn a_rebooted_device_has_a_new_port_and_a_new_call_id() {
    let (device, platform) = camera().await;
    let (_, before) = tokio::join!(device.register(), platform.register(&device, PLAIN));
    let old = device.address();
    device.reboot().await.unwrap();
    assert_ne!(device.address(), old);
    let (_, after) = tokio::join!(device.register(), platform.register(&device, PLAIN));
    assert_ne!(before.call_id(), after.call_id());
    assert_eq!(after.cseq(), Some((2, "REGISTER")));
}

//! What devices of some makers insist on.

use std::time::Duration;

use super::platform::Platform;
use super::{ID, start};
use crate::device::vendor::{dahua, hikvision, mercury, tiandy, tp_link};
use crate::device::{Device, DeviceConfig, DeviceError, Recording};
use crate::sip::Message;

const WITHOUT_ALGORITHM: &str = "Digest realm=\"3707000008\", nonce=\"n1\"";
const WITH_ALGORITHM: &str = "Digest realm=\"3707000008\", nonce=\"n1\", algorithm=MD5";

/// A device of a maker's, and its platform.
async fn made_by(dress: impl FnOnce(&mut DeviceConfig)) -> (Device, Platform) {
    start(|mut config| {
        dress(&mut config);
        config
    })
    .await
}

fn query(platform: &Platform, command: &str, rest: &str) -> Message {
    let head = format!("<CmdType>{command}</CmdType><SN>7</SN><DeviceID>{ID}</DeviceID>");
    platform.query(ID, &format!("<Query>{head}{rest}</Query>"))
}

/// The next MESSAGE of the device, answered with 200; its text.
async fn told(device: &Device, platform: &Platform) -> String {
    let message = platform.request("MESSAGE").await;
    platform.respond(device, Message::response(&message, 200)).await;
    encoding_rs::GB18030.decode(&message.body).0.into_owned()
}

#[tokio::test]
async fn mercury_refuses_a_to_tag_outside_a_dialog() {
    let (device, platform) = made_by(mercury).await;
    let plain = query(&platform, "DeviceInfo", "");
    let mut tagged = query(&platform, "DeviceInfo", "");
    let to = tagged.header("To").unwrap_or_default().to_owned();
    tagged.set("To", format!("{to};tag=1"));
    platform.send(&device, &tagged).await;
    platform.status("MESSAGE", 481).await;
    platform.send(&device, &plain).await;
    platform.status("MESSAGE", 200).await;
}

#[tokio::test]
async fn dahua_wants_an_algorithm_and_then_time() {
    let (device, platform) = made_by(dahua).await;
    let refused = async {
        let first = platform.request("REGISTER").await;
        let mut names: Vec<&str> = first.headers.iter().map(|(name, _)| &**name).collect();
        // What follows Content-Length is the body.
        names.retain(|name| *name != "Content-Length");
        assert!(names.is_sorted(), "{names:?}");
        let challenge = Message::response(&first, 401).with("WWW-Authenticate", WITHOUT_ALGORITHM);
        platform.respond(&device, challenge).await;
    };
    let (registered, ()) = tokio::join!(device.register(), refused);
    assert!(matches!(registered, Err(DeviceError::Challenge)), "{registered:?}");

    let (registered, _) = tokio::join!(device.register(), platform.register(&device, WITH_ALGORITHM));
    assert_eq!(registered.unwrap().status, 200);
    platform.send(&device, &query(&platform, "DeviceInfo", "")).await;
    let warning = platform.status("MESSAGE", 403).await;
    assert_eq!(warning.header("Warning"), Some("399 devnull \"<102>[Component]Not registered\""));
}

#[tokio::test]
async fn dahua_lists_no_recordings_without_a_type() {
    let dress = |config: &mut DeviceConfig| {
        dahua(config);
        config.habits.settling = Duration::ZERO;
    };
    let (device, platform) = made_by(dress).await;
    platform.send(&device, &query(&platform, "RecordInfo", "")).await;
    platform.status("MESSAGE", 200).await;
    platform.send(&device, &query(&platform, "RecordInfo", "<Type>all</Type>")).await;
    platform.status("MESSAGE", 200).await;
    assert!(told(&device, &platform).await.contains("<SumNum>0</SumNum>"));
}

#[tokio::test]
async fn lists_are_written_as_their_makers_write_them() {
    let recording = Recording {
        name: "r".to_owned(),
        start: "2026-11-21T10:00:00".to_owned(),
        end: "2026-11-21T10:10:00".to_owned(),
        kind: "time".to_owned(),
        size: 5,
    };
    let dress = |config: &mut DeviceConfig| {
        tp_link(config);
        config.recordings = vec![recording];
    };
    let (device, platform) = made_by(dress).await;
    platform.send(&device, &query(&platform, "RecordInfo", "")).await;
    let list = told(&device, &platform).await;
    for number in
        ["<SumNum> 1 </SumNum>", "Num=\" 1 \"", "<Secrecy> 0 </Secrecy>", "<FileSize> 5 </FileSize>"]
    {
        assert!(list.contains(number), "{list}");
    }

    let (device, platform) = made_by(hikvision).await;
    platform.send(&device, &query(&platform, "Catalog", "")).await;
    let list = told(&device, &platform).await;
    assert!(
        list.contains("<Status>ONLINE</Status>") && list.contains("<Parental>65535</Parental>"),
        "{list}"
    );
    assert!(!list.contains("ParentID"), "{list}");
}

/// Nobody asked for the second one: its question was answered.
#[tokio::test]
async fn tiandy_says_twice_what_it_has() {
    let (device, platform) = made_by(tiandy).await;
    platform.send(&device, &query(&platform, "Catalog", "")).await;
    let (first, second) = (told(&device, &platform).await, told(&device, &platform).await);
    assert_eq!(first, second);
    assert!(second.contains("<SN>7</SN>") && second.contains("<SumNum>1</SumNum>"), "{second}");
}

//! The notify policies in the gateway: what their receivers get, and that one does not hold up another.

use anyhow::Context as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::Url;
use serde_json::{Value, json};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::Site;

use crate::hmac::hmac_sha256;
use crate::receiver::{Delivery, Mood, Receiver};

/// What the robots' services answer to a message that they take.
const ZERO: Mood = Mood::Answers(200, r#"{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}"#);
/// And to one that they do not.
const NINE: Mood = Mood::Answers(200, r#"{"errcode":9,"errmsg":"too many","code":9,"msg":"too many"}"#);

/// The first delivery after `mark` that was answered so.
async fn delivered(receiver: &Receiver, mark: usize, mood: Mood) -> anyhow::Result<Delivery> {
    Ok(receiver.journal().wait_after(mark, PATIENCE, |delivery| delivery.mood == mood).await?)
}

fn is_now(seconds: i64) -> bool {
    (0..60).contains(&(jiff::Timestamp::now().as_second() - seconds))
}

/// Verifies a signature as a receiver would: over the body's bytes, with the time in it.
fn verify(delivery: &Delivery, key: &str) -> anyhow::Result<()> {
    let signature = delivery.headers.get("sluice-signature").context("a signature")?.to_str()?;
    let (time, code) = signature.split_once(",v1=").context("time and code")?;
    let time = time.strip_prefix("t=").context("a time")?;
    anyhow::ensure!(is_now(time.parse()?), "{time} is not now");
    let expected = hmac_sha256(key.as_bytes(), format!("{time}.{}", delivery.text).as_bytes());
    anyhow::ensure!(code == hex::encode(expected), "{signature} does not fit {}", delivery.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_signed_and_keep_their_ids_until_they_are_taken() -> anyhow::Result<()> {
    let refuses = Mood::Answers(503, "");
    let receiver = Receiver::start(refuses).await?;
    let site = Site::start_with(|settings| {
        settings.notify = receiver.url();
        settings.extra = "notify = [\"cloudevents\"]\n[plugins.keys]\ncloudevents = \"whsec\"\n\
                          [plugins.config.cloudevents]\nsource = \"/gateways/north\"\n"
            .to_owned();
    })
    .await?;
    let (issued, device) = site.online(0, |_| {}).await?;
    let first = delivered(&receiver, 0, refuses).await?;
    let again = delivered(&receiver, 1, refuses).await?;
    assert_eq!(first.text, again.text, "an attempt is told from an event by the id");

    let taken = Mood::Answers(204, "");
    receiver.set(taken);
    let registered = delivered(&receiver, 0, taken).await?;
    assert_eq!(device.keepalive().await?, 200);
    let told = |delivery: &Delivery| delivery.body["type"] == "sluice.users.active";
    let mut active = receiver.journal().wait(told).await?;
    for delivery in [&first, &registered, &active] {
        verify(delivery, "whsec")?;
        assert_eq!(delivery.head[2], "application/cloudevents+json; charset=utf-8");
    }
    assert_eq!(registered.text, first.text);
    assert_eq!(registered.body["type"], "sluice.users.regiester");
    assert_eq!(registered.body["data"]["deviceid"], issued.device);

    let time: jiff::Timestamp = active.body["time"].as_str().context("a time")?.parse()?;
    assert!(is_now(time.as_second()), "{time}");
    assert_eq!(active.body["data"]["time"], time.as_second());
    let id = active.body["id"].take();
    assert!(id.as_str().is_some_and(|id| !id.is_empty()) && id != registered.body["id"], "{id}");
    let expected = json!({
        "specversion": "1.0", "id": null, "source": "/gateways/north", "type": "sluice.users.active",
        "subject": issued.device, "time": active.body["time"], "datacontenttype": "application/json",
        "data": { "deviceid": issued.device, "status": "OK", "time": time.as_second() },
    });
    assert_eq!(active.body, expected);
    Ok(())
}

/// The receivers of four plugins that tell side by side.
struct Newsroom {
    site: Site,
    /// Of `gosip-notify`, by the URLs that all share.
    plain: Receiver,
    wecom: Receiver,
    dingtalk: Receiver,
    feishu: Receiver,
}

impl Newsroom {
    async fn open() -> anyhow::Result<Self> {
        let plain = Receiver::start(Mood::Takes).await?;
        let [wecom, dingtalk, feishu] =
            [Receiver::start(ZERO).await?, Receiver::start(ZERO).await?, Receiver::start(ZERO).await?];
        let urls = |name: &str, url: String| {
            format!("[notify.plugin.{name}]\nusers_register = \"{url}\"\nusers_active = \"{url}\"\n")
        };
        let site = Site::start_with(|settings| {
            settings.notify = plain.url();
            settings.extra = [
                "notify = [\"wecom\", \"gosip-notify\", \"dingtalk\", \"feishu\"]\n",
                "[plugins.config.dingtalk]\nsigned = true\n[plugins.config.feishu]\nsigned = true\n",
                "[plugins.keys]\ndingtalk = \"SECding\"\nfeishu = \"SECfei\"\n",
                &urls("wecom", format!("{}?key=robot-1", wecom.url())),
                &urls("dingtalk", format!("{}?access_token=robot-2", dingtalk.url())),
                &urls("feishu", feishu.url()),
            ]
            .concat();
        })
        .await?;
        Ok(Self { site, plain, wecom, dingtalk, feishu })
    }
}

/// A query's pairs, decoded.
fn pairs(delivery: &Delivery) -> anyhow::Result<Vec<(String, String)>> {
    let url = Url::parse("http://receiver")?.join(&delivery.head[1])?;
    Ok(url.query_pairs().into_owned().collect())
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_robot_is_told_in_its_own_words_and_by_its_own_sign() -> anyhow::Result<()> {
    let room = Newsroom::open().await?;
    let (issued, device) = room.site.online(0, |_| {}).await?;
    let id = &issued.device;
    let registered = format!("[sluice] 设备注册 registered: {id} {id} 127.0.0.1");

    let wecom = delivered(&room.wecom, 0, ZERO).await?;
    assert_eq!(pairs(&wecom)?, owned([("key", "robot-1")]));
    assert_eq!(wecom.body, json!({ "msgtype": "text", "text": { "content": registered } }));

    let dingtalk = delivered(&room.dingtalk, 0, ZERO).await?;
    assert_eq!(dingtalk.body, wecom.body);
    let query = pairs(&dingtalk)?;
    let time = query.iter().find(|(name, _)| name == "timestamp").context("a timestamp")?.1.clone();
    assert!(is_now(time.parse::<i64>()? / 1000), "{time}");
    let sign = BASE64_STANDARD.encode(hmac_sha256(b"SECding", format!("{time}\nSECding").as_bytes()));
    assert_eq!(query, owned([("access_token", "robot-2"), ("timestamp", &time), ("sign", &sign)]));

    let feishu = delivered(&room.feishu, 0, ZERO).await?;
    let time = feishu.body["timestamp"].as_str().context("a timestamp")?;
    assert!(is_now(time.parse()?), "{time}");
    let sign = BASE64_STANDARD.encode(hmac_sha256(format!("{time}\nSECfei").as_bytes(), b""));
    let content = json!({ "text": registered });
    assert_eq!(
        feishu.body,
        json!({ "msg_type": "text", "content": content, "timestamp": time, "sign": sign })
    );

    // A keepalive is told to who shares the URLs, and is no message.
    assert_eq!(device.keepalive().await?, 200);
    assert_eq!(device.deregister().await?.status, 200);
    room.plain.taken("users.active", 2).await?;
    let lost = format!("[sluice] 设备 device 离线 offline: {id}");
    let next = delivered(&room.wecom, 1, ZERO).await?;
    assert_eq!(next.body["text"]["content"], lost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_hangs_or_refuses_holds_up_nobody_else() -> anyhow::Result<()> {
    let room = Newsroom::open().await?;
    room.wecom.set(Mood::Hangs);
    room.feishu.set(NINE);
    let (issued, device) = room.site.online(0, |_| {}).await?;
    assert_eq!(device.deregister().await?.status, 200);
    let said = |delivery: &Delivery| -> Value {
        [&delivery.body["text"]["content"], &delivery.body["content"]["text"]]
            .into_iter()
            .find(|text| text.is_string())
            .cloned()
            .unwrap_or_default()
    };
    let id = &issued.device;
    let registered = json!(format!("[sluice] 设备注册 registered: {id} {id} 127.0.0.1"));
    let lost = json!(format!("[sluice] 设备 device 离线 offline: {id}"));

    room.plain.taken("users.regiester", 1).await?;
    room.plain.taken("users.active", 1).await?;
    delivered(&room.dingtalk, 1, ZERO).await?;
    let told: Vec<Value> = room.dingtalk.journal().all().iter().map(said).collect();
    assert_eq!(told, [registered.clone(), lost.clone()]);

    // Theirs wait, in order.
    delivered(&room.feishu, 1, NINE).await?;
    assert!(room.feishu.journal().all().iter().all(|delivery| said(delivery) == registered));
    assert_eq!(room.wecom.journal().all().len(), 1);
    for receiver in [&room.wecom, &room.feishu] {
        receiver.set(ZERO);
        receiver.journal().wait(|delivery| delivery.mood == ZERO && said(delivery) == lost).await?;
        let taken = receiver.journal().all().into_iter().filter(|delivery| delivery.mood == ZERO);
        assert_eq!(
            taken.map(|delivery| said(&delivery)).collect::<Vec<_>>(),
            [registered.clone(), lost.clone()]
        );
    }
    Ok(())
}

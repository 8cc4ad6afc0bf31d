//! The policy `hmac-sign` in the gateway: until when a sign counts, and for whom.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::site::{Site, wait_for};

use crate::hmac::hmac_sha256;

const EXPIRED: &str = "签名已过期 (sign has expired)";
const TOO_LONG: &str = "签名有效期过长 (expires is too far ahead)";
const WRONG: &str = "签名错误 (sign is wrong)";

/// A gateway whose calls are signed by this policy, for ten minutes at most and with no leeway.
async fn site() -> anyhow::Result<Site> {
    let policy = "sign = \"hmac-sign\"\n[plugins.config.hmac-sign]\nmax_age_secs = 600\nleeway_secs = 0\n\
                  [plugins.keys]\nhmac-sign = \"a key of its own\"\n";
    Site::start_with(|settings| settings.extra = policy.to_owned()).await
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The query that signs a request of `client`; `pairs` are encoded and sorted, and one of them is `expires`.
fn signed(path: &str, client: &str, pairs: &str) -> String {
    let code = hmac_sha256(b"a key of its own", format!("GET\n{path}\n{client}\n{pairs}").as_bytes());
    format!("{pairs}&sign={}", hex::encode(code))
}

/// Issues a device, from this address of the machine; HTTP status and text.
async fn issue(site: &Site, from: [u8; 4], query: &str) -> anyhow::Result<(u16, String)> {
    let from = IpAddr::V4(Ipv4Addr::from(from));
    let client = reqwest::Client::builder().no_proxy().local_address(from).timeout(Duration::from_secs(60));
    let answer = client.build()?.get(format!("{}/users?{query}", site.api.base())).send().await?;
    let (status, envelope) = (answer.status().as_u16(), answer.json::<Value>().await?);
    Ok((status, envelope["data"].as_str().unwrap_or_default().to_owned()))
}

fn refused(text: &str) -> (u16, String) {
    (401, text.to_owned())
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const THERE: [u8; 4] = [127, 0, 0, 2];

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_counts_for_its_call_its_client_and_its_time() -> anyhow::Result<()> {
    let site = site().await?;
    let pairs = |end: i64| format!("expires={end}&name=%E5%89%8D%20%26&pwd=1");
    let own = signed("/users", "127.0.0.1", &pairs(now() + 60));
    assert_eq!(issue(&site, HERE, &own).await?.0, 200);
    assert_eq!(issue(&site, THERE, &own).await?, refused(WRONG), "heard by somebody else");
    let other = signed("/users", "127.0.0.2", &pairs(now() + 60));
    assert_eq!(issue(&site, THERE, &other).await?.0, 200);
    assert_eq!(issue(&site, HERE, &own.replace("pwd=1", "pwd=2")).await?, refused(WRONG));
    for (end, text) in [(now() - 1, EXPIRED), (now() + 700, TOO_LONG)] {
        let query = signed("/users", "127.0.0.1", &pairs(end));
        assert_eq!(issue(&site, HERE, &query).await?, refused(text));
    }
    // Two calls passed, and no more.
    assert_eq!(site.row("SELECT CAST(count(*) AS TEXT) FROM users WHERE ?1", "1")?, "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_cannot_be_sent_again_after_its_end() -> anyhow::Result<()> {
    let site = site().await?;
    let query = signed("/users", "127.0.0.1", &format!("expires={}&pwd=1", now() + 3));
    assert_eq!(issue(&site, HERE, &query).await?.0, 200);
    let is_over =
        || async { issue(&site, HERE, &query).await.is_ok_and(|answer| answer == refused(EXPIRED)) };
    wait_for(is_over).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_let_in_from_the_address_that_it_was_signed_for() -> anyhow::Result<()> {
    let site = site().await?;
    let path = "/rtp/29B92700/hls.m3u8";
    let params = signed(path, "198.51.100.7", &format!("expires={}&user=7", now() + 60));
    let asked = |ip: &str, params: &str| {
        json!({
            "app": "rtp", "stream": "29B92700", "schema": "rtmp", "protocol": "rtmp", "vhost": "__defaultVhost__",
            "ip": ip, "port": 40000, "params": params,
        })
    };
    let let_in = site.api.hook("on_play", &asked("198.51.100.7", &params)).await?;
    assert_eq!(let_in["code"], 0, "{let_in}");
    let late = signed(path, "198.51.100.7", &format!("expires={}&user=7", now() - 1));
    for (ip, params, text) in [("198.51.100.8", &params, WRONG), ("198.51.100.7", &late, EXPIRED)] {
        let refused = site.api.hook("on_play", &asked(ip, params)).await?;
        assert_eq!((&refused["code"], &refused["msg"]), (&json!(-1), &json!(text)));
    }
    Ok(())
}

//! Where hooks may come from. That the token is asked for stands in `hook`.

use std::net::Ipv4Addr;

use sluice_tests::site::Site;

use crate::raw_http::{Raw, STRANGER, refused};

const TAKEN: &str = r#"{"code":0,"msg":"success"}"#;
const SOURCE: &str = r#"{"code":-1,"msg":"来源地址错误 (no hooks are taken from this address)"}"#;
const TOKEN: &str = r#"{"code":-1,"msg":"token 错误 (wrong token)"}"#;

/// What a hook from this address is answered.
async fn hook(site: &Site, from: Ipv4Addr, query: &str) -> anyhow::Result<String> {
    let mut caller = Raw::connect_from(from, site).await?;
    let head = format!("POST /index/hook/on_server_keepalive{query} HTTP/1.1\r\nHost: sluice\r\n");
    caller.send(format!("{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes()).await?;
    let answer = caller.rest().await?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_come_from_where_the_operator_says() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.hook_token = String::new();
        settings.media = "hook_from = [\"127.0.0.1\", \"127.0.1.0/24\"]\n".to_owned();
    })
    .await?;
    for (from, query) in [([127, 0, 0, 1], ""), ([127, 0, 1, 9], ""), ([127, 0, 0, 1], "?token=any")] {
        assert_eq!(hook(&site, from.into(), query).await?, TAKEN, "{from:?}");
    }
    for (count, from) in [(1, [127, 0, 0, 2]), (2, [127, 0, 2, 9])] {
        assert_eq!(hook(&site, from.into(), "?token=any").await?, SOURCE, "{from:?}");
        refused(&site, "hook-source", count).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn token_and_address_are_both_asked_for_where_both_are_set() -> anyhow::Result<()> {
    let site =
        Site::start_with(|settings| settings.media = "hook_from = [\"127.0.0.2\"]\n".to_owned()).await?;
    assert_eq!(hook(&site, STRANGER, "?token=hook-token").await?, TAKEN);
    assert_eq!(hook(&site, STRANGER, "").await?, TOKEN);
    assert_eq!(hook(&site, [127, 0, 0, 3].into(), "?token=hook-token").await?, SOURCE);
    refused(&site, "hook-token", 1).await
}

/// As gosip has it: a media server beside the gateway, or in its network, needs neither.
#[tokio::test(flavor = "multi_thread")]
async fn without_either_a_media_server_that_is_near_is_served() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.hook_token = String::new()).await?;
    assert_eq!(hook(&site, Ipv4Addr::LOCALHOST, "").await?, TAKEN);
    assert_eq!(hook(&site, STRANGER, "?token=whatever").await?, TAKEN);
    let (_, device) = site.online(1, |config| config.speed = 20).await?;
    assert_eq!(device.keepalive().await?, 200);
    Ok(())
}

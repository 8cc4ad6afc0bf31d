//! The sign of API calls. That of playbacks stands in `live`.

use md5::{Digest as _, Md5};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Settings, Site};

const SECRET: &str = "test-secret";

/// The hexadecimal MD5 of what the contract has signed; `text` is path and pairs as a client joins them by hand.
fn sign(text: &str) -> String {
    hex::encode(Md5::digest(format!("{text}{SECRET}")))
}

/// Sends the path and query exactly as they stand; HTTP status, code and data, as a text.
async fn call(site: &Site, raw: &str) -> anyhow::Result<(u16, String, String)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client.get(format!("{}{raw}", site.api.base())).send().await?;
    let status = response.status().as_u16();
    let envelope: serde_json::Value = response.json().await?;
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok((status, text(&envelope["code"]), text(&envelope["data"])))
}

fn missing() -> (u16, String, String) {
    (401, "1000".to_owned(), "缺少签名 (sign is missing)".to_owned())
}

fn wrong() -> (u16, String, String) {
    (401, "1000".to_owned(), "签名错误 (sign is wrong)".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_signed_over_its_path_and_decoded_sorted_values() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (query, signed) in [
        ("pwd=1", "/userspwd=1"),
        ("pwd=1&name=a", "/usersname=a&pwd=1"),
        // A space both ways, Chinese, and the characters that queries are made of.
        ("pwd=a+b&name=a%20b", "/usersname=a b&pwd=a b"),
        ("name=%E5%89%8D%E9%97%A8&pwd=%e5%89%8d", "/usersname=前门&pwd=前"),
        ("pwd=%26%3D%25%2B%3F%23&name=x%26sign%3D1", "/usersname=x&sign=1&pwd=&=%+?#"),
        // Keys sort by bytes: upper case first, and a key before the longer one that begins with it.
        ("pwd=1&Zone=2&a=3", "/usersZone=2&a=3&pwd=1"),
        ("pwd=1&a-b=2&a=3", "/usersa=3&a-b=2&pwd=1"),
        ("pwd=1&%E5=", ""),
        // What the call does not know is signed too, and an empty value is a value.
        ("pwd=1&unknown=x&empty=", "/usersempty=&pwd=1&unknown=x"),
    ] {
        let answer = call(&site, &format!("/users?{query}&sign={}", sign(signed))).await?;
        let expected = if signed.is_empty() { (400, "1002") } else { (200, "0") };
        assert_eq!((answer.0, answer.1.as_str()), expected, "{query}: {answer:?}");
    }
    // It may stand anywhere.
    let first = call(&site, &format!("/users?sign={}&pwd=1", sign("/userspwd=1"))).await?;
    assert_eq!(first.0, 200);
    let path = "/play/0BEBC201/stop";
    assert_eq!(call(&site, &format!("{path}?sign={}", sign(path))).await?.0, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_another_sign_does_nothing() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let right = sign("/userspwd=1");
    for raw in ["/users?pwd=1", "/users?pwd=1&sign=", "/users", "/users?pwd=1&Sign=1"] {
        assert_eq!(call(&site, raw).await?, missing(), "{raw}");
    }
    for (story, raw) in [
        ("upper case", format!("/users?pwd=1&sign={}", right.to_uppercase())),
        ("cut short", format!("/users?pwd=1&sign={}", &right[..31])),
        ("too long", format!("/users?pwd=1&sign={right}0")),
        ("of another value", format!("/users?pwd=2&sign={right}")),
        ("of another path", format!("/play/1/stop?pwd=1&sign={right}")),
        ("with one more parameter", format!("/users?pwd=1&name=a&sign={right}")),
        ("twice", format!("/users?pwd=1&sign={right}&sign={right}")),
        ("without the secret", format!("/users?pwd=1&sign={}", hex::encode(Md5::digest("/userspwd=1")))),
        ("of the text before decoding", format!("/users?pwd=%31%20&sign={}", sign("/userspwd=%31%20"))),
        ("in another order", format!("/users?pwd=1&name=a&sign={}", sign("/userspwd=1&name=a"))),
        ("over the path with its query", format!("/users?pwd=1&sign={}", sign("/users?pwd=1pwd=1"))),
    ] {
        assert_eq!(call(&site, &raw).await?, wrong(), "{story}");
    }
    // The number shows that none of them issued anything.
    assert_eq!(site.issue(0).await?.device, "37070000081118000001");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_api_is_signed_and_nothing_else_is() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let (user, channel) = (&issued.device, &issued.channels[0]);
    for path in [
        format!("/users/{user}/update"),
        format!("/users/{user}/delete"),
        format!("/users/{user}/devices"),
        format!("/devices/{channel}/delete"),
        format!("/devices/{channel}/play"),
        "/play/0BEBC201/stop".to_owned(),
    ] {
        assert_eq!(call(&site, &path).await?, missing(), "{path}");
        assert_eq!(call(&site, &format!("{path}?sign=0")).await?, wrong(), "{path}");
    }
    // Who asks for what is not there learns that without a sign.
    let nowhere = (404, "1002".to_owned(), "没有这个接口 (no such path)".to_owned());
    assert_eq!(call(&site, "/nowhere").await?, nowhere);
    // All is still there: nothing of it was done.
    assert_eq!(site.row("SELECT pdid FROM channels WHERE deviceid = ?1", channel)?, *user);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_mode_asks_for_no_sign() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.mode = "debug").await?;
    for query in ["pwd=1", "pwd=1&sign=wrong"] {
        assert_eq!(call(&site, &format!("/users?{query}")).await?.0, 200, "{query}");
    }
    Ok(())
}

/// A policy that cannot decide lets nobody in and refuses nobody: 503, so that callers try again.
///
/// The bundled component gets little more memory than it starts with, and a query that does not fit beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_traps_fails_closed() -> anyhow::Result<()> {
    let limit = "[plugins.limits.gosip-sign]\nmemory_mb = 2\n";
    let site = Site::start_with(|settings| settings.extra = limit.to_owned()).await?;
    let pairs = "a&".repeat(30_000);
    let signed: Vec<&str> = pairs.split_terminator('&').map(|_| "a=").collect();
    let text = format!("/users{}&pwd=1", signed.join("&"));
    let (status, code, data) = call(&site, &format!("/users?{pairs}pwd=1&sign={}", sign(&text))).await?;
    assert_eq!((status, code.as_str()), (503, "1003"), "{data}");
    assert_eq!(data, "策略无法判定 (policy cannot decide)");
    // The next call has a fresh instance, and a number that shows that the one before did nothing.
    assert_eq!(site.issue(0).await?.device, "37070000081118000001");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_its_policy_does_not_start() -> anyhow::Result<()> {
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let folder = tempfile::tempdir()?;
    let mut settings = Settings::new(&zlm)?;
    for name in ["gosip-auth.wasm", "gosip-notify.wasm"] {
        std::fs::copy(settings.plugins.join(name), folder.path().join(name))?;
    }
    folder.path().clone_into(&mut settings.plugins);
    let config = sluice::config::parse(&settings.to_toml(folder.path()), [])?;
    let ended = sluice::Server::bind(config).await?.run(std::future::pending()).await;
    let error = ended.expect_err("it has no sign policy").to_string();
    assert!(error.contains("gosip-sign") && error.contains("cargo plugins"), "{error}");
    Ok(())
}

//! The envelope around every answer, also of calls that go wrong.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_tests::site::{PASSWORD, Reply, Site, wait_for};

/// An answer without its `time` and `id`, which are looked at here.
pub(crate) fn bare(reply: Reply, ids: &mut HashSet<String>) -> (u16, Value) {
    let Reply { status, mut envelope } = reply;
    let now = Timestamp::now().as_second();
    let time = envelope["time"].take();
    assert!(time.as_i64().is_some_and(|time| (now - 60..=now).contains(&time)), "{time} at {now}");
    let id = envelope["id"].take();
    let id = id.as_str().unwrap_or_default();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert!(ids.insert(id.to_owned()), "{id} was used before");
    (status, envelope)
}

pub(crate) fn refused(status: u16, code: &str, text: &str) -> (u16, Value) {
    (status, json!({ "code": code, "data": text, "time": null, "id": null }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_stands_in_the_envelope() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let mut ids = HashSet::new();
    let missing = refused(400, "1002", "参数错误 (pwd is missing)");
    for query in [&[][..], &[("pwd", "")], &[("name", "前门")], &[("PWD", "1")]] {
        let reply = site.api.get("/users", query).await?;
        assert_eq!(bare(reply, &mut ids), missing, "{query:?}");
    }
    let twice = site.api.get("/users", &[("pwd", "1"), ("pwd", "2")]).await?;
    assert_eq!(bare(twice, &mut ids), refused(400, "1002", "参数错误 (pwd is given more than once)"));
    for path in ["/", "/user", "/users/", "//users", "/devices", "/users/1/2/3"] {
        let reply = site.api.get(path, &[]).await?;
        assert_eq!(bare(reply, &mut ids), refused(404, "1002", "没有这个接口 (no such path)"), "{path}");
    }
    let stop = site.api.get("/play/0BEBC201/stop", &[]).await?;
    let text = "视频流不存在或已关闭 (no such stream, or closed already)";
    assert_eq!(bare(stop, &mut ids), refused(200, "0", text));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_but_get_does_anything() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let sign = site.api.sign("/users", &[("pwd", PASSWORD)]);
    let url = format!("{}/users?pwd={PASSWORD}&sign={sign}", site.api.base());
    let mut ids = HashSet::new();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let response = client.request(method.parse()?, &url).send().await?;
        let status = response.status().as_u16();
        assert_eq!(response.headers()["allow"], "GET", "{method}");
        assert_eq!(response.headers()["content-type"], "application/json", "{method}");
        let reply = Reply { status, envelope: response.json().await? };
        let expected = refused(405, "1002", "请求方法错误 (method not allowed)");
        assert_eq!(bare(reply, &mut ids), expected, "{method}");
    }
    let head = client.head(&url).send().await?;
    assert_eq!((head.status().as_u16(), head.text().await?.as_str()), (405, ""));
    // The number shows that none of them issued anything.
    assert_eq!(site.issue(0).await?.device, "37070000081118000001");
    Ok(())
}

/// A backup tool or an administrator's shell that holds the database's lock is the plainest way for a store to
/// fail; a full disk fails in the same place.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_said_so_and_comes_back() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let database = rusqlite::Connection::open(site.folder.path().join("sluice.db"))?;
    database.execute_batch("BEGIN IMMEDIATE")?;
    let (user, channel) = (&issued.device, &issued.channels[0]);
    let paths = ["/users".to_owned(), format!("/users/{user}/devices"), format!("/devices/{channel}/delete")];
    let calls = paths.map(|path| {
        let api = site.api.clone();
        tokio::spawn(async move { (api.get(&path, &[("pwd", PASSWORD)]).await, path) })
    });
    for call in calls {
        let (reply, path) = call.await?;
        let (status, code, text) = reply?.refusal();
        assert_eq!((status, code.as_str()), (500, "1001"), "{path}");
        assert_eq!(text, "数据库错误 (storage failed)", "{path}");
    }
    database.execute_batch("ROLLBACK")?;
    // It finds that out by itself; until then it refuses at once.
    wait_for(|| site.api.is_ready()).await?;
    // Nothing was half done: the next number is the next, and the channel is still there.
    assert_eq!(site.issue(0).await?.device, "37070000081118000002");
    assert_eq!(site.api.get(&format!("/devices/{channel}/delete"), &[]).await?.ok()?, "");
    Ok(())
}

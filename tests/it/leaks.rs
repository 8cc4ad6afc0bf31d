//! What goes wrong inside is told in general words: no path, no statement, no host, no words of another program's.

use sluice_tests::media::Fault;
use sluice_tests::site::{PASSWORD, Site};

use crate::live_steps::play;

/// What would tell a caller of the inside: folders, SQL, addresses, crates, and what the media server said itself.
fn inside(site: &Site) -> Vec<String> {
    let own = [site.folder.path().display().to_string(), site.zlm.rtp_address().ip().to_string()];
    let words = [
        "/",
        "\\",
        "sluice.db",
        "SELECT",
        "INSERT",
        "database is",
        "wasm",
        "rusqlite",
        "reqwest",
        "Connection",
    ];
    own.into_iter().chain(words.map(str::to_owned)).chain(["opt", "10.9.8.7"].map(str::to_owned)).collect()
}

fn says_nothing(site: &Site, told: &str) {
    for word in inside(site) {
        assert!(!told.contains(&word), "{word} stands in: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_tells_nothing_of_itself() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let database = rusqlite::Connection::open(&site.database)?;
    // A table that is gone fails with its statement, a locked one with SQLite's words.
    database.execute_batch("DROP TABLE channels")?;
    let (status, code, told) =
        site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.refusal();
    assert_eq!((status, code.as_str(), told.as_str()), (500, "1001", "数据库错误 (storage failed)"));
    let gone = site.api.get(&format!("/users/{}/devices", issued.device), &[]).await?.refusal();
    assert_eq!(gone, (500, "1001".to_owned(), told));
    database.execute_batch("BEGIN IMMEDIATE")?;
    let (status, code, told) = site.api.get("/users", &[("pwd", PASSWORD)]).await?.refusal();
    database.execute_batch("ROLLBACK")?;
    assert_eq!((status, code.as_str(), told.as_str()), (500, "1001", "数据库错误 (storage failed)"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_server_that_fails_tells_nothing_of_itself() -> anyhow::Result<()> {
    let site = Site::start_apart(|settings| settings.rtp_ports = "each").await?;
    let (issued, _device) = site.online(1, |config| config.speed = 20).await?;
    let path = format!("/devices/{}/play", issued.channels[0]);
    for (code, said) in
        [(-1, "cannot open /opt/media/x.sdp"), (-100, "10.9.8.7 is not allowed"), (-500, "10.9.8.7")]
    {
        site.zlm.fail("openRtpServer", Fault::Code(code, said.to_owned()), Some(1));
        let (status, error, told) = site.api.get(&path, &[]).await?.refusal();
        assert_eq!((status, error.as_str()), (408, "1003"), "{told}");
        assert!(told.starts_with("流媒体服务错误 (media server: openRtpServer: "), "{told}");
        says_nothing(&site, &told);
    }
    let stream = play(&site, &issued).await?;
    site.zlm.kill().await;
    let told = site.api.get(&format!("/play/{stream}/record"), &[]).await?.refusal();
    let unreachable = "流媒体服务错误 (media server: startRecord: not reachable)";
    assert_eq!(told, (408, "1003".to_owned(), unreachable.to_owned()));
    let ready = site.api.get_unsigned("/readyz", &[]).await?;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.envelope["media"], "media server: version: not reachable");
    Ok(())
}

/// The component gets little more memory than it starts with, and a query that does not fit beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_breaks_tells_nothing_of_itself() -> anyhow::Result<()> {
    let limit = "[plugins.limits.gosip-sign]\nmemory_mb = 2\n";
    let site = Site::start_with(|settings| settings.extra = limit.to_owned()).await?;
    let query = [[("a", "")].repeat(20_000), vec![("sign", "0")]].concat();
    let told = site.api.get_unsigned("/users", &query).await?.refusal();
    assert_eq!(told, (503, "1003".to_owned(), "策略无法判定 (policy cannot decide)".to_owned()));
    Ok(())
}

//! The policy plugins as operators see and change them.

use serde_json::{Value, json};
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::{Front, Site, wait_for};

/// A site whose gateway watches a folder of its own.
pub(crate) async fn watched() -> anyhow::Result<(Site, PluginFolder)> {
    let folder = PluginFolder::bundled()?;
    let path = folder.path().to_owned();
    let site = Site::start_with(|settings| settings.plugins = path).await?;
    Ok((site, folder))
}

/// What is shown of a plugin; null if it is not there.
pub(crate) async fn plugin(site: &Front, name: &str) -> anyhow::Result<Value> {
    let plugins = site.api.get("/plugins", &[]).await?.ok()?;
    let plugins = plugins.as_array().cloned().unwrap_or_default();
    Ok(plugins.into_iter().find(|plugin| plugin["name"] == name).unwrap_or_default())
}

/// Waits until what is shown of a plugin is as expected.
pub(crate) async fn wait_until(
    site: &Front,
    name: &str,
    so: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    wait_for(|| async { plugin(site, name).await.is_ok_and(|shown| so(&shown)) }).await?;
    plugin(site, name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_shown_with_all_that_is_known_of_it() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    site.api.get("/users/0/update", &[]).await?;
    let mut shown = plugin(&site, "gosip-sign").await?;
    let component = folder.component("gosip-sign")?;
    // The call that shows it is the second one.
    assert_eq!(shown["calls"]["ok"].take(), json!(2));
    assert!(shown["p50_us"].take().as_f64().is_some_and(|p50| p50 > 0.0));
    assert!(shown["p99_us"].take().as_f64().is_some_and(|p99| p99 > 0.0));
    assert!(shown["memory_bytes"].take().as_u64().is_some_and(|bytes| bytes >= 65_536));
    assert!(shown["instances"].take().as_u64().is_some_and(|instances| instances >= 1));
    assert!(shown["since"].take().as_u64().is_some_and(|since| since > 1_700_000_000));
    let failures = shown["calls"].take();
    assert!(failures.as_object().is_some_and(|calls| calls.len() == 10), "{failures}");
    let expected = json!({
        "name": "gosip-sign",
        "file": folder.path().join("gosip-sign.wasm"),
        "state": "in-force",
        "set_aside_ms": null,
        "version": {
            "sha256": sha256(&component),
            "size": component.len(),
            "name": "gosip-sign",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Lets calls and playbacks go on that are signed as gosip signs them",
        },
        "since": null,
        "exports": ["sign"],
        "used_for": ["sign"],
        "before": null,
        "refused": null,
        "calls": null,
        "p50_us": null,
        "p99_us": null,
        "instances": null,
        "memory_bytes": null,
        "last_error": null,
        "candidate": null,
    });
    assert_eq!(shown, expected);
    Ok(())
}

/// The page for Prometheus.
pub(crate) async fn metrics(front: &Front) -> anyhow::Result<String> {
    let page = reqwest::Client::builder().no_proxy().build()?.get(format!("{}/metrics", front.api.base()));
    let page = page.send().await?.error_for_status()?;
    let kind = page.headers()["content-type"].to_str()?.to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(page.text().await?)
}

/// Fails for a line that is not on the page.
pub(crate) fn says(page: &str, lines: &[&str]) {
    for line in lines {
        let found = page.lines().any(|found| found.strip_suffix(".0").unwrap_or(found) == *line);
        assert!(found, "{line} is not on the page:\n{page}");
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_taken_is_shown_beside_what_stays_in_force() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    let (good, bad) = (folder.component("gosip-auth")?, folder.component("gosip-sign")?);
    folder.put("gosip-auth", &bad)?;
    let shown = wait_until(&site, "gosip-auth", |plugin| !plugin["refused"].is_null()).await?;
    assert_eq!((&shown["state"], &shown["version"]["sha256"]), (&json!("in-force"), &json!(sha256(&good))));
    assert_eq!(shown["refused"]["sha256"], json!(sha256(&bad)));
    let reason = "plugin gosip-auth is named for auth in [plugins], but does not export `sluice:policy/auth`";
    assert_eq!(shown["refused"]["reason"], reason);
    site.online(1, |_| {}).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_numbers_are_there_for_prometheus() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    let (issued, _device) = site.online(1, |_| {}).await?;
    let page = metrics(&site).await?;
    let sha256 = sha256(&folder.component("gosip-auth")?);
    let lines = [
        "sluice_devices 1",
        "sluice_devices_online 1",
        "sluice_streams{stage=\"flowing\"} 0",
        "sluice_events_waiting 0",
        "sluice_sip_messages_total{outcome=\"malformed\"} 0",
        "sluice_plugin_calls_total{plugin=\"gosip-auth\",outcome=\"ok\"} 2",
        "sluice_plugin_calls_total{plugin=\"gosip-auth\",outcome=\"trap\"} 0",
        "sluice_plugin_call_seconds_count{plugin=\"gosip-auth\"} 2",
        "sluice_plugin_call_seconds_bucket{le=\"+Inf\",plugin=\"gosip-auth\"} 2",
        "sluice_plugin_state{plugin=\"gosip-auth\",state=\"in-force\"} 1",
        &format!(
            "sluice_plugin_version{{plugin=\"gosip-auth\",sha256=\"{sha256}\",version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        ),
        "# EOF",
    ];
    says(&page, &lines);
    for secret in [issued.device.as_str(), "test-secret", "127.0.0.1", "12345678"] {
        assert!(!page.contains(secret), "{secret} is on the page:\n{page}");
    }
    Ok(())
}

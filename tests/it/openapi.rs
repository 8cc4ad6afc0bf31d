//! The OpenAPI document and the probes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::site::Site;

/// What gosip's clients call.
const CONTRACT: [&str; 11] = [
    "/users",
    "/users/{id}/update",
    "/users/{id}/delete",
    "/users/{id}/devices",
    "/devices/{id}/delete",
    "/devices/{id}/play",
    "/play/{id}/stop",
    "/devices/{id}/replay",
    "/devices/{id}/files",
    "/play/{id}/record",
    "/record/{id}/stop",
];

/// Status and body of a GET.
async fn get(site: &Site, path: &str) -> anyhow::Result<(u16, String)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client.get(format!("{}{path}", site.api.base())).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_lists_the_routes_that_are_served() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (status, text) = get(&site, "/openapi.json").await?;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text)?;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{document}");
    let paths = document["paths"].as_object().expect("paths");
    for path in CONTRACT {
        assert!(paths[path]["get"].is_object(), "{path} is missing");
    }
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut signed = BTreeSet::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let url =
                format!("{}{}", site.api.base(), path.replace("{id}", "1").replace("{name}", "on_nothing"));
            let response = client.request(method.to_uppercase().parse()?, url).send().await?;
            let status = response.status().as_u16();
            assert!(![404, 405].contains(&status), "{method} {path} is answered {status}");
            let open = operation.get("security") == Some(&json!([{}]));
            assert_eq!(
                status == 401 && method == "get",
                !open && method == "get",
                "{method} {path}: {status}"
            );
            if status == 401 && method == "get" {
                signed.insert(path.as_str());
            }
        }
    }
    assert!(signed.is_superset(&CONTRACT.into()), "{signed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_say_what_is_not_ready() -> anyhow::Result<()> {
    let site = Site::start_apart(|_| {}).await?;
    assert_eq!(get(&site, "/livez").await?, (200, "ok".to_owned()));
    let none = json!({ "waiting": 0, "dropped": 0 });
    let (status, text) = get(&site, "/readyz").await?;
    let ready: Value = serde_json::from_str(&text)?;
    let expected = json!({ "ready": true, "store": "ok", "media": "ok", "notifications": none });
    assert_eq!((status, ready), (200, expected));

    site.zlm.kill().await;
    let (status, text) = get(&site, "/readyz").await?;
    let mut ready: Value = serde_json::from_str(&text)?;
    let why = ready["media"].take();
    let expected = json!({ "ready": false, "store": "ok", "media": null, "notifications": none });
    assert_eq!((status, ready), (503, expected));
    assert!(why.as_str().is_some_and(|why| why != "ok" && !why.contains(site.zlm.secret())), "{why}");
    assert_eq!(get(&site, "/livez").await?, (200, "ok".to_owned()), "it lives all the same");

    site.zlm.restart().await?;
    assert_eq!(get(&site, "/readyz").await?.0, 200);
    Ok(())
}

//! What plugins remember: devices wait for the operator's yes, which comes by the API and outlives the gateway.

use serde_json::{Value, json};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Front, Process, Settings, Site, wait_for};

use crate::binary;

/// What the allow-list has stored under names that begin with `prefix`: names and values.
async fn values(front: &Front, prefix: &str) -> anyhow::Result<Vec<(String, String)>> {
    let values = front.api.get("/plugins/allow-list/values", &[("prefix", prefix)]).await?.ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let values = values.as_array().cloned().unwrap_or_default();
    Ok(values.iter().map(|value| (text(&value["key"]), text(&value["value"]))).collect())
}

/// Says yes or no to a device, or nothing any more.
async fn say(front: &Front, device: &str, word: Option<&str>) -> anyhow::Result<()> {
    let key = format!("approved/{device}");
    let done = match word {
        Some(word) => {
            front.api.get("/plugins/allow-list/values/write", &[("key", &key), ("value", word)]).await?
        }
        None => front.api.get("/plugins/allow-list/values/forget", &[("key", &key)]).await?,
    };
    assert_eq!(done.ok()?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_for_the_operator_s_yes_which_outlives_the_gateway() -> anyhow::Result<()> {
    let (binary, folder) = (binary::gateway()?, tempfile::tempdir()?);
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let mut settings = Settings::new(&zlm)?;
    settings.extra = "auth = \"allow-list\"\n".to_owned();
    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    let (issued, other) = (gateway.issue(0).await?, gateway.issue(0).await?);
    let devices = [gateway.recorder(&issued).start().await?, gateway.recorder(&other).start().await?];
    let waiting = |number: usize| {
        let name = format!("waiting/{}", devices[number].id());
        (name, format!("from {}, password right", devices[number].address()))
    };
    for device in &devices {
        assert_eq!(device.register().await?.status, 403);
    }
    assert_eq!(values(&gateway, "waiting/").await?, [waiting(0), waiting(1)]);

    say(&gateway, &issued.device, Some("yes")).await?;
    assert_eq!(devices[0].register().await?.status, 200);
    assert_eq!(devices[1].register().await?.status, 403);
    assert_eq!(values(&gateway, "waiting/").await?, [waiting(1)]);

    // Who waits is known over a restart in order, and the yes from the moment it was answered.
    gateway.terminate().await?;
    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    assert_eq!(values(&gateway, "waiting/").await?, [waiting(1)]);
    say(&gateway, &other.device, Some("yes")).await?;
    gateway.kill().await?;
    let mut gateway = Process::start(&binary, &settings, folder.path()).await?;
    let word = |device: &str| (format!("approved/{device}"), "yes".to_owned());
    assert_eq!(values(&gateway, "approved/").await?, [word(&issued.device), word(&other.device)]);
    let device = gateway.recorder(&other).start().await?;
    assert_eq!(device.register().await?.status, 200);

    for word in [Some("no"), None] {
        say(&gateway, &other.device, word).await?;
        assert_eq!(device.register().await?.status, 403);
    }
    gateway.terminate().await
}

/// A plugin does not wait for the disk; what it stored is there about a second later.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_stores_is_written_behind() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.extra = "auth = \"allow-list\"\n".to_owned()).await?;
    let issued = site.issue(0).await?;
    let device = site.recorder(&issued).start().await?;
    assert_eq!(device.register().await?.status, 403);
    let sql = "SELECT CAST(value AS TEXT) FROM plugin_values WHERE plugin = 'allow-list' AND name = ?1";
    let row = || site.row(sql, &format!("waiting/{}", issued.device));
    wait_for(|| async { row().is_ok() }).await?;
    assert_eq!(row()?, format!("from {}, password right", device.address()));
    say(&site, &issued.device, Some("yes")).await?;
    assert_eq!(device.register().await?.status, 200);
    wait_for(|| async { row().is_err() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_refused() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (long, large) = ("n".repeat(129), "v".repeat(60_000));
    let refused = [
        ("/plugins/none/values", &[][..], "no plugin none is in force"),
        ("/plugins/none/values/write", &[("key", "a"), ("value", "1")], "no plugin none is in force"),
        ("/plugins/gosip-sign/values/write", &[("value", "1")], "key is missing"),
        ("/plugins/gosip-sign/values/forget", &[("key", "")], "key is missing"),
        ("/plugins/gosip-sign/values/write", &[("key", &long)], "the name is longer than 128 bytes"),
    ];
    for (path, query, text) in refused {
        let answer = site.api.get(path, query).await?;
        assert_eq!(answer.refusal(), (400, "1002".to_owned(), format!("参数错误 ({text})")), "{path}");
    }
    let write = async |key: &str| {
        let query = [("key", key), ("value", large.as_str())];
        site.api.get("/plugins/gosip-sign/values/write", &query).await
    };
    for number in 0..17 {
        write(&number.to_string()).await?.ok()?;
    }
    let full = "参数错误 (the plugin's 1048576 bytes are full)";
    assert_eq!(write("17").await?.refusal(), (400, "1002".to_owned(), full.to_owned()));
    let shown = site.api.get("/plugins/gosip-sign/values", &[("prefix", "1")]).await?.ok()?;
    let keys: Vec<&Value> = shown.as_array().into_iter().flatten().map(|value| &value["key"]).collect();
    assert_eq!(
        keys,
        [
            &json!("1"),
            &json!("10"),
            &json!("11"),
            &json!("12"),
            &json!("13"),
            &json!("14"),
            &json!("15"),
            &json!("16")
        ]
    );
    assert_eq!(shown[0]["size"], 60_000);
    Ok(())
}

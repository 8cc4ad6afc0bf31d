//! A device of each maker: known by the right module, listed and played, whatever it does in its own way.

use anyhow::Context as _;
use serde_json::{Value, json};
use sluice_tests::device::vendor::{MAKERS, Maker};
use sluice_tests::device::{DeviceConfig, Recording};
use sluice_tests::site::{Issued, Site, wait_for};
use tokio::task::JoinSet;

use crate::live_steps::{flows, over, play, stop};

/// 2026-11-21 10:00:00 in Shanghai.
const TEN: i64 = 1_795_226_400;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_each_maker_is_known_listed_and_played() -> anyhow::Result<()> {
    // More sites at once only wait for one another.
    for makers in MAKERS.chunks(5) {
        let mut sites = JoinSet::new();
        for maker in makers.iter().copied() {
            sites.spawn(async move { shows(maker).await.context(maker.name) });
        }
        sites.join_all().await.into_iter().collect::<anyhow::Result<()>>()?;
    }
    Ok(())
}

async fn shows(maker: Maker) -> anyhow::Result<()> {
    let site = Site::start().await?;
    let dress = |config: &mut DeviceConfig| {
        (config.speed, config.recordings) = (20, vec![recording()]);
        (maker.dress)(config);
    };
    let (issued, device) = site.online(2, dress).await?;
    described(&site, &issued, &device.config().manufacturer).await?;
    let known = site.api.get(&format!("/devices/{}/vendor", issued.device), &[]).await?.ok()?;
    assert_eq!((&known["module"], &known["certainty"]), (&json!(maker.module), &json!(maker.certainty)));

    let stream = play(&site, &issued).await?;
    flows(&site, &stream, 20).await?;
    assert_eq!(stop(&site, &stream).await?, "");
    over(&site, &device, &stream).await?;

    let days = json!([{ "date": "2026-11-21", "items": [{ "start": TEN, "end": TEN + 600 }] }]);
    assert_eq!(files(&site, &issued).await?["list"], days, "{}", maker.name);
    Ok(())
}

fn recording() -> Recording {
    Recording {
        name: "录像".to_owned(),
        start: "2026-11-21T10:00:00".to_owned(),
        end: "2026-11-21T10:10:00".to_owned(),
        kind: "time".to_owned(),
        size: 1 << 20,
    }
}

/// Waits until the gateway has the device's own description.
async fn described(site: &Site, issued: &Issued, maker: &str) -> anyhow::Result<()> {
    let sql = "SELECT manufacturer FROM users WHERE deviceid = ?1";
    wait_for(|| async { site.row(sql, &issued.device).is_ok_and(|known| known == maker) }).await
}

async fn files(site: &Site, issued: &Issued) -> anyhow::Result<Value> {
    let [start, end] = [TEN, TEN + 3600].map(|time| time.to_string());
    let path = format!("/devices/{}/files", issued.channels[0]);
    site.api.get(&path, &[("start", &start), ("end", &end)]).await?.ok()
}

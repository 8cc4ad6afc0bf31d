//! Which vendor module a device belongs to: claims, the operator's override, and what makes all of that be asked
//! again.

use anyhow::Context as _;
use serde_json::{Value, json};
use sluice_tests::device::{Behaviour, Device, DeviceEvent, SsrcLine};
use sluice_tests::policy::PluginFolder;
use sluice_tests::puppet::{self, EVERY};
use sluice_tests::site::{Front, Issued, Site, wait_for};

use crate::house::House;
use crate::live_steps::play;

/// What is shown of a device's vendor.
async fn vendor(site: &Front, id: &str) -> anyhow::Result<Value> {
    site.api.get(&format!("/devices/{id}/vendor"), &[]).await?.ok()
}

/// Waits until a device belongs to that module, or to none.
async fn belongs(site: &Front, id: &str, module: Value) -> anyhow::Result<()> {
    wait_for(|| async { vendor(site, id).await.is_ok_and(|shown| shown["module"] == module) }).await
}

/// Waits until DeviceInfo was taken.
async fn described(site: &Front, id: &str) -> anyhow::Result<()> {
    let told = || site.row("SELECT firmware FROM users WHERE deviceid = ?1", id);
    wait_for(|| async { told().is_ok_and(|firmware| !firmware.is_empty()) }).await
}

/// The `o=` of the offers that a device got.
fn owners(device: &Device) -> Vec<String> {
    let offers = device.events().into_iter().filter_map(|event| match event {
        DeviceEvent::Invited { sdp, .. } => Some(sdp),
        _ => None,
    });
    let owner = |sdp: String| {
        sdp.lines().find_map(|line| Some(line.strip_prefix("o=")?.split(' ').next()?.to_owned()))
    };
    offers.filter_map(owner).collect()
}

/// A profile that shows in every offer: the device's id in `o=`, where it is the channel's otherwise.
const SHOWS: &str = "sdp-owner = \"device\"";

#[tokio::test(flavor = "multi_thread")]
async fn all_that_led_to_a_module_is_shown() -> anyhow::Result<()> {
    let config = puppet::knowing(EVERY, "", "query-delay-ms = 11\nhooks = [\"offer\", \"answer\"]");
    let site = puppet::site(&config, |_| {}).await?;
    let (issued, _device) = site.online(1, |config| config.manufacturer = "Hikvision".to_owned()).await?;
    described(&site, &issued.device).await?;
    // Names in Chinese have come.
    wait_for(|| async {
        vendor(&site, &issued.device).await.is_ok_and(|shown| shown["known"]["attributes"] != json!([]))
    })
    .await?;
    let mut shown = vendor(&site, &issued.device).await?;
    // Most modules know nothing of it.
    let claims = shown["claims"].as_array_mut().context("claims")?;
    assert!(claims.is_sorted_by_key(|claim| claim["module"].to_string()), "{claims:?}");
    claims.retain(|claim| claim["certainty"] != Value::Null || claim["module"] == "dahua");
    let claim = |module: &str, certainty: Option<u8>, reason: Option<&str>| json!({ "module": module, "certainty": certainty, "reason": reason, "error": null });
    let expected = json!({
        "deviceid": issued.device,
        "module": "puppet",
        "certainty": 100,
        "reason": EVERY,
        "override": null,
        "claims": [
            claim("dahua", None, None),
            claim("hikvision", Some(95), Some("its Manufacturer is Hikvision")),
            claim("puppet", Some(100), Some(EVERY)),
        ],
        "known": {
            "user_agent": "Simulated Device",
            "manufacturer": "Hikvision",
            "model": "Simulated",
            "firmware": "V1.0",
            "version": null,
            "attributes": ["sends-gb18030=true"],
        },
        "profile": {
            "charset": "gb2312",
            "transport": "configured",
            "sdp-owner": "channel",
            "sdp-payloads": [96, 97, 98, 99],
            "sdp-stream-attribute": null,
            "sdp-format": null,
            "invite-target": "channel",
            "config-target": "device",
            "record-type": "all",
            "ssrc-change": "follow",
            "query-delay-ms": 11,
            "invite-timeout-secs": 0,
            "date": true,
            "repair": [],
            "hooks": ["answer", "offer"],
        },
    });
    assert_eq!(shown, expected);
    let of_channel = vendor(&site, &issued.channels[0]).await?;
    assert_eq!(of_channel["deviceid"], issued.device.as_str(), "a channel is its device's");
    let unknown = site.api.get("/devices/1/vendor", &[]).await?;
    assert_eq!(unknown.refusal(), (400, "1002".to_owned(), "设备不存在 (no device 1)".to_owned()));
    Ok(())
}

/// By its User-Agent a device might be anybody's; its DeviceInfo tells.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_says_of_itself_changes_whose_it_is() -> anyhow::Result<()> {
    let site = puppet::site(&puppet::knowing("model=Simulated", "", SHOWS), |_| {}).await?;
    let issued = site.issue(1).await?;
    let mut config = site.recorder(&issued);
    config.user_agent = "IP Camera".to_owned();
    let device = config.start().await?;
    device.behave(|device| device.no_query_answers = true);
    assert_eq!(device.register().await?.status, 200);
    let shown = vendor(&site, &issued.device).await?;
    assert_eq!((&shown["module"], &shown["certainty"]), (&json!("hikvision"), &json!(40)));
    device.behave(|device| device.no_query_answers = false);
    assert_eq!(device.deregister().await?.status, 200);
    assert_eq!(device.register().await?.status, 200);
    site.wait_until_on(&issued.channels[0]).await?;
    belongs(&site, &issued.device, json!("puppet")).await?;
    play(&site, &issued).await?;
    assert_eq!(owners(&device), [issued.device]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_device_behaves_changes_whose_it_is() -> anyhow::Result<()> {
    let site = puppet::site(&puppet::knowing("ssrc-changed=true", "", SHOWS), |_| {}).await?;
    let (mut issued, device) = site.online(2, |_| {}).await?;
    device.behave(|device: &mut Behaviour| device.ssrc_line = SsrcLine::Other("0703001718".to_owned()));
    play(&site, &issued).await?;
    issued.channels.swap(0, 1);
    play(&site, &issued).await?;
    assert_eq!(owners(&device), [issued.channels[1].clone(), issued.device.clone()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_cannot_say_is_passed_over() -> anyhow::Result<()> {
    let config = puppet::knowing(EVERY, "fails = [\"claim\"]", SHOWS);
    let site = puppet::site(&config, |_| {}).await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let shown = vendor(&site, &issued.device).await?;
    let claims = shown["claims"].as_array().context("claims")?;
    let puppet = claims.iter().find(|claim| claim["module"] == "puppet").context("its claim")?;
    assert_eq!((&shown["module"], &puppet["error"]), (&Value::Null, &json!("plugin puppet: claim fails")));
    play(&site, &issued).await?;
    assert_eq!(owners(&device), issued.channels);
    Ok(())
}

/// The module comes, changes and goes while a device is online, which never registers again.
#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_dropped_in_changes_the_next_invite() -> anyhow::Result<()> {
    let folder = PluginFolder::bundled()?;
    let path = folder.path().to_owned();
    let site = Site::start_with(|settings| {
        settings.plugins = path;
        settings.extra = puppet::knowing(EVERY, "", SHOWS);
    });
    let site = site.await?;
    let (issued, device) = site.online(3, |_| {}).await?;
    let registered =
        || device.events().iter().filter(|event| matches!(event, DeviceEvent::Registered { .. })).count();
    let before = registered();
    let [one, two, three] = [0, 1, 2]
        .map(|n| Issued { device: issued.device.clone(), channels: vec![issued.channels[n].clone()] });
    play(&site, &one).await?;

    folder.put("puppet", &puppet::component()?)?;
    loaded(&site, "puppet", true).await?;
    play(&site, &two).await?;

    std::fs::remove_file(folder.path().join("puppet.wasm"))?;
    loaded(&site, "puppet", false).await?;
    play(&site, &three).await?;

    let expected = [&one.channels[0], &issued.device, &three.channels[0]].map(Clone::clone);
    assert_eq!(owners(&device), expected);
    assert_eq!(registered(), before);
    Ok(())
}

/// Waits until a plugin is in force, or not any more.
async fn loaded(site: &Site, name: &str, there: bool) -> anyhow::Result<()> {
    let found = |plugins: &Value| {
        plugins.as_array().is_some_and(|all| all.iter().any(|plugin| plugin["name"] == name))
    };
    wait_for(|| async {
        site.api.get("/plugins", &[]).await.is_ok_and(|reply| found(&reply.envelope["data"]) == there)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_s_configuration_comes_before_claims() -> anyhow::Result<()> {
    let id = "37070000081118000001";
    let config = format!(
        "{}[vendor.device]\n{id:?} = \"standard\"\n[vendor.manufacturer]\nSluice = \"dahua\"\nAcme = \"nobody\"\n",
        puppet::knowing(EVERY, "", SHOWS)
    );
    let site = puppet::site(&config, |_| {}).await?;
    let (first, _device) = site.online(1, |_| {}).await?;
    assert_eq!(first.device, id);
    let shown = vendor(&site, id).await?;
    let order =
        |module: &str, by: &str, in_force: bool| json!({ "module": module, "by": by, "in_force": in_force });
    assert_eq!((&shown["module"], &shown["override"]), (&Value::Null, &order("standard", "device", true)));

    let (second, _device) = site.online(1, |config| config.manufacturer = "SLUICE".to_owned()).await?;
    described(&site, &second.device).await?;
    let shown = vendor(&site, &second.device).await?;
    assert_eq!(
        (&shown["module"], &shown["override"]),
        (&json!("dahua"), &order("dahua", "manufacturer", true))
    );
    assert_eq!((&shown["certainty"], &shown["reason"]), (&json!(100), &json!("an operator chose it")));

    let (third, _device) = site.online(1, |config| config.manufacturer = "Acme".to_owned()).await?;
    described(&site, &third.device).await?;
    let shown = vendor(&site, &third.device).await?;
    assert_eq!(
        (&shown["module"], &shown["override"]),
        (&json!("puppet"), &order("nobody", "manufacturer", false))
    );
    Ok(())
}

/// By the API an operator overrides the configuration too, until it is taken back. It outlives the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_by_the_api_goes_for_the_next_invite_and_is_kept() -> anyhow::Result<()> {
    let folder = PluginFolder::bundled()?;
    folder.put("puppet", &puppet::component()?)?;
    let path = folder.path().to_owned();
    let (house, mut process) = House::start(|settings| {
        settings.plugins = path;
        let order = "[vendor.manufacturer]\nSluice = \"hikvision\"\n";
        settings.extra = puppet::knowing("chosen=true", "", SHOWS) + order;
    })
    .await?;
    let (issued, device) = process.online(2, |_| {}).await?;
    described(&process, &issued.device).await?;
    belongs(&process, &issued.device, json!("hikvision")).await?;

    let path = format!("/devices/{}/vendor", issued.device);
    let chosen = process.api.put(&path, &[("module", "puppet")]).await?.ok()?;
    let order = json!({ "module": "puppet", "by": "api", "in_force": true });
    assert_eq!((&chosen["module"], &chosen["override"]), (&json!("puppet"), &order));
    process.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;

    process.terminate().await?;
    let process = house.open().await?;
    assert_eq!(vendor(&process, &issued.device).await?["override"], order);
    let released = process.api.delete(&path).await?.ok()?;
    assert_eq!(
        released["override"],
        json!({ "module": "hikvision", "by": "manufacturer", "in_force": true })
    );
    process.api.get(&format!("/devices/{}/play", issued.channels[1]), &[]).await?.ok()?;
    assert_eq!(owners(&device), [issued.device.clone(), issued.channels[1].clone()]);

    let refused = process.api.put(&path, &[("module", "nobody")]).await?.refusal();
    assert_eq!(refused, (400, "1002".to_owned(), "参数错误 (there is no vendor module nobody)".to_owned()));
    assert_eq!(process.api.put(&path, &[]).await?.refusal().1, "1002");
    let unsigned =
        reqwest::Client::builder().no_proxy().build()?.delete(format!("{}{path}", process.api.base()));
    assert_eq!(unsigned.send().await?.status(), 401);
    Ok(())
}

//! What a vendor module's hooks change in messages, on their way in and out; and that one which fails changes
//! nothing.

use sluice_tests::device::{Behaviour, Charset, Device, DeviceConfig, SsrcLine};
use sluice_tests::puppet::{self, EVERY, PuppetSite};
use sluice_tests::site::{Issued, wait_for};

use crate::live_steps::{play, received};

const HOOKS: [&str; 5] = ["answer", "catalog", "control", "offer", "repair"];

/// A site whose module has hooks, of which `fails` fail, and one of its devices.
async fn hooked(
    hooks: &[&str],
    fails: &[&str],
    change: impl FnOnce(&mut DeviceConfig),
) -> anyhow::Result<(PuppetSite, Issued, Device)> {
    let flags: Vec<_> = hooks.iter().filter(|hook| **hook != "repair").collect();
    let repaired = if hooks.contains(&"repair") { vec!["catalog"] } else { vec![] };
    let profile = format!("hooks = {flags:?}\nrepair = {repaired:?}");
    let config = puppet::knowing(EVERY, &format!("fails = {fails:?}"), &profile);
    let site = puppet::site(&config, |_| {}).await?;
    let (issued, device) = site.online(1, change).await?;
    Ok((site, issued, device))
}

/// What is to be seen of each hook: the channel's name, a query, an offer, and the SSRC that is expected.
#[derive(Debug, PartialEq)]
struct Seen {
    name: String,
    query: bool,
    offer: bool,
    ssrc: String,
}

async fn seen(hooks: &[&str], fails: &[&str]) -> anyhow::Result<Seen> {
    let (site, issued, device) = hooked(hooks, fails, |_| {}).await?;
    let channel = &issued.channels[0];
    device.behave(|device: &mut Behaviour| device.ssrc_line = SsrcLine::Other("0703001718".to_owned()));
    let stream = play(&site, &issued).await?;
    let texts = |method| {
        received(&device, method)
            .into_iter()
            .map(|message| String::from_utf8_lossy(&message.body).into_owned())
    };
    let catalog = format!("<Puppet>Catalog of {}</Puppet>\r\n</Query>", issued.device);
    Ok(Seen {
        name: site.row("SELECT name FROM channels WHERE deviceid = ?1", channel)?,
        query: texts("MESSAGE").any(|text| text.contains(&catalog)),
        offer: texts("INVITE")
            .any(|text| text.contains(&format!("\r\na=puppet:{channel} of {}\r\n", issued.device))),
        ssrc: site.row("SELECT media_ssrc FROM streams WHERE stream = ?1", &stream)?,
    })
}

fn untouched() -> Seen {
    Seen { name: "通道1".to_owned(), query: false, offer: false, ssrc: "0703001718".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hook_is_called_where_the_profile_asks_for_it() -> anyhow::Result<()> {
    assert_eq!(seen(&[], &[]).await?, untouched());
    assert_eq!(seen(&["catalog"], &[]).await?, Seen { name: "通道1 (puppet)".to_owned(), ..untouched() });
    assert_eq!(seen(&["control"], &[]).await?, Seen { query: true, ..untouched() });
    assert_eq!(seen(&["offer"], &[]).await?, Seen { offer: true, ..untouched() });
    assert_eq!(seen(&["answer"], &[]).await?, Seen { ssrc: "0703001719".to_owned(), ..untouched() });
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_fails_leaves_its_message_as_it_was() -> anyhow::Result<()> {
    assert_eq!(seen(&HOOKS, &HOOKS).await?, untouched());
    Ok(())
}

/// The device misspells its channels' names.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_repaired_before_it_is_parsed() -> anyhow::Result<()> {
    for (hooks, name) in [(&[] as &[&str], "通道1"), (&["repair"], "门")] {
        let (site, issued, device) = hooked(hooks, &[], |config| config.charset = Charset::Utf8).await?;
        let channel = &issued.channels[0];
        let catalog = format!(
            "<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{}</DeviceID><SumNum>1</SumNum>\
             <DeviceList Num=\"1\"><Item><DeviceID>{channel}</DeviceID><Nmae>门</Nmae><Status>OFF</Status></Item>\
             </DeviceList></Notify>",
            issued.device
        );
        assert_eq!(device.message(&catalog).await?, 200);
        let status = || site.row("SELECT status FROM channels WHERE deviceid = ?1", channel);
        wait_for(|| async { status().is_ok_and(|status| status == "OFF") }).await?;
        assert_eq!(site.row("SELECT name FROM channels WHERE deviceid = ?1", channel)?, name);
    }
    Ok(())
}

/// Failures are counted with the module, and it is still asked.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_hooks_are_counted() -> anyhow::Result<()> {
    let (site, issued, _device) = hooked(&["offer"], &["offer"], |_| {}).await?;
    play(&site, &issued).await?;
    let plugins = site.api.get("/plugins", &[]).await?.ok()?;
    let plugins = plugins.as_array().cloned().unwrap_or_default();
    let puppet = plugins.iter().find(|plugin| plugin["name"] == "puppet").cloned().unwrap_or_default();
    assert_eq!(puppet["last_error"]["text"], "offer fails");
    let failed: u64 = puppet["calls"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(outcome, _)| *outcome != "ok")
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    assert_eq!(failed, 1);
    Ok(())
}

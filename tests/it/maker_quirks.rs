//! What vendor modules are for: each quirk that one of them handles, without any module and with them.

use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::device::vendor::{dahua, edition_2022, hikvision, tp_link, uniview};
use sluice_tests::device::{Charset, Device, DeviceConfig, DeviceEvent};
use sluice_tests::site::{Issued, Site, wait_for};
use tokio::task::JoinSet;

use crate::live_steps::received;

/// A quirk, and what comes of it.
#[derive(Clone, Copy)]
struct Quirk {
    story: &'static str,
    device: fn(&mut DeviceConfig),
    /// Of `[plugins]`.
    config: &'static str,
    look: Look,
    without: &'static str,
    with: &'static str,
}

/// Where it shows.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Whether the first channel's picture comes.
    Media,
    /// The second channel's name.
    Name,
    /// The encoding that the first query names.
    Prolog,
    /// The answer to the first query.
    Query,
    /// The first channel's status after a notification that it is off.
    Status,
    /// Which of the first channel's streams comes.
    Stream,
}

/// Hikvision's own order (wvp-GB28181-pro f00d6863c).
const SENIOR: &[u8] = &[126, 125, 99, 34, 98, 97, 96];

const DAHUA: [Quirk; 2] = [
    Quirk {
        story: "Dahua refuses a query that comes too soon (#28)",
        device: dahua,
        config: "",
        look: Look::Query,
        without: "403",
        with: "200",
    },
    Quirk {
        story: "Dahua chooses its stream by stream:1 (#48, PR 893)",
        device: |config| {
            dahua(config);
            config.habits.settling = Duration::ZERO;
        },
        config: "[plugins.config.dahua]\nsub_stream = true\n",
        look: Look::Stream,
        without: "main",
        with: "sub",
    },
];

const HIKVISION: [Quirk; 4] = [
    Quirk {
        story: "some Hikvision send nothing unless their own payload types lead (#7, f00d6863c)",
        device: |config| {
            hikvision(config);
            "DS-2CD3T45".clone_into(&mut config.model);
            config.habits.payloads = SENIOR;
        },
        config: "[plugins.config.hikvision]\nsenior = [\"DS-2CD3T\"]\n",
        look: Look::Media,
        without: "withheld",
        with: "sent",
    },
    Quirk {
        story: "Hikvision's firmware of 2022 chooses its stream by streamnumber:1",
        device: |config| {
            hikvision(config);
            config.habits.version = Some("3.0");
            config.habits.sub_stream = Some("a=streamnumber:1");
        },
        config: "[plugins.config.hikvision]\nsub_stream = true\n",
        look: Look::Stream,
        without: "main",
        with: "sub",
    },
    Quirk {
        story: "a Hikvision platform tells wrongly that channels are off (782300452)",
        device: hikvision,
        config: "[plugins.config.hikvision]\nignore_status = true\n",
        look: Look::Status,
        without: "OFF",
        with: "ON",
    },
    Quirk {
        story: "Hikvision's firmware of 2022 writes and reads GB18030 by its name (#2164)",
        device: |config| {
            hikvision(config);
            config.habits.version = Some("3.0");
        },
        config: "",
        look: Look::Prolog,
        without: "GB2312",
        with: "GB18030",
    },
];

const UNIVIEW: [Quirk; 2] = [
    Quirk {
        story: "Uniview writes UTF-8 under GB2312, also where that reads as Chinese (#1461)",
        device: |config| {
            uniview(config);
            config.charset = Charset::Utf8LabelledGb2312;
            config.catalog.per_message = 1;
            config.channels[1].name = "Café".to_owned();
        },
        config: "",
        look: Look::Name,
        without: "Caf茅",
        with: "Café",
    },
    Quirk {
        story: "a Uniview fire camera stays at 100 Trying for long (#1518)",
        device: |config| {
            uniview(config);
            config.behaviour.answer_delay = Duration::from_millis(2500);
        },
        config: "[plugins.config.uniview]\ninvite_timeout_secs = 30\n",
        look: Look::Media,
        without: "请求超时",
        with: "sent",
    },
];

const TP_LINK: [Quirk; 1] = [Quirk {
    story: "TP-Link chooses its stream by streamMode:sub",
    device: tp_link,
    config: "[plugins.config.tp-link]\nstream = \"streamMode:sub\"\n",
    look: Look::Stream,
    without: "main",
    with: "sub",
}];

const EDITION_2022: [Quirk; 3] = [
    Quirk {
        story: "a device of 2022 wants o= to name who sends the offer",
        device: edition_2022,
        config: "",
        look: Look::Media,
        without: "设备拒绝",
        with: "sent",
    },
    Quirk {
        story: "a device of 2022 chooses its stream by streamnumber:1",
        device: |config| {
            edition_2022(config);
            config.habits.owner = None;
        },
        config: "[plugins.config.generic-2022]\nsub_stream = true\n",
        look: Look::Stream,
        without: "main",
        with: "sub",
    },
    Quirk {
        story: "the edition of 2022 names GB18030",
        device: edition_2022,
        config: "",
        look: Look::Prolog,
        without: "GB2312",
        with: "GB18030",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn dahua_s_quirks_hurt_only_without_its_module() -> anyhow::Result<()> {
    hurt_only_without_modules(&DAHUA).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hikvision_s_quirks_hurt_only_without_its_module() -> anyhow::Result<()> {
    hurt_only_without_modules(&HIKVISION).await
}

#[tokio::test(flavor = "multi_thread")]
async fn uniview_s_quirks_hurt_only_without_its_module() -> anyhow::Result<()> {
    hurt_only_without_modules(&UNIVIEW).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tp_link_s_quirks_hurt_only_without_its_module() -> anyhow::Result<()> {
    hurt_only_without_modules(&TP_LINK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_2022_are_spoken_only_with_their_module() -> anyhow::Result<()> {
    hurt_only_without_modules(&EDITION_2022).await
}

async fn hurt_only_without_modules(quirks: &[Quirk]) -> anyhow::Result<()> {
    let mut sites = JoinSet::new();
    for quirk in quirks.iter().copied() {
        for (plugins, expected) in [("vendor = []\n", quirk.without), (quirk.config, quirk.with)] {
            sites.spawn(async move {
                let seen = seen(quirk, plugins).await.context(quirk.story)?;
                anyhow::ensure!(seen == expected, "{}, {plugins:?}: {seen}, not {expected}", quirk.story);
                Ok(())
            });
        }
    }
    let faults: Vec<_> = sites.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}

/// What comes of a quirk where the gateway has these plugins.
async fn seen(quirk: Quirk, plugins: &str) -> anyhow::Result<String> {
    let site = Site::start_with(|settings| {
        plugins.clone_into(&mut settings.extra);
        settings.invite_timeout_secs = 1;
    });
    let site = site.await?;
    if matches!(quirk.look, Look::Query) {
        return first_answer(&site, quirk).await;
    }
    let (issued, device) = site.online(2, quirk.device).await?;
    match quirk.look {
        Look::Media => media(&site, &issued, &device).await,
        Look::Name => name(&site, &issued.channels[1]),
        Look::Prolog => prolog(&device),
        Look::Query => unreachable!("answered above"),
        Look::Status => status(&site, &issued, &device).await,
        Look::Stream => stream(&site, &issued, &device).await,
    }
}

/// The status of the device's answer to the first query.
async fn first_answer(site: &Site, quirk: Quirk) -> anyhow::Result<String> {
    let issued = site.issue(1).await?;
    let mut config = site.recorder(&issued);
    (quirk.device)(&mut config);
    let device = config.start().await?;
    device.register().await?;
    let is_answer = |event: &DeviceEvent| matches!(event, DeviceEvent::Sent { message } if message.status().is_some() && message.method() == "MESSAGE");
    match device.wait_for(is_answer).await? {
        DeviceEvent::Sent { message } => Ok(message.status().unwrap_or_default().to_string()),
        other => anyhow::bail!("{other:?}"),
    }
}

/// Whether the device sends, does not though it answered, or what the caller is told.
async fn media(site: &Site, issued: &Issued, device: &Device) -> anyhow::Result<String> {
    let reply = site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?;
    if reply.status != 200 {
        let (_, _, text) = reply.refusal();
        return Ok(text.split(" (").next().unwrap_or_default().to_owned());
    }
    let decided = |event: &DeviceEvent| {
        matches!(event, DeviceEvent::MediaStarted { .. } | DeviceEvent::Withheld { .. })
    };
    let sent = matches!(device.wait_for(decided).await?, DeviceEvent::MediaStarted { .. });
    Ok(if sent { "sent" } else { "withheld" }.to_owned())
}

async fn stream(site: &Site, issued: &Issued, device: &Device) -> anyhow::Result<String> {
    has_described_itself(device).await?;
    site.api.get(&format!("/devices/{}/play", issued.channels[0]), &[]).await?.ok()?;
    let chosen = |event: &DeviceEvent| matches!(event, DeviceEvent::StreamChosen { .. });
    let sub = matches!(device.wait_for(chosen).await?, DeviceEvent::StreamChosen { sub: true, .. });
    Ok(if sub { "sub" } else { "main" }.to_owned())
}

/// Waits until the gateway has taken the device's DeviceInfo, by which alone some makers are known.
async fn has_described_itself(device: &Device) -> anyhow::Result<()> {
    let info = |event: &DeviceEvent| match event {
        DeviceEvent::Sent { message } if message.status().is_none() => {
            String::from_utf8_lossy(&message.body).contains("<CmdType>DeviceInfo</CmdType>")
        }
        _ => false,
    };
    let DeviceEvent::Sent { message: info } = device.wait_for(info).await? else {
        unreachable!("waited for no other")
    };
    let taken = |event: &DeviceEvent| {
        matches!(event, DeviceEvent::Received { message } if message.status() == Some(200)
            && message.header("Call-ID") == info.header("Call-ID"))
    };
    device.wait_for(taken).await?;
    Ok(())
}

fn prolog(device: &Device) -> anyhow::Result<String> {
    let queries = received(device, "MESSAGE");
    let query = String::from_utf8_lossy(&queries.first().context("a query")?.body).into_owned();
    let (_, label) = query.split_once("encoding=\"").context("an encoding")?;
    Ok(label.split('"').next().unwrap_or_default().to_owned())
}

fn name(site: &Site, channel: &str) -> anyhow::Result<String> {
    Ok(site.row("SELECT name FROM channels WHERE deviceid = ?1", channel)?)
}

/// The first channel is told to be off, and the second one renamed in the same message, to know that it was read.
async fn status(site: &Site, issued: &Issued, device: &Device) -> anyhow::Result<String> {
    let [first, second] = [&issued.channels[0], &issued.channels[1]];
    let told = format!(
        "<Notify><CmdType>Catalog</CmdType><SN>9</SN><DeviceID>{}</DeviceID><SumNum>2</SumNum>\
         <DeviceList Num=\"2\"><Item><DeviceID>{first}</DeviceID><Event>OFF</Event></Item>\
         <Item><DeviceID>{second}</DeviceID><Name>read</Name><Event>UPDATE</Event></Item></DeviceList></Notify>",
        issued.device
    );
    assert_eq!(device.message(&told).await?, 200);
    wait_for(|| async { name(site, second).is_ok_and(|name| name == "read") }).await?;
    Ok(site.row("SELECT status FROM channels WHERE deviceid = ?1", first)?)
}

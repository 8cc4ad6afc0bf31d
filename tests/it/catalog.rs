//! What a device says of itself and of its channels, and what the gateway keeps of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sluice_tests::device::{Charset, Device, DeviceConfig, DeviceEvent, Order, Paging};
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Issued, Site, wait_for};

/// Channels that only the device knows of.
const ADOPTED: [&str; 4] =
    ["34020000001320000001", "34020000001320000002", "34020000001320000003", "34020000001320000004"];

/// One `<Item>`: id, name, status.
type Item<'a> = (&'a str, &'a str, &'a str);

/// A part of a catalog, as the answer to the query `sn`.
fn part(device: &Device, sn: &str, total: Option<usize>, items: &[Item<'_>]) -> String {
    let items: String = items
        .iter()
        .map(|(id, name, status)| {
            format!("<Item><DeviceID>{id}</DeviceID><Name>{name}</Name><Status>{status}</Status></Item>\r\n")
        })
        .collect();
    let total = total.map(|total| format!("<SumNum>{total}</SumNum>")).unwrap_or_default();
    of(device, sn, &format!("{total}<DeviceList Num=\"1\">{items}</DeviceList>"))
}

/// A catalog with this inside.
fn of(device: &Device, sn: &str, inside: &str) -> String {
    let id = device.id();
    format!(
        "<Response><CmdType>Catalog</CmdType><SN>{sn}</SN><DeviceID>{id}</DeviceID>{inside}</Response>\r\n"
    )
}

/// The SN of the next catalog query after `mark`.
async fn queried(device: &Device, mark: usize) -> anyhow::Result<String> {
    let catalog =
        |event: &DeviceEvent| matches!(event, DeviceEvent::Queried { command, .. } if command == "Catalog");
    match device.journal().wait_after(mark, PATIENCE, catalog).await? {
        DeviceEvent::Queried { sn, target, .. } => {
            assert_eq!(target, device.id());
            Ok(sn)
        }
        _ => unreachable!("it was matched"),
    }
}

/// Leaves and registers anew, and returns the SN of the catalog query that follows.
async fn ask_again(device: &Device) -> anyhow::Result<String> {
    assert_eq!(device.deregister().await?.status, 200);
    let mark = device.journal().mark();
    assert_eq!(device.register().await?.status, 200);
    queried(device, mark).await
}

/// A registered recorder that answers no query by itself, and the SN of the first catalog query.
async fn mute(site: &Site, channels: usize, charset: Charset) -> anyhow::Result<(Issued, Device, String)> {
    let issued = site.issue(channels).await?;
    let mut config = site.recorder(&issued);
    config.behaviour.no_query_answers = true;
    config.charset = charset;
    let device = config.start().await?;
    assert_eq!(device.register().await?.status, 200);
    let sn = queried(&device, 0).await?;
    Ok((issued, device, sn))
}

/// Names and status of the channels that the gateway knows of a device.
fn known(site: &Site, device: &str) -> anyhow::Result<BTreeMap<String, [String; 2]>> {
    let sql = "SELECT json_group_object(deviceid, json_array(name, status)) FROM channels WHERE pdid = ?1";
    Ok(serde_json::from_str(&site.row(sql, device)?)?)
}

fn names(site: &Site, device: &str) -> anyhow::Result<Vec<String>> {
    Ok(known(site, device)?.into_values().map(|[name, _]| name).collect())
}

fn status(site: &Site, channel: &str) -> rusqlite::Result<String> {
    site.row("SELECT status FROM channels WHERE deviceid = ?1", channel)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_asked_what_it_is_and_has_after_it_registered() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device) = site.online(1, |config| config.manufacturer = "大华".to_owned()).await?;
    let asked = device.events().into_iter().filter_map(|event| match event {
        DeviceEvent::Queried { command, target, .. } => Some((command, target)),
        _ => None,
    });
    let id = issued.device.clone();
    let expected = [("DeviceInfo".to_owned(), id.clone()), ("Catalog".to_owned(), id.clone())];
    assert_eq!(asked.collect::<Vec<_>>(), expected);

    let described = || async {
        let user = site.api.get(&format!("/users/{id}/update"), &[]).await.and_then(|reply| reply.ok());
        user.is_ok_and(|user| {
            [&user["manufacturer"], &user["model"], &user["firmware"], &user["devicetype"]]
                == ["大华", "Simulated", "V1.0", ""]
        })
    };
    wait_for(described).await?;

    // What it says later is added; what it then leaves out stays.
    let info = format!(
        "<Response><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>{id}</DeviceID>\
         <DeviceType>NVR</DeviceType><Firmware>V2.0</Firmware></Response>"
    );
    assert_eq!(device.message(&info).await?, 200);
    let user = site.api.get(&format!("/users/{id}/update"), &[]).await?.ok()?;
    let described = [&user["manufacturer"], &user["model"], &user["firmware"], &user["devicetype"]];
    assert_eq!(described, ["大华", "Simulated", "V2.0", "NVR"]);

    let sql = "SELECT json_array(name, manufacturer, model, owner, civilcode, address, parental, safetyway,
               registerway, secrecy, status, parentid, active > 0) FROM channels WHERE deviceid = ?1";
    let row: serde_json::Value = serde_json::from_str(&site.row(sql, &issued.channels[0])?)?;
    let expected =
        json!(["通道1", "大华", "Simulated", "Owner", "370700", "Address", 0, 0, 1, 0, "ON", id, 1]);
    assert_eq!(row, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_asked_again_when_it_comes_back_and_not_on_a_refresh() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.keepalive_interval_secs = 1;
        settings.keepalive_misses = 1;
    })
    .await?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let online = || site.row("SELECT CAST(online AS TEXT) FROM users WHERE deviceid = ?1", &issued.device);
    wait_for(|| async { online().is_ok_and(|online| online == "0") }).await?;
    let mark = device.journal().mark();
    device.set_channel_status(&issued.channels[0], "OFF");
    assert_eq!(device.keepalive().await?, 200);
    queried(&device, mark).await?;
    wait_for(|| async { status(&site, &issued.channels[0]).is_ok_and(|status| status == "OFF") }).await?;

    // By the next return the refresh below would have been followed by a query, had it caused one.
    let mark = device.journal().mark();
    assert_eq!(device.register().await?.status, 200);
    wait_for(|| async { online().is_ok_and(|online| online == "0") }).await?;
    assert_eq!(device.keepalive().await?, 200);
    queried(&device, mark).await?;
    let queries = device.events().split_off(mark).into_iter();
    let queries = queries.filter(|event| matches!(event, DeviceEvent::Queried { .. }));
    assert!(queries.count() <= 2, "DeviceInfo and Catalog, once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_count_in_any_order_and_however_often() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.adopt_channels = true).await?;
    let usual = Paging::default;
    for (story, paging) in [
        ("one item a message, all at once", Paging { per_message: 1, at_once: true, ..usual() }),
        ("last part first", Paging { order: Order::Backward, ..usual() }),
        ("every part twice", Paging { repeat: true, ..usual() }),
        ("all in one", Paging { per_message: 100, ..usual() }),
        (
            "all of it",
            Paging { per_message: 1, at_once: true, repeat: true, order: Order::Backward, ..usual() },
        ),
        ("totals that disagree", Paging { per_message: 1, sum_num: vec![1, 9, 0, 5], ..usual() }),
    ] {
        let (issued, _device) = site.online(7, |config| config.catalog = paging).await?;
        let names = names(&site, &issued.device)?;
        assert_eq!(names, (1..=7).map(|n| format!("通道{n}")).collect::<Vec<_>>(), "{story}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_right_whatever_the_charset_and_its_label() -> anyhow::Result<()> {
    let site = Site::start().await?;
    for (charset, name) in [
        (Charset::Gb2312, "前门摄像机"),
        // In GBK, and beyond the GB2312 that the label promises.
        (Charset::Gb2312, "朱镕基路碁盤"),
        // Four bytes each in GB18030, one of them beyond Unicode's first plane.
        (Charset::Gb18030, "㐂𠮷ſ"),
        (Charset::Utf8, "前门摄像机"),
        (Charset::Utf8LabelledGb2312, "前门摄像机"),
    ] {
        let (issued, device, sn) = mute(&site, 1, charset).await?;
        let channel = &issued.channels[0];
        assert_eq!(device.message(&part(&device, &sn, Some(1), &[(channel, name, "ON")])).await?, 200);
        let stored = site.row("SELECT name FROM channels WHERE deviceid = ?1", channel)?;
        assert_eq!(stored, name, "{charset:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_word_for_on_and_off_is_understood() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device, sn) = mute(&site, 1, Charset::Utf8).await?;
    let channel = &issued.channels[0];
    assert_eq!(status(&site, channel)?, "OFF", "before the device said anything");
    for (word, expected) in [
        ("ON", "ON"),
        ("OFF", "OFF"),
        ("On", "ON"),
        ("Off", "OFF"),
        ("OK", "ON"),
        ("OFFLINE", "OFF"),
        ("ONLINE", "ON"),
        // A word that nobody knows, and none at all, leave it as it is.
        ("sometimes", "ON"),
        ("", "ON"),
        ("VLOST", "OFF"),
        ("sometimes", "OFF"),
    ] {
        assert_eq!(device.message(&part(&device, &sn, Some(2), &[(channel, "a", word)])).await?, 200);
        assert_eq!(status(&site, channel)?, expected, "{word}");
    }
    // Notifications tell it by the event (GB/T 28181 annex A.2.5).
    for (event, expected) in [("ON", "ON"), ("VLOST", "OFF"), ("UPDATE", "OFF"), ("ADD", "OFF")] {
        let notify = format!(
            "<Notify><CmdType>Catalog</CmdType><SN>9</SN><DeviceID>{}</DeviceID><SumNum>1</SumNum>\
             <DeviceList Num=\"1\"><Item><DeviceID>{channel}</DeviceID><Event>{event}</Event></Item>\
             </DeviceList></Notify>",
            device.id()
        );
        assert_eq!(device.message(&notify).await?, 200);
        assert_eq!(status(&site, channel)?, expected, "{event}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_item_costs_only_itself() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device, sn) = mute(&site, 2, Charset::Gb2312).await?;
    let [first, last] = [&issued.channels[0], &issued.channels[1]];
    for (round, damaged) in [
        "<Item><Name>no id</Name></Item>",
        "<Item><DeviceID>1 2</DeviceID></Item>",
        "<Item><DeviceID>3402000000132000000</DeviceID><Name>unescaped & < ></Name></Item>",
        "<Item><Devi\u{1}?ID>34020000001320000001</DeviceID></Item>",
        "<Item><DeviceID>34020000001320000001</DeviceID></Item></Item>",
        "<It?m><DeviceID>34020000001320000001</DeviceID></Item>",
        "<Item><DeviceID>34020000001320000001</DeviceID><Address>??<KP?<K?'@?'@?f/@P?<KL?</Address></Item>",
    ]
    .into_iter()
    .enumerate()
    {
        let item = |id: &str, name: &str| {
            format!("<Item><DeviceID>{id}</DeviceID><Name>{name}{round}</Name><Status>ON</Status></Item>")
        };
        let items = format!("{}{damaged}{}", item(first, "门"), item(last, "窗"));
        let body = of(&device, &sn, &format!("<SumNum>3</SumNum><DeviceList Num=\"3\">{items}</DeviceList>"));
        assert_eq!(device.message(&body).await?, 200, "{damaged}");
        assert_eq!(names(&site, device.id())?, [format!("门{round}"), format!("窗{round}")], "{damaged}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_issued_channels_are_taken_by_default() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device, sn) = mute(&site, 1, Charset::Utf8).await?;
    let (other, other_device, other_sn) = mute(&site, 1, Charset::Utf8).await?;
    let (own, foreign) = (&issued.channels[0], &other.channels[0]);
    let items = [(own.as_str(), "own", "ON"), (foreign, "stolen", "ON"), (ADOPTED[0], "unknown", "ON")];
    assert_eq!(device.message(&part(&device, &sn, Some(3), &items)).await?, 200);

    assert_eq!(known(&site, &issued.device)?, [(own.clone(), ["own", "ON"].map(str::to_owned))].into());
    assert_eq!(known(&site, &other.device)?, [(foreign.clone(), ["", "OFF"].map(str::to_owned))].into());
    for channel in [ADOPTED[0], foreign] {
        let (status, code, _) = site.api.get(&format!("/devices/{channel}/play"), &[]).await?.refusal();
        assert_eq!((status, code.as_str()), (400, "1002"), "{channel}");
    }

    // An issued channel stays, also when a complete catalog does not have it.
    let nothing = part(&other_device, &other_sn, Some(1), &[(ADOPTED[0], "another", "ON")]);
    assert_eq!(other_device.message(&nothing).await?, 200);
    assert_eq!(known(&site, &other.device)?.len(), 1);
    Ok(())
}

/// The first catalog brings four channels; what the next one does with the fourth is the question.
#[tokio::test(flavor = "multi_thread")]
async fn adopted_channels_vanish_only_after_a_complete_sync() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.adopt_channels = true).await?;
    let (issued, device, sn) = mute(&site, 1, Charset::Gb2312).await?;
    let own = issued.channels[0].as_str();
    let [a, b, c, d] = ADOPTED.map(|id| (id, "通道", "ON"));
    let all = || anyhow::Ok(known(&site, device.id())?.into_keys().collect::<Vec<_>>());
    let four = [ADOPTED[0], ADOPTED[1], ADOPTED[2], ADOPTED[3], own];
    let say = |sn: String, total: Option<usize>, items: Vec<Item<'static>>| {
        let body = part(&device, &sn, total, &items);
        let device = &device;
        async move {
            assert_eq!(device.message(&body).await?, 200);
            anyhow::Ok(())
        }
    };
    say(sn.clone(), Some(4), vec![a, b, c, d]).await?;
    assert_eq!(all()?, four);

    // The last part is withheld.
    let sn = ask_again(&device).await?;
    say(sn.clone(), Some(3), vec![a]).await?;
    say(sn.clone(), Some(3), vec![b]).await?;
    say(sn.clone(), Some(3), vec![b]).await?;
    assert_eq!(all()?, four, "withheld");

    // The parts of the query before come late, as if they completed this one.
    let newer = ask_again(&device).await?;
    say(sn, Some(3), vec![c]).await?;
    say(newer, Some(3), vec![a, b]).await?;
    assert_eq!(all()?, four, "late");

    // The totals disagree, whichever comes first.
    for totals in [[9, 3], [3, 9]] {
        let sn = ask_again(&device).await?;
        say(sn.clone(), Some(totals[0]), vec![a]).await?;
        say(sn, Some(totals[1]), vec![b, c]).await?;
        assert_eq!(all()?, four, "disagreeing");
    }

    // There is no total, or an item is damaged.
    let sn = ask_again(&device).await?;
    say(sn, None, vec![a]).await?;
    let sn = ask_again(&device).await?;
    say(sn.clone(), Some(3), vec![a, ("", "no id", "ON")]).await?;
    say(sn, Some(3), vec![b, c]).await?;
    assert_eq!(all()?, four, "damaged");

    // Nobody asked.
    say("4711".to_owned(), Some(1), vec![a]).await?;
    assert_eq!(all()?, four, "unsolicited");

    // Complete: the fourth goes, what was issued stays, and what is added unasked meanwhile stays too.
    let sn = ask_again(&device).await?;
    say(sn.clone(), Some(2), vec![b]).await?;
    say("4711".to_owned(), Some(1), vec![c]).await?;
    say(sn, Some(2), vec![a]).await?;
    assert_eq!(all()?, [ADOPTED[0], ADOPTED[1], ADOPTED[2], own], "complete");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_of_two_thousand_channels_is_taken() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.adopt_channels = true).await?;
    let issued = site.issue(0).await?;
    let channels: Vec<String> = (1..=2000).map(|number| format!("3402000000132{number:07}")).collect();
    let mut config = DeviceConfig::recorder(&issued.device, "12345678", site.sip, channels.clone());
    config.catalog = Paging { per_message: 4, ..Paging::default() };
    let device = config.start().await?;
    assert_eq!(device.register().await?.status, 200);
    // Parts that say so are taken one after the other, so the last channel is the last.
    site.wait_until_on(&channels[1999]).await?;
    let known = known(&site, device.id())?;
    let expected = channels.iter().enumerate();
    let expected: BTreeMap<_, _> =
        expected.map(|(index, id)| (id.clone(), [format!("通道{}", index + 1), "ON".to_owned()])).collect();
    assert_eq!(known.len(), 2000);
    assert_eq!(known, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_channel_that_is_on_behind_a_device_that_is_there_can_be_played() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let (issued, device, sn) = mute(&site, 1, Charset::Gb2312).await?;
    let channel = &issued.channels[0];
    let path = format!("/devices/{channel}/play");
    let off = (400, "1002".to_owned(), format!("通道设备离线 (channel {channel} is off)"));
    assert_eq!(site.api.get(&path, &[]).await?.refusal(), off, "nothing is known of it yet");
    for word in ["ON", "OFF"] {
        assert_eq!(device.message(&part(&device, &sn, Some(2), &[(channel, "a", word)])).await?, 200);
    }
    assert_eq!(site.api.get(&path, &[]).await?.refusal(), off);
    assert_eq!(device.message(&part(&device, &sn, Some(2), &[(channel, "a", "ON")])).await?, 200);
    assert_eq!(device.deregister().await?.status, 200);
    let gone = (400, "1002".to_owned(), format!("用户设备已掉线 (device {} is not online)", issued.device));
    assert_eq!(site.api.get(&path, &[]).await?.refusal(), gone);
    let invited = device.events().into_iter().any(|event| matches!(event, DeviceEvent::Invited { .. }));
    assert!(!invited);

    assert_eq!(device.register().await?.status, 200);
    let stream = site.api.get(&path, &[]).await?.ok()?;
    assert_eq!(stream["deviceid"], channel.as_str());
    assert!(device.wait_for_packets(&device.open_dialogs()[0], 1, Duration::from_secs(20)).await);
    Ok(())
}

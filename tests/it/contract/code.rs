//! The table of codes: every case of each, with the whole envelope.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::device::{Answer, Device};
use sluice_tests::media::Fault;
use sluice_tests::site::{Reply, Settings, wait_for};

use super::house::House;
use super::{alone, shared, success, whole};
use crate::envelope::refused;

const TEN: (&str, &str) = ("start", "1795226400");
const ELEVEN: (&str, &str) = ("end", "1795230000");

/// A call and what it has to be answered.
async fn check(
    house: &House,
    path: &str,
    query: &[(&str, &str)],
    expected: (u16, Value),
) -> anyhow::Result<()> {
    assert_eq!(whole(house.get(path, query).await?), expected, "{path} {query:?}");
    Ok(())
}

#[test]
fn code_0() -> anyhow::Result<()> {
    shared(async |house| {
        let user = house.issue(0).await?.device;
        check(house, &format!("/users/{user}/delete"), &[], success(json!(""))).await
    })
}

#[test]
fn code_1000() -> anyhow::Result<()> {
    shared(async |house| {
        let [missing, wrong] = ["缺少签名 (sign is missing)", "签名错误 (sign is wrong)"];
        let right = house.api.sign("/users", &[("pwd", "1")]);
        for (query, text) in [
            (vec![("pwd", "1")], missing),
            (vec![("pwd", "1"), ("sign", "")], missing),
            (vec![("pwd", "2"), ("sign", &right)], wrong),
            (vec![("pwd", "1"), ("sign", &right.to_uppercase())], wrong),
            (vec![("pwd", "1"), ("name", "more"), ("sign", &right)], wrong),
        ] {
            let reply = house.api.get_unsigned("/users", &query).await?;
            assert_eq!(whole(reply), refused(401, "1000", text), "{query:?}");
        }
        let signed = house.api.get_unsigned("/users", &[("sign", &right), ("pwd", "1")]).await?;
        assert_eq!(signed.status, 200);
        Ok(())
    })
}

/// The plainest way for a store to fail: somebody else holds the database's lock.
#[test]
fn code_1001() -> anyhow::Result<()> {
    alone(
        |_| {},
        async |house| {
            let issued = house.issue(1).await?;
            let database = rusqlite::Connection::open(&house.database)?;
            database.execute_batch("BEGIN IMMEDIATE")?;
            let (user, channel) = (&issued.device, &issued.channels[0]);
            let paths = [
                "/users".to_owned(),
                format!("/users/{user}/update"),
                format!("/users/{user}/devices"),
                format!("/users/{user}/delete"),
                format!("/devices/{channel}/delete"),
            ];
            let calls = paths.map(|path| {
                let api = house.api.clone();
                tokio::spawn(async move { api.get(&path, &[("pwd", "1")]).await })
            });
            let locked = "数据库错误 (storage failed)";
            for call in calls {
                assert_eq!(whole(call.await??), refused(500, "1001", locked));
            }
            database.execute_batch("ROLLBACK")?;
            // It finds that out by itself; until then it refuses at once.
            wait_for(|| house.api.is_ready()).await?;
            check(house, &format!("/devices/{channel}/delete"), &[], success(json!(""))).await
        },
    )
}

#[test]
fn code_1002() -> anyhow::Result<()> {
    shared(async |house| {
        let wrong = |text: &str| refused(400, "1002", text);
        check(house, "/users", &[], wrong("参数错误 (pwd is missing)")).await?;
        check(house, "/users", &[("pwd", "")], wrong("参数错误 (pwd is missing)")).await?;
        let twice = [("pwd", "1"), ("pwd", "2")];
        check(house, "/users", &twice, wrong("参数错误 (pwd is given more than once)")).await?;
        for id in ["37070000081118999999", "1", "设备"] {
            for path in ["users/:id/update", "users/:id/delete", "users/:id/devices", "devices/:id/delete"] {
                let path = format!("/{}", path.replace(":id", id));
                check(house, &path, &[], wrong(&format!("设备不存在 (no device {id})"))).await?;
            }
            for path in [
                format!("/devices/{id}/play"),
                format!("/devices/{id}/replay"),
                format!("/devices/{id}/files"),
            ] {
                check(house, &path, &[TEN, ELEVEN], wrong(&format!("设备不存在 (no device {id})"))).await?;
            }
            let path = format!("/play/{id}/record");
            check(house, &path, &[], wrong(&format!("视频流不存在 (no stream {id})"))).await?;
            let path = format!("/record/{id}/stop");
            check(house, &path, &[], wrong(&format!("录制不存在 (no recording {id})"))).await?;
        }
        let nowhere = refused(404, "1002", "没有这个接口 (no such path)");
        check(house, "/users/1/2/3", &[], nowhere).await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let posted = client.post(format!("{}/users", house.api.base())).send().await?;
        let posted = Reply { status: posted.status().as_u16(), envelope: posted.json().await? };
        assert_eq!(whole(posted), refused(405, "1002", "请求方法错误 (method not allowed)"));
        Ok(())
    })
}

#[test]
fn code_1002_of_periods() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, _device, channel) = house.recorder().await?;
        for call in ["replay", "files"] {
            for (query, text) in [
                (vec![ELEVEN], "start is missing"),
                (vec![TEN], "end is missing"),
                (vec![("start", "ten"), ELEVEN], "start is no whole number"),
                (vec![("start", "1795230000"), ELEVEN], "start is not before end"),
                (vec![("start", "1795230001"), ELEVEN], "start is not before end"),
                (vec![("start", "-1"), ELEVEN], "start and end are no Unix seconds"),
            ] {
                let path = format!("/devices/{channel}/{call}");
                check(house, &path, &query, refused(400, "1002", &format!("参数错误 ({text})"))).await?;
            }
        }
        Ok(())
    })
}

#[test]
fn code_1002_of_what_is_not_online() -> anyhow::Result<()> {
    shared(async |house| {
        let silent = house.issue(1).await?;
        let text = format!("用户设备已掉线 (device {} is not online)", silent.device);
        for call in ["play", "replay", "files"] {
            let path = format!("/devices/{}/{call}", silent.channels[0]);
            check(house, &path, &[TEN, ELEVEN], refused(400, "1002", &text)).await?;
        }
        let (_, device, channel) = house.recorder().await?;
        device.set_channel_status(&channel, "OFF");
        device.announce_catalog().await?;
        let status = || house.row("SELECT status FROM channels WHERE deviceid = ?1", &channel);
        wait_for(|| async { status().is_ok_and(|is| is == "OFF") }).await?;
        let text = format!("通道设备离线 (channel {channel} is off)");
        for call in ["play", "replay"] {
            let path = format!("/devices/{channel}/{call}");
            check(house, &path, &[TEN, ELEVEN], refused(400, "1002", &text)).await?;
        }
        Ok(())
    })
}

#[test]
fn code_1002_of_what_is_recorded_already() -> anyhow::Result<()> {
    shared(async |house| {
        let (_, _device, channel) = house.recorder().await?;
        let stream = house.play(&channel).await?;
        let path = format!("/play/{stream}/record");
        house.get(&path, &[]).await?.ok()?;
        let text = format!("视频流正在录制 (stream {stream} is being recorded already)");
        check(house, &path, &[], refused(400, "1002", &text)).await
    })
}

/// What `play` and `replay` answer when `device` behaves so.
async fn opened_in_vain(
    house: &House,
    device: &Device,
    channel: &str,
    answer: Answer,
    text: &str,
) -> anyhow::Result<()> {
    device.behave(|behaviour| behaviour.answer = answer);
    for call in ["play", "replay"] {
        let path = format!("/devices/{channel}/{call}");
        check(house, &path, &[TEN, ELEVEN], refused(408, "1003", text)).await?;
    }
    device.behave(|behaviour| behaviour.answer = Answer::Accept);
    wait_for(|| async { device.open_dialogs().is_empty() }).await
}

#[test]
fn code_1003() -> anyhow::Result<()> {
    alone(
        |settings| settings.invite_timeout_secs = 1,
        async |house| {
            let (_, device, channel) = house.recorder().await?;
            let refusal = "设备拒绝 (the device refused with status 486)";
            opened_in_vain(house, &device, &channel, Answer::Refuse(486), refusal).await?;
            let silence = "请求超时 (the device did not answer in time)";
            opened_in_vain(house, &device, &channel, Answer::OnlyTrying, silence).await?;
            opened_in_vain(house, &device, &channel, Answer::Silent, silence).await?;
            Ok(())
        },
    )
}

/// Where the media server is to connect to the device, the device has to say where it listens.
#[test]
fn code_1003_of_an_answer_without_an_address() -> anyhow::Result<()> {
    let active = |settings: &mut Settings| {
        settings.rtp_ports = "each";
        settings.rtp_transport = "tcp-active";
    };
    alone(active, async |house| {
        let (_, device, channel) = house.recorder().await?;
        device.behave(|behaviour| behaviour.broken_sdp = true);
        let text = "设备应答错误 (the device's answer names no port to connect to)";
        check(house, &format!("/devices/{channel}/play"), &[], refused(408, "1003", text)).await?;
        wait_for(|| async { device.open_dialogs().is_empty() && house.zlm.servers().is_empty() }).await
    })
}

#[test]
fn code_1003_of_the_media_server() -> anyhow::Result<()> {
    alone(
        |settings| settings.rtp_ports = "each",
        async |house| {
            let (_, device, channel) = house.recorder().await?;
            house.zlm.fail("openRtpServer", Fault::Code(-400, "no port is left".to_owned()), None);
            let text = "流媒体服务错误 (media server: openRtpServer: refused (-400))";
            for call in ["play", "replay"] {
                check(
                    house,
                    &format!("/devices/{channel}/{call}"),
                    &[TEN, ELEVEN],
                    refused(408, "1003", text),
                )
                .await?;
            }
            assert_eq!(device.open_dialogs(), [""; 0], "no device is asked for what cannot be received");
            house.zlm.heal();
            let stream = house.play(&channel).await?;
            for (api, path) in [
                ("startRecord", format!("/play/{stream}/record")),
                ("stopRecord", format!("/record/{stream}/stop")),
            ] {
                house.zlm.fail(api, Fault::Code(-1, "the disk is full".to_owned()), Some(1));
                let text = format!("流媒体服务错误 (media server: {api}: refused (-1))");
                check(house, &path, &[], refused(408, "1003", &text)).await?;
                if api == "startRecord" {
                    house.get(&path, &[]).await?.ok()?;
                }
            }
            Ok(())
        },
    )
}

/// The device takes no query: its files cannot be known. One that takes it and sends nothing has none to show.
#[test]
fn code_1003_of_files() -> anyhow::Result<()> {
    alone(
        |settings| settings.files_timeout_secs = 1,
        async |house| {
            let (_, device, channel) = house.recorder().await?;
            let path = format!("/devices/{channel}/files");
            device.behave(|behaviour| behaviour.no_query_answers = true);
            let nothing = json!({ "daynum": 0, "timenum": 0, "list": [] });
            check(house, &path, &[TEN, ELEVEN], success(nothing)).await?;
            device.behave(|behaviour| behaviour.deaf = true);
            let began = tokio::time::Instant::now();
            let silence = "请求超时 (the device did not answer in time)";
            check(house, &path, &[TEN, ELEVEN], refused(408, "1003", silence)).await?;
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            Ok(())
        },
    )
}

//! The gateway is killed while a stream is being opened. Whoever asked got no answer, so that nobody wants the
//! stream: whatever the device does afterwards, it is ended.

use sluice_tests::device::{Answer, DeviceEvent};
use sluice_tests::media::Fault;
use sluice_tests::sip::Message;

use crate::live_steps::received;
use crate::scene::{CASES, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_media_server_opens_a_port() -> anyhow::Result<()> {
    let mut scene = Scene::set(CASES[1]).await?;
    scene.house.zlm.fail("openRtpServer", Fault::Mute, Some(1));
    scene.ask();
    scene.house.zlm.wait_call("openRtpServer").await?;
    scene.restart().await?;
    scene.is_over().await?;
    assert_eq!(received(&scene.device, "INVITE"), [], "the device was never troubled");
    scene.ends().await
}

/// The INVITE is stored, and lost on its way. Asked again, the device accepts what nobody wants any more.
#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_invite_arrives() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.behave(|device| device.lose_incoming = 1);
        scene.ask();
        scene.sees("INVITE").await?;
        scene.restart().await?;
        scene.call().await?;
        scene.is_over().await?;
        let invites = received(&scene.device, "INVITE");
        assert!(invites.iter().all(|invite| *invite == invites[0]), "the same INVITE again");
        scene.ends().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_device_rings() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        let call_id = scene.invite().await?;
        scene.restart().await?;
        let cancelled = DeviceEvent::Cancelled { call_id, matched: true };
        scene.device.wait_for(|event| *event == cancelled).await?;
        scene.is_over().await?;
        assert_eq!(
            received(&scene.device, "CANCEL")[0].branch(),
            received(&scene.device, "INVITE")[0].branch()
        );
        scene.device.hold_answers(false);
        scene.ends().await?;
    }
    Ok(())
}

/// The device says 200 when the gateway is back: an answer to a question of the earlier run.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_the_200_comes_after_the_restart() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        scene.device.behave(|device| device.ignore_cancel = true);
        let call_id = scene.invite().await?;
        scene.restart().await?;
        scene.sees("CANCEL").await?;
        scene.device.hold_answers(false);
        is_acknowledged_and_ended(&scene, &call_id).await?;
        scene.ends().await?;
    }
    Ok(())
}

/// The device says 200 to nobody, and again and again.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_the_200_comes_meanwhile() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        let call_id = scene.invite().await?;
        scene.kill().await?;
        scene.device.hold_answers(false);
        scene.device.wait_for(|event| is_answer(event, 200)).await?;
        scene.open().await?;
        is_acknowledged_and_ended(&scene, &call_id).await?;
        scene.ends().await?;
    }
    Ok(())
}

/// A device that waits for no ACK says 200 once, and sends.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_media_comes_meanwhile() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        scene.device.behave(|device| device.media_before_ack = true);
        let call_id = scene.invite().await?;
        scene.kill().await?;
        scene.device.hold_answers(false);
        scene.device.wait_for(|event| matches!(event, DeviceEvent::MediaStarted { .. })).await?;
        scene.open().await?;
        is_acknowledged_and_ended(&scene, &call_id).await?;
        scene.ends().await?;
    }
    Ok(())
}

/// The caller was told that the device is too slow; only then the gateway dies, and then the device accepts.
#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_invite_was_given_up() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set_with(case, |settings| settings.invite_timeout_secs = 1).await?;
        scene.device.hold_answers(true);
        scene.device.behave(|device| device.ignore_cancel = true);
        assert!(scene.play().await.is_err());
        let call_id = scene.call().await?;
        scene.restart().await?;
        scene.device.hold_answers(false);
        is_acknowledged_and_ended(&scene, &call_id).await?;
        scene.ends().await?;
    }
    Ok(())
}

/// The device refuses nobody: its refusal is acknowledged all the same, or it would be repeated.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_the_device_refuses_meanwhile() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        scene.device.behave(|device| device.answer = Answer::Refuse(486));
        scene.invite().await?;
        scene.kill().await?;
        scene.device.hold_answers(false);
        scene.device.wait_for(|event| is_answer(event, 486)).await?;
        scene.open().await?;
        scene.sees("ACK").await?;
        scene.is_over().await?;
        assert_eq!(received(&scene.device, "BYE"), []);
        scene.device.behave(|device| device.answer = Answer::Accept);
        scene.ends().await?;
    }
    Ok(())
}

/// The dialog is stored, and its ACK lost. It is sent again, and the stream begins.
#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_ack_arrives() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set(case).await?;
        scene.device.hold_answers(true);
        scene.invite().await?;
        scene.device.behave(|device| device.lose_incoming = 1);
        scene.device.hold_answers(false);
        scene.sees("ACK").await?;
        scene.restart().await?;
        let (stream, _) = scene.last_stream()?;
        scene.goes_on(&stream).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_media_which_never_comes() -> anyhow::Result<()> {
    for case in CASES {
        let mut scene = Scene::set_with(case, |settings| settings.start_timeout_secs = 2).await?;
        scene.device.behave(|device| device.no_media = true);
        scene.play().await?;
        scene.restart().await?;
        scene.device.wait_for(|event| matches!(event, DeviceEvent::Bye { status: Some(200), .. })).await?;
        scene.is_over().await?;
        scene.device.behave(|device| device.no_media = false);
        scene.ends().await?;
    }
    Ok(())
}

/// A 200 that nobody asked for is no reason to send anything to anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_200_to_no_question_of_ours_is_not_answered() -> anyhow::Result<()> {
    let mut scene = Scene::set(CASES[0]).await?;
    let stream = scene.flowing().await?;
    let invite = received(&scene.device, "INVITE").remove(0);
    scene.restart().await?;
    let mut answer = Message::response(&invite, 200);
    answer.set("To", format!("{};tag=stranger", answer.header("To").unwrap_or_default()));
    scene.device.send_raw(&answer.to_bytes()).await?;
    scene.goes_on(&stream).await?;
    assert_eq!(received(&scene.device, "BYE").len(), 1, "of the stream itself");
    Ok(())
}

/// Whether the device has answered its INVITE so.
fn is_answer(event: &DeviceEvent, status: u16) -> bool {
    let answers = |message: &Message| {
        message.status() == Some(status) && message.cseq().is_some_and(|(_, method)| method == "INVITE")
    };
    matches!(event, DeviceEvent::Sent { message } if answers(message))
}

async fn is_acknowledged_and_ended(scene: &Scene, call_id: &str) -> anyhow::Result<()> {
    scene.sees("ACK").await?;
    let ended = DeviceEvent::Bye { call_id: call_id.to_owned(), status: Some(200) };
    scene.device.wait_for(|event| *event == ended).await?;
    scene.is_over().await
}

//! One stream of one camera, in whose life the gateway is killed.

use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::device::{Device, DeviceEvent};
use sluice_tests::sip::Message;
use sluice_tests::site::{Process, Settings, wait_for};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::house::{House, online, play, stop};
use crate::live_steps::received;

/// In which ways a stream is opened: what was asked for, and how the media server takes it.
pub(crate) const CASES: [Case; 3] = [
    Case { kind: Kind::Live, ports: "single" },
    Case { kind: Kind::Live, ports: "each" },
    Case { kind: Kind::Playback, ports: "single" },
];

/// What a playback shows: an hour of 2026-11-21.
const PERIOD: [(&str, &str); 2] = [("start", "1795226400"), ("end", "1795230000")];

/// How a stream is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) ports: &'static str,
}

/// What a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Live,
    Playback,
}

/// The installation, with a camera that is registered.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) process: Process,
    pub(crate) device: Device,
    pub(crate) channel: String,
    pub(crate) case: Case,
}

impl Scene {
    pub(crate) async fn set(case: Case) -> anyhow::Result<Self> {
        Self::set_with(case, |_| {}).await
    }

    /// Nobody watches here, and nothing ends for that.
    pub(crate) async fn set_with(case: Case, change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let (house, process) = House::start(|settings| {
            settings.rtp_ports = case.ports;
            settings.start_timeout_secs = 120;
            change(settings);
        })
        .await?;
        house.zlm.configure("general.streamNoneReaderDelayMS", "20000000");
        let (device, channel) = online(&process, |config| {
            config.speed = 5;
            config.file_frames = 1_000_000;
        })
        .await?;
        Ok(Self { house, process, device, channel, case })
    }

    /// Asks for the stream as a caller does; what he is told.
    pub(crate) async fn play(&self) -> anyhow::Result<String> {
        match self.case.kind {
            Kind::Live => play(&self.process, &self.channel).await,
            Kind::Playback => {
                let path = format!("/devices/{}/replay", self.channel);
                let stream = self.process.api.get(&path, &PERIOD).await?.ok()?;
                Ok(stream["ssrc"].as_str().context("a stream id")?.to_owned())
            }
        }
    }

    /// The same for a caller whose connection breaks when the gateway dies.
    pub(crate) fn ask(&self) -> JoinHandle<()> {
        let (api, channel, kind) = (self.process.api.clone(), self.channel.clone(), self.case.kind);
        tokio::spawn(async move {
            let call = if kind == Kind::Live { "play" } else { "replay" };
            // Nobody hears the answer.
            let _ = api.get(&format!("/devices/{channel}/{call}"), &PERIOD).await;
        })
    }

    /// Asks, and waits until the INVITE is at the device; its Call-ID.
    pub(crate) async fn invite(&self) -> anyhow::Result<String> {
        self.ask();
        self.call().await
    }

    /// The Call-ID of the first INVITE that the device took.
    pub(crate) async fn call(&self) -> anyhow::Result<String> {
        let event = self.device.wait_for(|event| matches!(event, DeviceEvent::Invited { .. })).await?;
        let DeviceEvent::Invited { call_id, .. } = event else { unreachable!("waited for no other") };
        Ok(call_id)
    }

    /// The name of the stream that was opened last, and its state's rank; 5 is closed.
    pub(crate) fn last_stream(&self) -> rusqlite::Result<(String, String)> {
        let last = |column: &str| {
            let sql = format!(
                "SELECT CAST({column} AS TEXT) FROM streams WHERE channel = ?1 ORDER BY id DESC LIMIT 1"
            );
            self.process.row(&sql, &self.channel)
        };
        Ok((last("stream")?, last("state")?))
    }

    /// How many rows of streams are open.
    pub(crate) fn open_rows(&self) -> rusqlite::Result<String> {
        let sql = "SELECT CAST(COUNT(*) AS TEXT) FROM streams WHERE channel = ?1 AND state < 5";
        self.process.row(sql, &self.channel)
    }

    /// Plays until pictures come; the stream's id.
    pub(crate) async fn flowing(&self) -> anyhow::Result<String> {
        let stream = self.play().await?;
        self.more(&stream).await?;
        self.house.flows(&stream).await?;
        wait_for(|| async { self.last_stream().is_ok_and(|(_, state)| state == "3") })
            .await
            .context("the row never says that it flows")?;
        Ok(stream)
    }

    /// Waits for another ten packets at the media server.
    pub(crate) async fn more(&self, stream: &str) -> anyhow::Result<()> {
        let count =
            || self.house.zlm.stream(stream).filter(|seen| !seen.schemas.is_empty()).map(|seen| seen.packets);
        let so_far = count().unwrap_or_default();
        wait_for(|| async { count().is_some_and(|packets| packets > so_far + 10) })
            .await
            .with_context(|| format!("{stream} does not flow: {:?}", self.device.events().last()))
    }

    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    pub(crate) async fn open(&mut self) -> anyhow::Result<()> {
        self.process = self.house.open().await?;
        Ok(())
    }

    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill().await?;
        self.open().await
    }

    /// Waits until the device has seen a request of that method, answered or not.
    pub(crate) async fn sees(&self, method: &'static str) -> anyhow::Result<()> {
        let asks = |message: &Message| message.status().is_none() && message.method() == method;
        let seen = |event: &DeviceEvent| matches!(event, DeviceEvent::Received { message } if asks(message));
        self.device.wait_for(seen).await?;
        Ok(())
    }

    /// The device ends its call, and nobody hears of it.
    pub(crate) async fn hangs_up_unheard(&self) -> anyhow::Result<()> {
        let call_id = self.call().await?;
        self.device.behave(|device| device.lose_outgoing = u32::MAX);
        // It would say so for half a minute.
        let unheard = timeout(Duration::from_millis(100), self.device.hang_up(&call_id)).await;
        anyhow::ensure!(unheard.is_err(), "somebody answered: {unheard:?}");
        self.device.behave(|device| device.lose_outgoing = 0);
        Ok(())
    }

    /// Waits until nothing is left: the device sends nothing, the media server holds nothing, no row is open.
    pub(crate) async fn is_over(&self) -> anyhow::Result<()> {
        let left = || {
            let rows = self.open_rows().unwrap_or_default();
            let media = (self.house.zlm.streams().len(), self.house.zlm.servers().len());
            (self.device.open_dialogs(), media, rows)
        };
        let nothing = || async { left() == (vec![], (0, 0), "0".to_owned()) };
        wait_for(nothing).await.with_context(|| {
            format!("{:?}: left are dialogs, streams and servers, rows: {:?}", self.case, left())
        })
    }

    /// Everything is over, and the channel can be played as ever.
    pub(crate) async fn ends(&self) -> anyhow::Result<()> {
        self.is_over().await?;
        let stream = self.flowing().await?;
        stop(&self.process, &stream).await?;
        self.is_over().await
    }

    /// The stream goes on: it is found by `play`, recorded and stopped, without another INVITE.
    pub(crate) async fn goes_on(&self, stream: &str) -> anyhow::Result<()> {
        let invites = received(&self.device, "INVITE").len();
        self.more(stream).await?;
        if self.case.kind == Kind::Live {
            assert_eq!(self.play().await?, stream, "it is still the one");
        }
        let file = self.record(stream).await?;
        assert!(file.contains(stream), "{file}");
        assert!(received(&self.device, "BYE").is_empty(), "nobody ended it");
        stop(&self.process, stream).await?;
        self.is_over().await?;
        assert_eq!(received(&self.device, "INVITE").len(), invites);
        assert_eq!(received(&self.device, "BYE").len(), 1);
        Ok(())
    }

    /// Records a little of the stream; the file's URL.
    async fn record(&self, stream: &str) -> anyhow::Result<String> {
        self.process.api.get(&format!("/play/{stream}/record"), &[]).await?.ok()?;
        self.more(stream).await?;
        let file = self.process.api.get(&format!("/record/{stream}/stop"), &[]).await?.ok()?;
        Ok(file.as_str().unwrap_or_default().to_owned())
    }
}

//! A device that others wrote: `gb28181-rs`, the stack of a camera on a Raspberry Pi.
//!
//! It has ways of its own, none of which may cost it anything: `To` and request URI are `domain@domain`, `CmdType`
//! and `SN` stand in XML attributes, `y=` loses its leading zeros, Via says UDP on TCP connections, and `Contact`
//! names the port that it was configured with, here 0.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gb28181_rs::config::{CatalogChannel, Transport};
use gb28181_rs::metrics::MetricsHooks;
use gb28181_rs::mock::MockFrameHub;
use gb28181_rs::{AccessUnit, Gb28181Config, Gb28181Server, Nalu, ServerHandle};
use serde_json::Value;
use sluice_tests::journal::{Journal, PATIENCE};
use sluice_tests::media::{Played, Protocol};
use sluice_tests::site::{Issued, PASSWORD, Site, wait_for};
use tokio::task::JoinSet;

/// What the stack tells of itself, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Refused,
    Registered,
    Streaming,
    Stopped,
}

#[derive(Debug, Default)]
struct Steps(Journal<Step>);

impl MetricsHooks for Steps {
    fn register_ok(&self) {
        self.0.push(Step::Registered);
    }

    fn register_fail(&self) {
        self.0.push(Step::Refused);
    }

    fn invite_session_started(&self) {
        self.0.push(Step::Streaming);
    }

    fn invite_session_stopped(&self) {
        self.0.push(Step::Stopped);
    }
}

/// A running camera that films all the time.
struct Camera {
    steps: Arc<Steps>,
    frames: Arc<MockFrameHub>,
    handle: ServerHandle,
    _film: JoinSet<()>,
}

impl Camera {
    async fn start(issued: &Issued, gateway: SocketAddr, transport: Transport) -> anyhow::Result<Self> {
        let (steps, frames) = (Arc::new(Steps::default()), Arc::new(MockFrameHub::new()));
        let server = Gb28181Server::new(config(issued, gateway, transport), Arc::clone(&frames) as _);
        let hooks: Arc<dyn MetricsHooks> = Arc::<Steps>::clone(&steps);
        let handle = server.with_metrics(hooks).spawn().await?;
        let mut film = JoinSet::new();
        film.spawn(roll(Arc::clone(&frames)));
        Ok(Self { steps, frames, handle, _film: film })
    }
}

fn config(issued: &Issued, gateway: SocketAddr, transport: Transport) -> Gb28181Config {
    let channel = |id: &String| CatalogChannel {
        device_id: id.clone(),
        name: "东门 <1>".to_owned(),
        manufacturer: "Mibee".to_owned(),
        model: "Pi".to_owned(),
        status: String::new(),
        ptz_type: Some(3),
        photoelectric_imaging_type: None,
    };
    Gb28181Config {
        platform_sip_address: gateway.ip().to_string(),
        platform_sip_port: gateway.port(),
        device_id: issued.device.clone(),
        channel_id: issued.device.clone(),
        sip_domain: "3707000008".to_owned(),
        password: PASSWORD.to_owned(),
        local_sip_port: 0,
        register_interval_secs: 3600,
        transport,
        extra_channels: issued.channels.iter().map(channel).collect(),
        firmware: Some("9.1".to_owned()),
        model: Some("Pi".to_owned()),
        ..Gb28181Config::default()
    }
}

/// Fifty frames a second, each tenth a key frame that fills several packets.
async fn roll(frames: Arc<MockFrameHub>) {
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    for number in 0.. {
        let key = number % 10 == 0;
        let nalus = if key { vec![nalu(7, 20), nalu(8, 6), nalu(5, 5_000)] } else { vec![nalu(1, 900)] };
        frames.write(AccessUnit { nalus, timestamp: clock.tick().await.into_std(), is_key_frame: key });
    }
}

fn nalu(nalu_type: u8, length: usize) -> Nalu {
    let mut data = vec![0x55; length];
    data[0] = 0x60 | nalu_type;
    Nalu {
        nalu_type,
        data,
        is_idr: nalu_type == 5,
        is_sps: nalu_type == 7,
        is_pps: nalu_type == 8,
        is_aud: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_registers_tells_its_channels_plays_and_stops_over_udp() -> anyhow::Result<()> {
    let site = Site::start().await?;
    lives(&site, site.sip, Transport::Udp).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_the_same_over_tcp() -> anyhow::Result<()> {
    let site = Site::start().await?;
    lives(&site, site.sip_tcp, Transport::TcpOut).await
}

/// A camera's whole life.
async fn lives(site: &Site, gateway: SocketAddr, transport: Transport) -> anyhow::Result<()> {
    let issued = site.issue(1).await?;
    let mut camera = Camera::start(&issued, gateway, transport).await?;
    camera.steps.0.wait(|_| true).await?;
    assert_eq!(camera.steps.0.all(), [Step::Registered], "at the first attempt");

    described(site, &issued).await?;
    played(site, &issued.channels[0], &camera).await?;
    // Once more: the stack knows one session at a time, so that it tells whether the first was closed for good.
    played(site, &issued.channels[0], &camera).await?;
    let (registered, streamed) = ([Step::Registered], [Step::Streaming, Step::Stopped]);
    assert_eq!(camera.steps.0.all(), [&registered[..], &streamed, &streamed].concat());

    camera.handle.shutdown_with_deregister().await?;
    assert_eq!(shown(site, &issued).await?["regist"], false);
    Ok(())
}

/// What it says of itself and of its channel arrives, and so does its keepalive.
async fn described(site: &Site, issued: &Issued) -> anyhow::Result<()> {
    site.wait_until_on(&issued.channels[0]).await?;
    let sql = "SELECT name || ', ' || manufacturer || ', ' || model || ', ' || ptztype FROM channels WHERE deviceid = ?1";
    assert_eq!(site.row(sql, &issued.channels[0])?, "东门 <1>, Mibee, Pi, 3");

    let known = || async {
        let shown = shown(site, issued).await.unwrap_or_default();
        shown["firmware"] == "9.1" && shown["active"].as_i64() > Some(0)
    };
    wait_for(known).await?;
    let shown = shown(site, issued).await?;
    assert_eq!((&shown["model"], &shown["regist"]), (&Value::from("Pi"), &Value::from(true)));
    Ok(())
}

/// Play, watch, stop.
async fn played(site: &Site, channel: &str, camera: &Camera) -> anyhow::Result<()> {
    let mark = camera.steps.0.mark();
    let stream = site.api.get(&format!("/devices/{channel}/play"), &[]).await?.ok()?;
    let id = stream["ssrc"].as_str().expect("a stream id");
    // A viewer, or the media server would close the stream again.
    let watched = site.zlm.play(id, Protocol::Hls, &site.api.player_query(id, &[])).await;
    assert!(matches!(watched, Played::Ok { .. }), "{watched:?}");
    wait_for(|| async { site.zlm.stream(id).is_some_and(|stream| stream.packets > 50) }).await?;
    assert_eq!(site.zlm.stream(id).map(|stream| stream.lost), Some(0));

    assert_eq!(site.api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?, "");
    camera.steps.0.wait_after(mark, PATIENCE, |step| *step == Step::Stopped).await?;
    assert_eq!(camera.frames.subscriber_count(), 0);
    assert_eq!(site.zlm.stream(id), None);
    Ok(())
}

/// The device as callers see it.
async fn shown(site: &Site, issued: &Issued) -> anyhow::Result<Value> {
    site.api.get(&format!("/users/{}/update", issued.device), &[]).await?.ok()
}

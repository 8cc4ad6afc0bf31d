//! Rubbish by the ten thousand a second, from one address and from many, while devices keep alive.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use sluice_tests::device::Device;
use sluice_tests::policy::PluginFolder;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::ground::Ground;
use crate::{LONG, alone};

/// Datagrams a second; without optimisation a tenth, to leave something of the machine for the devices.
const RATE: usize = if LONG { 50_000 } else { 5_000 };
const LENGTH: Duration = Duration::from_secs(if LONG { 20 } else { 3 });
const DEVICES: usize = if LONG { 200 } else { 20 };
/// Between two keepalives of a device.
const PACE: Duration = Duration::from_millis(100);
/// How long a transaction lasts: 64 × T1 (RFC 3261 §17.1.2.2, Timer F).
const TRANSACTION: Duration = Duration::from_secs(32);
/// How often in a second a burst is sent.
const BURSTS: usize = 1_000;

/// Sends `RATE` datagrams a second, from `sources` addresses of loopback in turn, until it is dropped.
async fn flood(ground: &Ground, sources: u32) -> anyhow::Result<JoinSet<()>> {
    let mut sockets = Vec::new();
    for source in 0..sources {
        let socket = UdpSocket::bind((Ipv4Addr::from(0x7F01_0001 + source), 0)).await?;
        socket.connect(ground.site.sip).await?;
        sockets.push(socket);
    }
    let rubbish = rubbish();
    let mut flooding = JoinSet::new();
    flooding.spawn(async move {
        let mut clock = interval(Duration::from_secs(1) / BURSTS as u32);
        let mut sent = sockets.iter().cycle().zip(rubbish.iter().cycle());
        loop {
            clock.tick().await;
            for (socket, bytes) in sent.by_ref().take(RATE / BURSTS) {
                // A full buffer is the flood's own affair.
                let _ = socket.try_send(bytes);
            }
        }
    });
    Ok(flooding)
}

/// What no device sends, and what a device sends that was never issued.
fn rubbish() -> Vec<Vec<u8>> {
    let register = |number: usize, user: &str, more: &str| {
        format!(
            "REGISTER sip:37070000082008000001@3707000008 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{number}\r\nFrom: <sip:{user}@3707000008>;tag=1\r\n\
             To: <sip:{user}@3707000008>\r\nCall-ID: {number}\r\nCSeq: 1 REGISTER\r\n{more}Content-Length: 0\r\n\r\n"
        )
    };
    let (unknown, scanner) = ("37070000081118999999", "User-Agent: friendly-scanner\r\n");
    let each = |number: usize| {
        [
            vec![0xFF; 1_000],
            format!("{number:x}").repeat(50).into_bytes(),
            register(number, unknown, "").into_bytes(),
            register(number, "100", scanner).into_bytes(),
            register(number, unknown, "CSeq: 2 REGISTER\r\n").into_bytes(),
            format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch={number}\r\n\r\n").into_bytes(),
        ]
    };
    (0..1_000).flat_map(each).collect()
}

/// Keeps alive for `LENGTH`; how long each answer took.
async fn keep_alive(device: Arc<Device>) -> anyhow::Result<Vec<Duration>> {
    let (end, mut took) = (Instant::now() + LENGTH, Vec::new());
    while Instant::now() < end {
        let began = Instant::now();
        let status = device.keepalive().await?;
        ensure!(status == 200, "a keepalive was answered {status}");
        took.push(began.elapsed());
        sleep(PACE).await;
    }
    Ok(took)
}

#[tokio::test(flavor = "multi_thread")]
async fn keepalives_are_answered_through_a_flood_of_rubbish() -> anyhow::Result<()> {
    let _machine = alone().await;
    println!("{RATE} datagrams a second for {LENGTH:?}, {DEVICES} devices keep alive each {PACE:?}");
    for sources in [1, 200] {
        let ground = Ground::open(PluginFolder::bundled()?, DEVICES, |_| {}).await?;
        for device in &ground.devices {
            ensure!(device.register().await?.status == 200);
        }
        let flooding = flood(&ground, sources).await?;
        let mut keeping: JoinSet<_> =
            ground.devices.iter().map(|device| keep_alive(Arc::clone(device))).collect();
        let mut took = Vec::new();
        while let Some(kept) = keeping.join_next().await {
            took.extend(kept??);
        }
        drop(flooding);
        took.sort_unstable();
        let worst = took.last().copied().unwrap_or_default();
        let unread = ground.site.api.metric("sluice_sip_unanswered_total{reason=\"debt\"}").await?;
        let lost = ground.site.api.metric("sluice_sip_kernel_drops_total").await?;
        println!(
            "{sources:4} sources: {} keepalives answered, p50 {:?}, p99 {:?}, worst {worst:?}; {unread} not read, {lost} \
             lost in the kernel",
            took.len(),
            took[took.len() / 2],
            took[took.len() * 99 / 100]
        );
        ensure!(worst < TRANSACTION, "the worst took {worst:?}");
        // The short run ends before two hundred sources have owed too much.
        ensure!(unread > 0 || sources > 1 && !LONG, "a source of rubbish is cut");
    }
    Ok(())
}

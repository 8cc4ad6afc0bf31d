//! No descriptors are left: somebody opens connections until the system gives no more. Devices by UDP notice nothing,
//! the gateway does not spin, and once the connections are gone all is as before.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sluice_tests::device::Transport;
use sluice_tests::site::{Process, wait_for};
use sluice_tests::used;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::house::{House, device, online, play, stop};

/// How many descriptors the gateway has left at first.
const LEFT: u64 = 12;

/// Long enough to see a loop that turns for nothing.
const LOOK: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptors_are_left_and_then_there_are_again() -> anyhow::Result<()> {
    let (house, process) = House::start(|settings| settings.start_timeout_secs = 300).await?;
    let (camera, channel) = online(&process, |_| {}).await?;
    let by_tcp = |config: &mut sluice_tests::device::DeviceConfig| {
        (config.transport, config.platform) = (Transport::Tcp, process.sip_tcp);
    };
    let (connected, _) = online(&process, by_tcp).await?;
    // What is opened once and kept is open then.
    let stream = play(&process, &channel).await?;
    house.flows(&stream).await?;
    let id = process.id().context("it runs")?;
    limit(id, used::descriptors(id)? + LEFT).await?;

    let mut crowd = Vec::new();
    for address in [process.sip_tcp, process.http] {
        crowd.extend(connect(address, 3 * LEFT).await);
    }
    // By a connection of its own: those that the API's client keeps are accepted already.
    let client = reqwest::Client::builder().no_proxy().timeout(LOOK).build()?;
    let late = client.get(format!("{}/livez", process.api.base())).send().await;
    ensure!(late.is_err(), "there were descriptors left: {late:?}");
    let (before, logged) = (used::cpu_time(id)?, lines(&process)?);
    let began = tokio::time::Instant::now();
    let mut answered = 0;
    while began.elapsed() < LOOK {
        ensure!(
            camera.keepalive().await? == 200 && connected.keepalive().await? == 200,
            "a keepalive was refused"
        );
        answered += 2;
        sleep(Duration::from_millis(5)).await;
    }
    ensure!(camera.register().await?.status == 200, "a refresh was refused");
    let (spent, said) = (used::cpu_time(id)? - before, lines(&process)? - logged);
    println!(
        "{answered} keepalives with no descriptor left: {spent:?} of CPU time in {LOOK:?}, {said} lines of log"
    );
    ensure!(spent < LOOK / 2, "it used {spent:?} of CPU time in {LOOK:?}");
    ensure!(said < 100, "it logged {said} lines");

    drop(crowd);
    wait_for(|| async { timeout(LOOK, process.issue(0)).await.is_ok_and(|issued| issued.is_ok()) })
        .await
        .context("the API does not come back")?;
    let (newcomer, channel) = device(&process, by_tcp).await?;
    ensure!(newcomer.register().await?.status == 200, "a device by TCP cannot register");
    process.wait_until_on(&channel).await?;
    stop(&process, &stream).await
}

/// Opens connections and says nothing. What the gateway does not accept waits in the kernel's queue.
async fn connect(address: SocketAddr, count: u64) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..count {
        if let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            open.push(stream);
        }
    }
    open
}

/// How many lines it has logged.
fn lines(process: &Process) -> anyhow::Result<usize> {
    Ok(std::fs::read_to_string(&process.log)?.lines().count())
}

/// Limits how many descriptors it may have.
async fn limit(process: u32, most: u64) -> anyhow::Result<()> {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.to_string(), &format!("--nofile={most}:")]);
    let status = command.status().await.context("prlimit (util-linux) cannot be run")?;
    ensure!(status.success(), "prlimit failed");
    Ok(())
}

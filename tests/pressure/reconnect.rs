//! Every device comes back over TCP at one instant, after the gateway was killed: each is registered again within
//! moments, and the gateway holds one connection for each and no more.
//!
//! A debug build takes a few hundred devices, a release build ten thousand. Each has a loopback address of its own,
//! since a gateway on a public port bounds the connections of one source.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use sluice_tests::device::{DeviceConfig, Fleet, Transport};
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::random;
use sluice_tests::site::{PASSWORD, Process, Settings, wait_for};

use crate::{LONG, alone};

/// How many come back.
const DEVICES: usize = if LONG { 10_000 } else { 300 };

/// Descriptors that the gateway and this process need beside those for devices.
const OTHERS: u64 = 500;

/// Within so long all must be registered.
const PATIENCE: Duration = Duration::from_secs(if LONG { 30 } else { 15 });

#[tokio::test(flavor = "multi_thread")]
async fn all_devices_come_back_over_tcp_at_once() -> anyhow::Result<()> {
    let _machine = alone().await;
    let devices = possible(DEVICES)?;
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let folder = tempfile::tempdir()?;
    let binary =
        sluice_build::gateway(if LONG { sluice_build::Asker::Pressure } else { sluice_build::Asker::Tests })?;
    let mut settings = Settings::new(&zlm)?;
    settings.tcp = SocketAddr::from((random::address(), 0)).to_string();
    let mut process = Process::start(&binary, &settings, folder.path()).await?;
    settings.tcp = process.sip_tcp.to_string();
    process.terminate().await?;
    issue(&process, devices)?;

    let mut process = Process::start(&binary, &settings, folder.path()).await?;
    let platform = process.sip_tcp;
    let fleet = Fleet::start(devices, |number| camera(number, platform)).await?;
    let first = fleet.register(256).await;
    ensure!(first.statuses.get(&200) == Some(&devices), "{first:?}");
    process.kill().await?;
    let process = Process::start(&binary, &settings, folder.path()).await?;
    let back = fleet.come_back(devices).await;
    println!("{devices} devices by TCP came back in {:?}: {:?}", back.elapsed, back.statuses);
    ensure!(back.statuses.get(&200) == Some(&devices), "{back:?}");
    ensure!(back.elapsed < PATIENCE, "it took {:?}", back.elapsed);

    let alive = fleet.keepalive(256).await;
    ensure!(alive.statuses.get(&200) == Some(&devices), "{alive:?}");
    let connections = || sockets(&process);
    wait_for(|| async { connections().is_ok_and(|count| count <= devices + 50) })
        .await
        .with_context(|| format!("it holds {:?} sockets", connections()))
}

/// As many as wanted, or as descriptors allow; a machine that allows few says so.
fn possible(wanted: usize) -> anyhow::Result<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // So many as the system lets us have.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let most = usize::try_from(maximum.unwrap_or(u64::MAX).saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    if most < wanted {
        println!("The limit of descriptors allows {most} devices instead of {wanted}.");
    }
    Ok(wanted.min(most))
}

fn id(number: usize) -> String {
    format!("37070000081118{number:06}")
}

fn camera(number: usize, platform: SocketAddr) -> DeviceConfig {
    let [.., high, low] = u32::try_from(number + 256).unwrap_or_default().to_be_bytes();
    let address = Ipv4Addr::new(127, 1, high, low);
    let camera = DeviceConfig::camera(&id(number), PASSWORD, platform);
    DeviceConfig { transport: Transport::Tcp, address, ..camera }
}

/// Writes devices into the store of a gateway that does not run: by the API it would take minutes.
fn issue(process: &Process, devices: usize) -> anyhow::Result<()> {
    let mut store = Connection::open(&process.database)?;
    let all = store.transaction()?;
    for number in 0..devices {
        let user = "INSERT INTO users (deviceid, name, pwd, region) VALUES (?1, ?1, ?2, '3707000008')";
        all.prepare_cached(user)?.execute((id(number), PASSWORD))?;
    }
    Ok(all.commit()?)
}

/// How many sockets the gateway has open.
fn sockets(process: &Process) -> anyhow::Result<usize> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", process.id().context("it runs")?))?;
    let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    Ok(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count())
}

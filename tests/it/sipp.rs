//! Devices played by sipp (Debian's `sip-tester`), a stack that has nothing in common with ours. Where it is not
//! installed, these tests say so and pass; `.ci/run` installs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sluice_tests::rtp::{self, Packetizer};
use sluice_tests::sip::param;
use sluice_tests::site::{ANY, Issued, PASSWORD, Site, wait_for};
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How many devices register and keep alive.
const DEVICES: usize = 1_000;

/// How many keepalives `keepalive.xml` sends for each.
const KEEPALIVES: usize = 3;

/// How long a run of sipp may take. It takes 8 s where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run of sipp, and the folder it writes to.
struct Sipp {
    child: Child,
    folder: TempDir,
}

impl Sipp {
    /// Starts `scenario` against `site`, a call for each device, and `otherwise` for what comes outside these
    /// calls.
    fn start(
        site: &Site,
        devices: &[Issued],
        [scenario, otherwise]: [&str; 2],
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("devices.csv"), injection(devices))?;
        let seconds = PATIENCE.as_secs().to_string();
        let child = Command::new("sipp")
            .arg(site.sip.to_string())
            .arg("-sf")
            .arg(data(scenario))
            .arg("-oocsf")
            .arg(data(otherwise))
            .args(["-inf", "devices.csv", "-i", "127.0.0.1", "-t", "u1", "-nostdin"])
            .args(["-m", &devices.len().to_string(), "-timeout", &seconds, "-timeout_error"])
            .args(["-trace_err", "-error_file", "errors", "-trace_counts", "-trace_logs", "-log_file", "log"])
            .args(["-trace_msg", "-message_file", "messages"])
            .args(more)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("sipp does not start")?;
        Ok(Self { child, folder })
    }

    /// Waits for its end and gives back the folder. An error, with what it printed, when a call of it failed.
    async fn end(self) -> anyhow::Result<TempDir> {
        let Self { child, folder } = self;
        let ended = timeout(2 * PATIENCE, child.wait_with_output()).await.context("sipp does not end")?;
        let Output { status, stdout, .. } = ended?;
        let errors = fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        let errors: String = errors.chars().take(4_000).collect();
        ensure!(status.success(), "{status}\n{}\n{errors}", String::from_utf8_lossy(&stdout));
        Ok(folder)
    }
}

/// Whether there is no sipp on this machine; says so.
fn is_missing() -> bool {
    let missing = std::process::Command::new("sipp").arg("-v").output().is_err();
    if missing {
        eprintln!("SKIPPED: there is no sipp here (Debian: sip-tester)");
    }
    missing
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_devices_register_and_keep_alive() -> anyhow::Result<()> {
    if is_missing() {
        return Ok(());
    }
    let site = Site::start().await?;
    let mut devices = Vec::new();
    for _ in 0..DEVICES {
        devices.push(site.issue(0).await?);
    }
    let calls = ["-r", "200", "-l", "1000"];
    let sipp = Sipp::start(&site, &devices, ["keepalive.xml", "answer.xml"], &calls)?;
    let folder = sipp.end().await?;

    let expected = [
        ("0_REGISTER_Sent", DEVICES),
        ("1_401_Recv", DEVICES),
        ("2_REGISTER_Sent", DEVICES),
        ("3_200_Recv", DEVICES),
        ("4_MESSAGE_Sent", DEVICES * KEEPALIVES),
        ("5_200_Recv", DEVICES * KEEPALIVES),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts(folder.path())?, BTreeMap::from(expected));
    for device in &devices {
        let shown = site.api.get(&format!("/users/{}/update", device.device), &[]).await?.ok()?;
        assert_eq!(shown["regist"], true, "{shown}");
        assert!(shown["active"].as_i64() > Some(0), "no keepalive was noted: {shown}");
    }
    Ok(())
}

/// What each step of the scenario sent or received, and each failure that is not 0. How often sipp had to send
/// something once more is left out: that is a question of the machine.
fn counts(folder: &Path) -> anyhow::Result<BTreeMap<String, usize>> {
    let files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let file = files.iter().find(|path| path.to_string_lossy().ends_with("_counts.csv"));
    let table = fs::read_to_string(file.context("no counts")?)?;
    let names = table.lines().next().context("no names")?.split(';');
    let last = table.lines().next_back().context("no counts")?.split(';');
    let mut counts = BTreeMap::new();
    for (name, count) in names.zip(last) {
        let is_step = ["_Sent", "_Recv"].iter().any(|end| name.ends_with(end));
        let is_failure = ["_Timeout", "_Unexp"].iter().any(|end| name.ends_with(end));
        if is_step || is_failure && count != "0" {
            counts.insert(name.to_owned(), count.parse()?);
        }
    }
    Ok(counts)
}

/// On one socket, as cameras do it: REGISTER, the answer to the Catalog query, INVITE, BYE. The INVITE and the BYE
/// are left without an answer until they have come twice, and sipp takes for a repetition only what is the same byte
/// for byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_invited_and_told_bye() -> anyhow::Result<()> {
    if is_missing() {
        return Ok(());
    }
    let site = Site::start().await?;
    let issued = site.issue(1).await?;
    let (device, channel) = (issued.device.clone(), issued.channels[0].clone());
    let names = ["-s", &channel, "-key", "device", &device];
    let sipp = Sipp::start(&site, &[issued], ["camera.xml", "invited.xml"], &names)?;
    site.wait_until_on(&channel).await?;

    let path = format!("/devices/{channel}/play");
    let stream = tokio::select! {
        played = site.api.get(&path, &[]) => played?.ok()?,
        failed = film(&site, &channel) => bail!("no film: {failed:?}"),
    };
    let id = stream["ssrc"].as_str().expect("a stream id");
    assert_eq!(site.api.get(&format!("/play/{id}/stop"), &[]).await?.ok()?, "");

    let folder = sipp.end().await?;
    let log = fs::read_to_string(folder.path().join("log"))?;
    assert_one_dialog(&log);
    let messages = fs::read_to_string(folder.path().join("messages"))?;
    for method in ["INVITE sip:", "BYE sip:"] {
        assert!(messages.lines().filter(|line| line.starts_with(method)).count() > 1, "{messages}");
    }
    Ok(())
}

/// Sends what sipp cannot: the media of the session that the channel was invited to. Ends only when that fails.
async fn film(site: &Site, channel: &str) -> anyhow::Result<()> {
    let ssrc = || site.row("SELECT ssrc FROM streams WHERE channel = ?1", channel);
    wait_for(|| async { ssrc().is_ok() }).await?;
    let socket = UdpSocket::bind(ANY).await?;
    let mut packetizer = Packetizer::new(ssrc()?.parse()?);
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rtp::FRAME_RATE);
    for pack in rtp::packs(rtp::SAMPLE).iter().cycle() {
        clock.tick().await;
        for packet in packetizer.pack(pack) {
            socket.send_to(&packet.to_bytes(), site.zlm.rtp_address()).await?;
        }
    }
    Ok(())
}

/// Whether INVITE, ACK and BYE belong together as RFC 3261 §12.2.1.1, §13.2.2.4 and §8.1.1.7 want it.
fn assert_one_dialog(log: &str) {
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split('|').collect()).collect();
    let column = |number: usize| lines.iter().map(|line| line[number]).collect::<Vec<_>>();
    assert_eq!(column(0), ["INVITE", "ACK", "BYE"], "{log}");
    assert_eq!(column(1), ["CSeq: 1 INVITE", "CSeq: 1 ACK", "CSeq: 2 BYE"]);
    assert_eq!(column(2), [lines[0][2]; 3], "From");
    let to = lines[0][3];
    let tags = lines.iter().map(|line| line[3].strip_prefix(to)).collect::<Vec<_>>();
    assert_eq!(tags, [Some(""), Some(";tag=invited"), Some(";tag=invited")], "{log}");
    assert_eq!(column(4), [lines[0][4]; 3], "Call-ID");
    let mut branches = column(5).into_iter().map(|via| param(via, "branch")).collect::<Vec<_>>();
    assert!(
        branches.iter().all(|branch| branch.is_some_and(|branch| branch.starts_with("z9hG4bK"))),
        "{log}"
    );
    branches.dedup();
    assert_eq!(branches.len(), 3, "{log}");
}

/// Ids and credentials in sipp's own form; a field may hold a keyword.
fn injection(devices: &[Issued]) -> String {
    let line = |Issued { device, .. }: &Issued| {
        format!("{device};[authentication username={device} password={PASSWORD}];\n")
    };
    ["SEQUENTIAL\n".to_owned()].into_iter().chain(devices.iter().map(line)).collect()
}

fn data(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sipp").join(scenario)
}

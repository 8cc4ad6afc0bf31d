//! The gateway's binary as a process of its own, to be killed and started again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Api, Front, Settings};

/// How long the gateway may take to start, with a cold cache for its components.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where its API is, and where devices register by TCP.
    pub http: SocketAddr,
    pub sip_tcp: SocketAddr,
    /// What it logs, also after its end. A second process in the same folder goes on in the same file.
    pub log: PathBuf,
    front: Front,
}

/// A process is used by its front.
impl Deref for Process {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

impl Process {
    /// Starts `binary` with `settings`, which keeps its state in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; what it logged stands in the text.
    pub async fn start(binary: &Path, settings: &Settings, folder: &Path) -> anyhow::Result<Self> {
        Self::start_in(&[], binary, settings, folder).await
    }

    /// The same, with more in its environment.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn start_in(
        environment: &[(&str, String)],
        binary: &Path,
        settings: &Settings,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let config = write(settings, folder)?;
        let mut child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(config)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.to_owned()))
            .env("NO_COLOR", "1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let log = child.stderr.take().context("the log is piped")?;
        let mut lines = BufReader::new(log).lines();
        let path = folder.join("gateway.log");
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut seen = String::new();
        let ready = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                writeln!(file, "{line}")?;
                seen.push_str(&line);
                seen.push('\n');
                if line.contains(" ready http=") {
                    return Ok(line);
                }
            }
            anyhow::bail!("the gateway ended")
        });
        let ready = ready.await.unwrap_or_else(|_| Err(anyhow::anyhow!("the gateway is not ready in time")));
        let ready = ready.with_context(|| format!("its log:\n{seen}"))?;
        // The log goes on; somebody has to read it, or the gateway would block on its pipe.
        tokio::spawn(async move {
            let echo = std::env::var_os("SHOW_GATEWAY_LOG").is_some();
            while let Ok(Some(line)) = lines.next_line().await {
                if echo {
                    eprintln!("gateway: {line}");
                }
                // A full disk is no reason to stop reading.
                let _ = writeln!(file, "{line}");
            }
        });
        let (http, sip, sip_tcp) =
            (address(&ready, "http")?, address(&ready, "udp")?, address(&ready, "tcp")?);
        let front = Front { api: Api::new(http, &settings.secret)?, sip, database: folder.join("sluice.db") };
        Ok(Self { child, http, sip_tcp, log: path, front })
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL, and wait until it is gone.
    ///
    /// # Errors
    /// When the system does not do it.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, and wait for its end.
    ///
    /// # Errors
    /// When it does not end by itself, or not well.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        let id = self.id().context("it runs")?;
        let sent = Command::new("kill").arg(id.to_string()).status().await?;
        ensure!(sent.success(), "SIGTERM cannot be sent");
        let ended =
            timeout(Duration::from_secs(20), self.child.wait()).await.context("it does not end")??;
        ensure!(ended.success(), "it ended with {ended}");
        Ok(())
    }
}

fn write(settings: &Settings, folder: &Path) -> anyhow::Result<PathBuf> {
    let file = folder.join("sluice.toml");
    std::fs::write(&file, settings.to_toml(folder))?;
    Ok(file)
}

/// An address from the line that says that the gateway is ready: `name=127.0.0.1:1234`.
fn address(ready: &str, name: &str) -> anyhow::Result<SocketAddr> {
    let field = format!("{name}=");
    let value = ready.split_whitespace().find_map(|word| word.strip_prefix(field.as_str()));
    value.with_context(|| format!("no {name} in: {ready}"))?.parse().context(format!("{name} is no address"))
}

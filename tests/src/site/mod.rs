//! A whole installation on loopback: a simulated media server, a gateway, and a caller who signs.
//!
//! [`Site`] runs the gateway inside the test's process; [`Process`] runs its binary, to be killed.

mod api;
mod notified;
mod process;
mod settings;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use api::{Api, Reply, wait_for};
pub use notified::Notified;
pub use process::Process;
pub use settings::Settings;

use crate::device::{Device, DeviceConfig};
use crate::media::{FakeZlm, ZlmConfig};

/// A gateway in this process, with its media server, and all that they keep on disk.
#[derive(Debug)]
pub struct Site {
    pub zlm: FakeZlm,
    pub api: Api,
    /// Where devices register by UDP, and by TCP.
    pub sip: SocketAddr,
    pub sip_tcp: SocketAddr,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    gateway: JoinHandle<Result<(), sluice::Error>>,
}

/// A device that was issued by the API, and its channel.
#[derive(Debug)]
pub struct Issued {
    pub device: String,
    pub channels: Vec<String>,
}

/// The password of every device that [`Site::issue`] issues.
pub const PASSWORD: &str = "12345678";

impl Site {
    /// Starts everything with the usual settings.
    ///
    /// # Errors
    /// When a part does not start; the text says which.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// Starts everything, with settings of the caller's choice.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let zlm = FakeZlm::start(ZlmConfig {
            hook_query: Some("token=hook-token".to_owned()),
            ..Default::default()
        });
        let zlm = zlm.await.context("the media server does not start")?;
        let mut settings = Settings::new(&zlm)?;
        change(&mut settings);
        let server = serve(&settings, folder.path()).await?;
        let (http, sip) = (server.http_addr()?, server.sip_udp_addr().context("UDP is on")?);
        let sip_tcp = server.sip_tcp_addr().context("TCP is on")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let gateway = tokio::spawn(server.run(async {
            // A site that is dropped without a word stops its gateway too.
            let _ = stopped.await;
        }));
        let api = Api::new(http, &settings.secret)?;
        zlm.set_hook_base(&format!("http://{http}/index/hook"));
        api.wait_until_live().await?;
        Ok(Self { zlm, api, sip, sip_tcp, folder, stop: Some(stop), gateway })
    }

    /// Issues a user device and channels for it.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn issue(&self, channels: usize) -> anyhow::Result<Issued> {
        let user = self.api.get("/users", &[("pwd", PASSWORD)]).await?.ok()?;
        let device = user["deviceid"].as_str().context("an id")?.to_owned();
        let mut issued = Issued { device, channels: Vec::new() };
        for _ in 0..channels {
            let channel = self.api.get(&format!("/users/{}/devices", issued.device), &[]).await?.ok()?;
            issued.channels.push(channel["deviceid"].as_str().context("an id")?.to_owned());
        }
        Ok(issued)
    }

    /// What a recorder is made from that fits what was issued.
    pub fn recorder(&self, issued: &Issued) -> DeviceConfig {
        DeviceConfig::recorder(&issued.device, PASSWORD, self.sip, issued.channels.clone())
    }

    /// Issues a recorder with channels, starts and registers it, and waits until its channels are known.
    ///
    /// # Errors
    /// When any of that does not happen.
    pub async fn online(
        &self,
        channels: usize,
        change: impl FnOnce(&mut DeviceConfig),
    ) -> anyhow::Result<(Issued, Device)> {
        let issued = self.issue(channels).await?;
        let mut config = self.recorder(&issued);
        change(&mut config);
        let device = config.start().await?;
        let registered = device.register().await?;
        anyhow::ensure!(registered.status == 200, "REGISTER was answered {}", registered.status);
        for channel in &issued.channels {
            self.wait_until_on(channel).await?;
        }
        Ok((issued, device))
    }

    /// Waits until the gateway knows from the catalog that `channel` is ON. The API does not tell, the store does.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn wait_until_on(&self, channel: &str) -> anyhow::Result<()> {
        let on = || async {
            self.row("SELECT status FROM channels WHERE deviceid = ?1", channel)
                .is_ok_and(|status| status == "ON")
        };
        wait_for(on).await.with_context(|| format!("channel {channel} is not known to be ON"))
    }

    /// One text of the gateway's database.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn row(&self, sql: &str, id: &str) -> rusqlite::Result<String> {
        let path = self.folder.path().join("sluice.db");
        let database =
            rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.query_row(sql, [id], |row| row.get(0))
    }

    /// Stops the gateway as SIGTERM would, and waits for its end.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        drop(self.stop.take());
        (&mut self.gateway).await??;
        Ok(())
    }
}

async fn serve(settings: &Settings, folder: &Path) -> anyhow::Result<sluice::Server> {
    let text = settings.to_toml(folder);
    let config = sluice::config::parse(&text, []).context("the settings parse")?;
    Ok(sluice::Server::bind(config).await?)
}

/// Any free port of loopback.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

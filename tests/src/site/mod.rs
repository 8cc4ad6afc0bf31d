//! A whole installation on loopback: a simulated media server, a gateway, and a caller who signs.
//!
//! [`Site`] runs the gateway inside the test's process; [`Process`] runs its binary, to be killed.

mod api;
mod front;
mod notified;
mod process;
mod settings;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use api::{Api, Reply, wait_for};
pub use front::{Front, Issued};
pub use notified::Notified;
pub use process::Process;
pub use settings::Settings;

use crate::media::{FakeZlm, ZlmConfig};
use crate::random;

/// A gateway in this process, with its media server, and all that they keep on disk.
#[derive(Debug)]
pub struct Site {
    pub zlm: FakeZlm,
    front: Front,
    /// Where devices register by TCP.
    pub sip_tcp: SocketAddr,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    gateway: JoinHandle<Result<(), sluice::Error>>,
}

/// The password of every device that [`Front::issue`] issues.
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
        Self::start_at(Ipv4Addr::LOCALHOST, change).await
    }

    /// The same with a media server that may be down for a while: where it listens nobody else takes its ports.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn start_apart(change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        Self::start_at(random::address(), change).await
    }

    async fn start_at(address: Ipv4Addr, change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let zlm = FakeZlm::start(ZlmConfig {
            address,
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
        let front = Front { api, sip, database: folder.path().join("sluice.db") };
        Ok(Self { zlm, front, sip_tcp, folder, stop: Some(stop), gateway })
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

/// A site is used by its front.
impl Deref for Site {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

async fn serve(settings: &Settings, folder: &Path) -> anyhow::Result<sluice::Server> {
    let text = settings.to_toml(folder);
    let config = sluice::config::parse(&text, []).context("the settings parse")?;
    Ok(sluice::Server::bind(config).await?)
}

/// Any free port of loopback.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

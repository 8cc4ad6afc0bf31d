//! A gateway from outside: its API, the address where devices register, and its database to look into.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;

use super::{Api, PASSWORD, wait_for};
use crate::device::{Device, DeviceConfig};

/// What callers and devices reach of a gateway.
#[derive(Debug, Clone)]
pub struct Front {
    pub api: Api,
    /// Where devices register by UDP.
    pub sip: SocketAddr,
    /// The gateway's database.
    pub database: PathBuf,
}

/// A device that was issued by the API, and its channels.
#[derive(Debug)]
pub struct Issued {
    pub device: String,
    pub channels: Vec<String>,
}

impl Front {
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
        let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(&self.database, read_only)?;
        database.query_row(sql, [id], |row| row.get(0))
    }
}

//! A caller who speaks HTTP byte by byte, as well or as badly as a test wants.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use sluice_tests::journal::PATIENCE;
use sluice_tests::site::{Front, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use crate::plugins::metrics;

/// An address of loopback that nobody else in a test calls from.
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A connection of a stranger's.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(front: &Front) -> anyhow::Result<Self> {
        Self::connect_from(STRANGER, front).await
    }

    pub(crate) async fn connect_from(from: Ipv4Addr, front: &Front) -> anyhow::Result<Self> {
        let gateway = front.api.base().trim_start_matches("http://").parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        Ok(Self(socket.connect(gateway).await?))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    /// A whole request without a body, on a connection that may go on.
    pub(crate) async fn ask(&mut self, path: &str) -> anyhow::Result<()> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: sluice\r\n\r\n").as_bytes()).await
    }

    /// What comes until `end` has come.
    pub(crate) async fn until(&mut self, end: &str) -> anyhow::Result<String> {
        let mut read = Vec::new();
        let whole = async {
            while !read.ends_with(end.as_bytes()) {
                anyhow::ensure!(self.0.read_buf(&mut read).await? > 0, "the connection was closed");
            }
            Ok(())
        };
        let ended = timeout(PATIENCE, whole).await.context("it takes too long").flatten();
        let read = String::from_utf8_lossy(&read).into_owned();
        ended.with_context(|| format!("read: {read}"))?;
        Ok(read)
    }

    /// What comes until the gateway closes the connection, or breaks it.
    pub(crate) async fn rest(&mut self) -> anyhow::Result<String> {
        let mut read = Vec::new();
        // A connection that is broken has ended too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut read)).await.context("it stays open")?;
        Ok(String::from_utf8_lossy(&read).into_owned())
    }

    /// Sends a byte every tenth of the limit until the gateway closes the connection; how long that took.
    pub(crate) async fn trickle(&mut self, limit: Duration) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let mut byte = [0];
        while begun.elapsed() < PATIENCE {
            let broken = self.0.write_all(b"x").await.is_err();
            let ended = timeout(limit / 10, self.0.read(&mut byte)).await;
            if broken || matches!(ended, Ok(Ok(0) | Err(_))) {
                return Ok(begun.elapsed());
            }
        }
        anyhow::bail!("it stays open")
    }
}

/// Waits until so much was refused for this reason.
pub(crate) async fn refused(front: &Front, reason: &str, count: u64) -> anyhow::Result<()> {
    let line = format!("sluice_http_refused_total{{reason=\"{reason}\"}} {count}");
    let counted = || async { metrics(front).await.is_ok_and(|page| page.lines().any(|found| found == line)) };
    wait_for(counted).await.with_context(|| line.clone())
}

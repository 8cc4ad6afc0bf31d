//! What runs: a media server, the gateway in a process of its own, and a receiver of its notifications.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use sluice::store::Store;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::site::{Notified, Process, Settings};
use tempfile::TempDir;

use crate::narration::Narration;

/// As in life, so that what is told takes as long as it would.
const SPEED: u32 = 1;

/// Everything but the devices.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) zlm: FakeZlm,
    pub(crate) gateway: Process,
    pub(crate) notified: Notified,
    /// `http.secret`.
    pub(crate) secret: String,
    /// Configuration, database and log; `None` once it was given away.
    folder: Option<TempDir>,
    place: PathBuf,
}

impl House {
    /// Starts everything, each on free ports of 127.0.0.1.
    pub(crate) async fn open(binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sluice-demo-").tempdir()?;
        let place = folder.path().to_owned();
        let zlm = FakeZlm::start(ZlmConfig {
            hook_query: Some("token=hook-token".to_owned()),
            record_root: Some(place.join("www")),
            speed: SPEED,
            ..Default::default()
        });
        let zlm = zlm.await.context("the media server does not start")?;
        // A real one closes a stream that nobody watched after 20 s; the gateway gives it a minute.
        zlm.configure("general.streamNoneReaderDelayMS", "60000");
        let notified = Notified::start().await?;
        let mut settings = Settings::new(&zlm)?;
        settings.notify = notified.url.clone();
        settings.secret = "demo-secret".to_owned();
        settings.start_timeout_secs = 60;
        settings.media = format!("http = \"{}\"\n", zlm.url());
        // Nobody wants to watch ten seconds of waiting for a file.
        let record = place.join("www/record");
        settings.extra =
            format!("[record]\npath = {record:?}\nsweep_interval_secs = 1\nfile_timeout_secs = 1\n");
        let gateway = Process::start(binary, &settings, &place).await?;
        zlm.set_hook_base(&format!("http://{}/index/hook", gateway.http));
        zlm.announce().await;
        Ok(Self { zlm, gateway, notified, secret: settings.secret, folder: Some(folder), place })
    }

    /// A signed call that has to succeed; told with its answer. What the sign is does not matter to a reader.
    pub(crate) async fn call(
        &self,
        path: &str,
        query: &[(&str, &str)],
        tell: &Narration,
    ) -> anyhow::Result<Value> {
        let pairs = query.iter().map(|(key, value)| format!("{key}={value}&"));
        tell.saw(&format!("GET {path}?{}sign=…", pairs.collect::<String>()));
        let reply = self.gateway.api.get(path, query).await?;
        tell.saw(&format!("    {} {}", reply.status, short(&reply.envelope)));
        reply.ok()
    }

    /// A number from the gateway's database.
    pub(crate) fn count(&self, sql: &str) -> anyhow::Result<i64> {
        let path = self.place.join("sluice.db");
        let database =
            rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(database.query_row(sql, [], |row| row.get(0))?)
    }

    /// The gateway's database.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(self.place.join("sluice.db"))?)
    }

    /// Leaves the folder where it is, since somebody will want to look into it; the log in it.
    pub(crate) fn keep_log(&mut self) -> Option<PathBuf> {
        self.folder.take().map(TempDir::keep);
        Some(self.gateway.log.clone())
    }
}

impl fmt::Display for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Process { http, sip_tcp, .. }, sip) = (&self.gateway, self.gateway.sip);
        writeln!(f, "\nThe gateway runs: API http://{http}, SIP {sip} (UDP), {sip_tcp} (TCP)")?;
        writeln!(f, "A simulated ZLMediaKit runs: API {}, RTP {}", self.zlm.url(), self.zlm.rtp_address())?;
        write!(f, "Notifications go to {}", self.notified.url)
    }
}

/// The envelope on one line; a long `data` is cut.
fn short(envelope: &Value) -> String {
    const WIDTH: usize = 150;
    let text = format!("code {} data {}", envelope["code"], envelope["data"]);
    if text.chars().count() <= WIDTH {
        return text;
    }
    format!("{}…", text.chars().take(WIDTH).collect::<String>())
}

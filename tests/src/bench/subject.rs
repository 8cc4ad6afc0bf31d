//! What is measured: the gateway's release binary, or the echo, as a process of its own on a core of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use sluice_tests::used;

use super::machine::{self, Cores};
use super::words;

/// How the gateway of the bench signs.
pub(crate) const SECRET: &str = "bench-secret";

/// A process that runs until this is dropped.
pub(crate) struct Subject {
    child: Child,
    pub(crate) sip: SocketAddr,
    /// The API; none for the echo.
    pub(crate) http: Option<SocketAddr>,
    /// Where connections come in; none where there is no such door.
    pub(crate) tcp: Option<SocketAddr>,
}

/// Where a gateway keeps its state, and what it is told.
pub(crate) struct Home {
    binary: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    /// None: the gateway runs wherever there is room.
    cores: Option<Cores>,
}

impl Subject {
    /// Starts the echo: this program once more.
    pub(crate) fn echo(cores: Cores) -> anyhow::Result<Self> {
        let mut command = machine::on_core(cores.subject, std::env::current_exe()?);
        let mut child = command.arg("echo").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("it is piped")?).read_line(&mut line)?;
        Ok(Self { child, sip: line.trim().parse()?, http: None, tcp: None })
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        used::cpu_time(self.child.id())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        used::memory(self.child.id())
    }

    /// SIGTERM, and wait until all is written.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Home {
    /// A folder with a configuration of defaults, but for loopback addresses, and an empty store.
    pub(crate) fn new(
        binary: PathBuf,
        cores: impl Into<Option<Cores>>,
        media: &str,
        sip_port: u16,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let plugins = sluice_build::plugins()?;
        let text = format!(
            "[platform]\nadopt_channels = true\n[sip]\nudp = \"127.0.0.1:{sip_port}\"\ntcp = \"\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\nsecret = \"{SECRET}\"\n[store]\npath = {:?}\n\
             [media]\napi = \"{media}\"\nsecret = \"bench\"\nhook_token = \"hook-token\"\nrtp = \"127.0.0.1:9\"\n\
             [plugins]\npath = {plugins:?}\ncache = {:?}\n",
            folder.path().join("sluice.db"),
            plugins.with_file_name("plugin-cache"),
        );
        std::fs::write(folder.path().join("sluice.toml"), text)?;
        Ok(Self { binary, folder, cores: cores.into() })
    }

    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts the gateway, and waits until it says that it is ready.
    pub(crate) fn start(&self) -> anyhow::Result<Subject> {
        let mut child = self.spawn(Stdio::piped())?;
        let mut log = BufReader::new(child.stderr.take().context("it is piped")?);
        let mut said = String::new();
        loop {
            let mut line = String::new();
            anyhow::ensure!(log.read_line(&mut line)? > 0, "the gateway does not start:\n{said}");
            if line.contains(" ready ") {
                let (sip, http) = (address(&line, "udp")?, Some(address(&line, "http")?));
                // Nobody reads on: with RUST_LOG=warn little more comes, and a closed pipe does not hurt it.
                std::thread::spawn(move || log.lines().for_each(drop));
                return Ok(Subject { child, sip, http, tcp: address(&line, "tcp").ok() });
            }
            said.push_str(&line);
        }
    }

    /// Starts the gateway and does not wait; it will be at `sip`.
    pub(crate) fn start_at_once(&self, sip: SocketAddr) -> anyhow::Result<Subject> {
        Ok(Subject { child: self.spawn(Stdio::null())?, sip, http: None, tcp: None })
    }

    /// Changes the configuration, from the next start on.
    pub(crate) fn amend(&self, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
        let file = self.folder.path().join("sluice.toml");
        Ok(std::fs::write(&file, change(std::fs::read_to_string(&file)?))?)
    }

    /// Bytes of the store on disk, its log included.
    pub(crate) fn stored(&self) -> u64 {
        let files = ["sluice.db", "sluice.db-wal"].map(|name| self.folder.path().join(name));
        files.iter().filter_map(|file| Some(std::fs::metadata(file).ok()?.len())).sum()
    }

    /// Writes `count` devices into the store, each with a channel that is on: by the API it would take an hour.
    /// The gateway must have made the store, and must not run.
    pub(crate) fn issue(&self, count: u32) -> anyhow::Result<()> {
        let mut store = Connection::open(self.store())?;
        let all = store.transaction()?;
        {
            let user = "INSERT INTO users (deviceid, name, pwd, region) VALUES (?1, ?1, ?2, ?3)";
            let channel =
                "INSERT INTO channels (deviceid, pdid, name, status, issued) VALUES (?1, ?2, ?1, 'ON', 1)";
            let (mut user, mut channel) = (all.prepare(user)?, all.prepare(channel)?);
            for number in 0..count {
                let id = words::device(number);
                user.execute((&id, words::PASSWORD, words::REGION))?;
                channel.execute((words::channel(number), &id))?;
            }
        }
        Ok(all.commit()?)
    }

    /// A number from the store.
    pub(crate) fn count(&self, sql: &str) -> anyhow::Result<u32> {
        Ok(Connection::open(self.store())?.query_row(sql, [], |row| row.get(0))?)
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("sluice.db")
    }

    fn spawn(&self, log: Stdio) -> anyhow::Result<Child> {
        let mut command = match self.cores {
            Some(cores) => machine::on_core(cores.subject, &self.binary),
            None => Command::new(&self.binary),
        };
        let config: &Path = &self.folder.path().join("sluice.toml");
        let level = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn,sluice::run=info".to_owned());
        command
            .args(["serve", "--config"])
            .arg(config)
            .env("RUST_LOG", level)
            .env("NO_COLOR", "1")
            .stderr(log);
        Ok(command.spawn()?)
    }
}

/// An address from the line that says that the gateway is ready: `name=127.0.0.1:1234`.
fn address(ready: &str, name: &str) -> anyhow::Result<SocketAddr> {
    let value = ready.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Ok(value.with_context(|| format!("no {name} in: {ready}"))?.parse()?)
}

//! The gateway from open to close: doors, domain and face in their order, and back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, LimitsOverride};
use crate::gateway::{self, Doors, Gateway};
use crate::http;
use crate::media::{self, MediaServer, Timeouts};
use crate::plugin::{self, Plugins, Secret};
use crate::sip::core::{ledger, strangers::Strangers};
use crate::sip::{self, Arrivals, Driver, Sip};
use crate::store::{self, Store};

/// Why the gateway does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{key} = \"{text}\" is no address with a port")]
    Address { key: &'static str, text: String },
    #[error(
        "http.listen = \"{address}\" cannot be listened on ({source}); does another program use the port?"
    )]
    Bind { address: String, source: std::io::Error },
    #[error("the gateway could not take up its state: {0}")]
    Gateway(#[from] gateway::Error),
    #[error("media.api: {0}")]
    Media(#[from] media::Error),
    #[error("{0}")]
    Plugin(#[from] plugin::LoadError),
    #[error("sip.udp, sip.tcp: {0}; does another program use the port?")]
    Sip(#[from] sip::Error),
    #[error("store.path: {0}")]
    Store(#[from] store::Error),
}

/// A gateway whose sockets are open and that has done nothing yet.
pub struct Server {
    config: Config,
    http: TcpListener,
    sip: Sip,
    arrivals: Arrivals,
    driver: Driver,
}

/// What a media server on a good line needs a tenth of.
const MEDIA_TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(10) };

impl Server {
    /// Opens the sockets that `config` names. Port 0 takes any; the addresses below then say which.
    ///
    /// # Errors
    /// [`Error::Bind`] and [`Error::Sip`] name the address, [`Error::Address`] the key.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        let listen = config.http.listen.as_str();
        let in_use = |source| Error::Bind { address: listen.to_owned(), source };
        let http = TcpListener::bind(listen).await.map_err(in_use)?;
        let advertise = &config.sip.advertise;
        let (sip, arrivals, driver) = sip::bind(sip::Config {
            udp: address("sip.udp", &config.sip.udp)?,
            tcp: address("sip.tcp", &config.sip.tcp)?,
            advertise: (!advertise.is_empty()).then(|| advertise.clone()),
            ..gate_settings(&config.sip)
        })?;
        Ok(Self { config, http, sip, arrivals, driver })
    }

    /// Where the API is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn http_addr(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Where datagrams come in.
    pub fn sip_udp_addr(&self) -> Option<SocketAddr> {
        self.sip.udp_addr()
    }

    /// Where connections come in.
    pub fn sip_tcp_addr(&self) -> Option<SocketAddr> {
        self.sip.tcp_addr()
    }

    /// HTTP, SIP by UDP and by TCP, as the log names them; `off` where nothing listens.
    fn addresses(&self) -> [String; 3] {
        let off = || "off".to_owned();
        let named = |address: Option<SocketAddr>| address.map_or_else(off, |address| address.to_string());
        [named(self.http.local_addr().ok()), named(self.sip.udp_addr()), named(self.sip.tcp_addr())]
    }

    /// Runs the gateway until `shutdown` is done, then ends it in order: no new calls, work under way finished,
    /// the store written.
    ///
    /// # Errors
    /// What keeps it from starting; each says what is wrong and what to do.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let at = self.addresses();
        let Self { config, http, sip, arrivals, driver } = self;
        let store = Store::open(&config.store.path)?.with_backlog(config.notify.backlog_max);
        let plugins = Plugins::load(&plugin_settings(&config))?;
        let media = MediaServer::new(&config.media.api, &config.media.secret, MEDIA_TIMEOUTS)?;
        let ended = CancellationToken::new();
        let driver = tokio::spawn(driver.run(ended.clone().cancelled_owned()));
        let watched = plugins.clone();
        let gateway = Gateway::start(config, Doors { media, plugins, sip, store }, arrivals).await?;
        // Candidates begin with what plugins have stored, which they have back only now.
        let watch = watched.watch();

        let shutdown = async {
            shutdown.await;
            tracing::info!("stopping");
        };
        tracing::info!(http = %at[0], udp = %at[1], tcp = %at[2], "ready");
        http::serve(http, gateway.clone(), shutdown).await;
        gateway.shut_down().await;
        drop(watch);
        ended.cancel();
        // A driver that panicked has been logged by its panic, and there is nothing left to end.
        let _ = driver.await;
        Ok(())
    }
}

fn address(key: &'static str, text: &str) -> Result<Option<SocketAddr>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Error::Address { key, text: text.to_owned() })
}

/// What the configuration says of those who are not heard, or not answered.
fn gate_settings(sip: &config::Sip) -> sip::Config {
    let config::Sip { limits, strangers, .. } = sip;
    sip::Config {
        max_connections: limits.connections,
        max_connections_per_source: limits.connections_per_source,
        idle_timeout: Duration::from_secs(limits.idle_secs),
        limits: ledger::Limits {
            mistakes: limits.mistakes,
            mistakes_per_sec: limits.mistakes_per_sec,
            challenges: limits.challenges,
            challenges_per_sec: limits.challenges_per_sec,
            sources: limits.sources,
        },
        strangers: Strangers {
            user_agents: strangers.user_agents.iter().map(|name| name.to_ascii_lowercase()).collect(),
            methods: strangers.methods.iter().flat_map(|name| name.parse()).collect(),
            odd_ids: strangers.odd_ids,
            domains: strangers.domains.clone(),
        },
        ..sip::Config::default()
    }
}

/// What the configuration says of plugins.
pub fn plugin_settings(config: &Config) -> plugin::Settings {
    let plugins = &config.plugins;
    let common = limits(&plugins.limits, &LimitsOverride::default());
    let named = plugins.limits.named.iter();
    let configured = plugins.config.iter();
    plugin::Settings {
        folder: plugins.path.clone(),
        auth: plugins.auth.clone(),
        sign: plugins.sign.clone(),
        notify: plugins.notify.clone(),
        cleanup: Some(plugins.cleanup.clone()).filter(|name| !name.is_empty()),
        vendor: plugins.vendor.clone(),
        limits: common,
        plugin_limits: named.map(|(name, own)| (name.clone(), limits(&plugins.limits, own))).collect(),
        configs: configured.map(|(name, table)| (name.clone(), serde_json::json!(table))).collect(),
        keys: plugins.keys.iter().map(|(name, key)| (name.clone(), Secret::new(key.clone()))).collect(),
        cache: Some(plugins.cache.clone()),
    }
}

/// The limits of one plugin: its own where it has any, everybody's elsewhere.
fn limits(common: &config::Limits, own: &LimitsOverride) -> plugin::Limits {
    let megabytes = own.memory_mb.unwrap_or(common.memory_mb);
    plugin::Limits {
        cpu: Duration::from_millis(own.cpu_ms.unwrap_or(common.cpu_ms)),
        wall: Duration::from_millis(own.wall_ms.unwrap_or(common.wall_ms)),
        memory: usize::try_from(megabytes << 20).unwrap_or(usize::MAX),
    }
}

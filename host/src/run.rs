//! The gateway from open to close: doors, domain and face in their order, and back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};

use crate::config::{self, Config, LimitsOverride};
use crate::gateway::{self, Doors, Gateway};
use crate::media::{self, MediaServer, Timeouts};
use crate::plugin::{self, Plugins};
use crate::sip::{self, Sip};
use crate::store::{self, Store};
use crate::http;

/// Why the gateway does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{key} = \"{address}\" cannot be listened on: {source}; is another program using the port?")]
    Bind { key: &'static str, address: String, source: std::io::Error },
    #[error("the gateway could not take up its state: {0}")]
    Gateway(#[from] gateway::Error),
    #[error("media.api: {0}")]
    Media(#[from] media::Error),
    #[error("{0}")]
    Plugin(#[from] plugin::LoadError),
    #[error("SIP: {0}")]
    Sip(#[from] sip::Error),
    #[error("store.path: {0}")]
    Store(#[from] store::Error),
}

/// The sockets that the gateway listens on, bound before anything else is begun.
#[derive(Debug)]
pub struct Listeners {
    pub udp: Option<UdpSocket>,
    pub tcp: Option<TcpListener>,
    pub http: TcpListener,
}

impl Listeners {
    /// Binds what `config` names.
    ///
    /// # Errors
    /// [`Error::Bind`] names the key and the address.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let udp = match config.sip.udp.as_str() {
            "" => None,
            address => Some(UdpSocket::bind(address).await.map_err(|source| bind("sip.udp", address, source))?),
        };
        let tcp = match config.sip.tcp.as_str() {
            "" => None,
            address => Some(TcpListener::bind(address).await.map_err(|source| bind("sip.tcp", address, source))?),
        };
        let listen = config.http.listen.as_str();
        let http = TcpListener::bind(listen).await.map_err(|source| bind("http.listen", listen, source))?;
        Ok(Self { udp, tcp, http })
    }

    /// Where the API is.
    ///
    /// # Errors
    /// When the socket does not say.
    pub fn http_addr(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }
}

fn bind(key: &'static str, address: &str, source: std::io::Error) -> Error {
    Error::Bind { key, address: address.to_owned(), source }
}

/// What a media server on a good line needs a tenth of.
const MEDIA_TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(10) };

/// Runs the gateway until `shutdown` is done, then ends it in order: no new calls, work under way finished,
/// the store written.
///
/// # Errors
/// What keeps it from starting: each names the key that is wrong and what to do.
pub async fn run(config: Config, listeners: Listeners, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let store = Store::open(&config.store.path)?;
    let plugins = Plugins::load(&plugin_settings(&config))?;
    let media = MediaServer::new(&config.media.api, &config.media.secret, MEDIA_TIMEOUTS)?;
    let advertise = (!config.sip.advertise.is_empty()).then(|| config.sip.advertise.clone());
    let (sip, incoming, driver) = Sip::new(sip::Sockets { udp: listeners.udp, tcp: listeners.tcp }, advertise)?;
    let driver = tokio::spawn(driver.run());
    let gateway = Gateway::start(config, Doors { media, plugins, sip, store }, incoming).await?;

    let shutdown = async {
        shutdown.await;
        tracing::info!("stopping");
    };
    tracing::info!("ready");
    http::serve(listeners.http, gateway.clone(), shutdown).await;
    gateway.shut_down().await;
    driver.abort();
    Ok(())
}

fn plugin_settings(config: &Config) -> plugin::Settings {
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

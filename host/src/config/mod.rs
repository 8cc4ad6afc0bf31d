//! What the operator configured: a struct for each concern, the file's text made into it (`load`), and
//! what is wrong with it though it parses (`check`). `config/sluice.toml` is the reference of all keys.

mod check;
mod gate;
mod init;
mod limits;
mod load;
mod network;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use check::{Problem, check};
pub use gate::{SipLimits, Strangers};
pub use init::commented;
pub use limits::{Limits, LimitsOverride};
pub use load::{Error, Loaded, load, parse};
pub use network::{Network, NotANetwork};

/// All settings. Every default works but for `http.secret`, which release mode asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub mode: Mode,
    pub platform: Platform,
    pub sip: Sip,
    pub http: Http,
    pub store: Store,
    pub media: Media,
    pub stream: Stream,
    pub record: Record,
    pub notify: Notify,
    pub plugins: Plugins,
    pub vendor: Vendor,
}

/// Whether signs are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No sign is checked.
    Debug,
    #[default]
    Release,
}

/// Who this platform is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// The 20-digit GB28181 id of this platform.
    pub id: String,
    /// Ten digits: the SIP realm, and part of every SSRC.
    pub region: String,
    /// IANA name of the civil time that devices speak.
    pub timezone: String,
    /// Whether channels that nobody issued are taken when a device reports them.
    pub adopt_channels: bool,
    /// First 14 digits of new user devices' ids.
    pub user_prefix: String,
    /// First 14 digits of new channel devices' ids.
    pub channel_prefix: String,
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            id: "37070000082008000001".into(),
            region: "3707000008".into(),
            timezone: "Asia/Shanghai".into(),
            adopt_channels: false,
            user_prefix: "37070000081118".into(),
            channel_prefix: "37070000081318".into(),
        }
    }
}

/// The SIP sockets and what is expected of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sip {
    /// `ip:port`, or empty for no UDP.
    pub udp: String,
    /// `ip:port`, or empty for no TCP.
    pub tcp: String,
    /// `host:port` that devices reach us at; empty is the address that a device's packet came to.
    pub advertise: String,
    /// How long a device may take for its final answer to INVITE.
    pub invite_timeout_secs: u64,
    pub keepalive_interval_secs: u64,
    /// Silent for interval × misses is offline.
    pub keepalive_misses: u64,
    /// Pause between a registration and the first query; some devices refuse earlier ones.
    pub query_delay_ms: u64,
    /// How long a device may take for the list of its recordings.
    pub files_timeout_secs: u64,
    /// A device that asks for less is told to ask for this (423).
    pub expires_min_secs: u32,
    /// The longest registration that is granted.
    pub expires_max_secs: u32,
    pub limits: SipLimits,
    pub strangers: Strangers,
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            udp: "0.0.0.0:5060".into(),
            tcp: "0.0.0.0:5060".into(),
            advertise: String::new(),
            invite_timeout_secs: 20,
            keepalive_interval_secs: 60,
            keepalive_misses: 3,
            query_delay_ms: 1000,
            files_timeout_secs: 10,
            expires_min_secs: 60,
            expires_max_secs: 86_400,
            limits: SipLimits::default(),
            strangers: Strangers::default(),
        }
    }
}

/// The API and the hooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub listen: String,
    /// The key of `sign`.
    pub secret: String,
    /// Whether `pwd` in answers is `***`.
    pub mask_pwd: bool,
    /// Connections held at once; the rest wait in the kernel's backlog.
    pub connections_max: usize,
    /// Of those, from one address.
    pub connections_per_source_max: usize,
    /// A request's line and headers, in KiB.
    pub head_max_kb: usize,
    /// How long a caller may take for them, or be idle before them.
    pub head_timeout_secs: u64,
    /// A hook's body, in KiB.
    pub body_max_kb: usize,
    /// How long a hook's body may take.
    pub body_timeout_secs: u64,
    /// How long a caller may take none of its answer.
    pub write_timeout_secs: u64,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8090".into(),
            secret: String::new(),
            mask_pwd: false,
            connections_max: 4096,
            connections_per_source_max: 1024,
            head_max_kb: 64,
            head_timeout_secs: 30,
            body_max_kb: 256,
            body_timeout_secs: 5,
            write_timeout_secs: 30,
        }
    }
}

/// Where the state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    pub path: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "data/sluice.db".into() }
    }
}

/// ZLMediaKit: its API, its hooks, and the addresses that devices and viewers use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    pub api: String,
    pub secret: String,
    /// When set, hooks must carry it as `?token=`.
    pub hook_token: String,
    /// When not empty, hooks must come from one of them.
    pub hook_from: Vec<Network>,
    pub http: String,
    pub ws: String,
    pub rtmp: String,
    pub rtsp: String,
    /// `ip:port` where devices send RTP; the port counts in mode `single` only.
    pub rtp: String,
    pub rtp_ports: RtpPorts,
    pub rtp_transport: RtpTransport,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            api: "http://127.0.0.1:8080".into(),
            secret: String::new(),
            hook_token: String::new(),
            hook_from: Vec::new(),
            http: "http://127.0.0.1:8080".into(),
            ws: "ws://127.0.0.1:8080".into(),
            rtmp: "rtmp://127.0.0.1:1935".into(),
            rtsp: "rtsp://127.0.0.1:554".into(),
            rtp: "127.0.0.1:10000".into(),
            rtp_ports: RtpPorts::Single,
            rtp_transport: RtpTransport::Udp,
        }
    }
}

/// How streams share the media server's RTP ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RtpPorts {
    /// `openRtpServer` for each stream.
    Each,
    /// One port for all, streams told apart by SSRC.
    Single,
}

/// How media reaches the media server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RtpTransport {
    /// ZLMediaKit connects to the device.
    TcpActive,
    /// The device connects.
    TcpPassive,
    Udp,
}

/// What streams do once they flow, and how long they may take to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    pub hls: bool,
    pub rtmp: bool,
    /// Asked for, and no media or no viewer within it: closed.
    pub start_timeout_secs: u64,
    /// Whether a stream that lost its last viewer is closed.
    pub idle_close: bool,
    /// How often rows and media server are compared.
    pub check_interval_secs: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self { hls: true, rtmp: true, start_timeout_secs: 60, idle_close: true, check_interval_secs: 300 }
    }
}

/// Recordings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// ZLMediaKit's record folder, as seen from here.
    pub path: PathBuf,
    /// Seconds; -1 is no limit.
    pub max: i64,
    /// How long the caller who ends a recording waits for its file.
    pub file_timeout_secs: u64,
    /// Days that files are kept; the cleanup plugin gets it with each sweep.
    pub expire: u32,
    /// How often the cleanup plugin is asked which files go.
    pub sweep_interval_secs: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            path: "www/record".into(),
            max: 600,
            file_timeout_secs: 10,
            expire: 7,
            sweep_interval_secs: 600,
        }
    }
}

/// A URL for each notification, empty for those that are not sent, and how long to wait between attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    pub users_register: String,
    pub users_active: String,
    pub devices_active: String,
    pub records_stop: String,
    /// Wait after the first failure; it doubles up to the maximum.
    pub retry_min_ms: u64,
    pub retry_max_ms: u64,
    /// Notifications that may wait for one receiver.
    pub backlog_max: u32,
    /// URLs of a plugin that tells others than the rest, by its name. It has only these.
    pub plugin: BTreeMap<String, NotifyUrls>,
}

/// A URL for each notification, empty for those that are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyUrls {
    pub users_register: String,
    pub users_active: String,
    pub devices_active: String,
    pub records_stop: String,
}

impl Notify {
    /// The URLs of the plugins that have none of their own.
    pub fn shared(&self) -> NotifyUrls {
        NotifyUrls {
            users_register: self.users_register.clone(),
            users_active: self.users_active.clone(),
            devices_active: self.devices_active.clone(),
            records_stop: self.records_stop.clone(),
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            users_register: String::new(),
            users_active: String::new(),
            devices_active: String::new(),
            records_stop: String::new(),
            retry_min_ms: 1000,
            retry_max_ms: 60_000,
            backlog_max: 10_000,
            plugin: BTreeMap::new(),
        }
    }
}

/// Which component decides what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// The folder of `*.wasm`.
    pub path: PathBuf,
    /// A private folder for compiled code.
    pub cache: PathBuf,
    pub auth: String,
    pub sign: String,
    pub notify: Vec<String>,
    pub cleanup: String,
    /// `*` stands for every vendor module found.
    pub vendor: Vec<String>,
    pub limits: Limits,
    /// The key of a plugin that signs with its own instead of `http.secret`, by its name.
    pub keys: BTreeMap<String, String>,
    /// What a plugin gets as its own configuration, by its name.
    pub config: BTreeMap<String, toml::Table>,
}

impl Default for Plugins {
    fn default() -> Self {
        let days = toml::Table::from_iter([("days".to_owned(), toml::Value::Integer(7))]);
        Self {
            path: "plugins".into(),
            cache: "data/plugin-cache".into(),
            auth: "gosip-auth".into(),
            sign: "gosip-sign".into(),
            notify: vec!["gosip-notify".into()],
            cleanup: "expire".into(),
            vendor: vec!["*".into()],
            limits: Limits::default(),
            keys: BTreeMap::new(),
            config: BTreeMap::from([("expire".to_owned(), days)]),
        }
    }
}

/// The operator's word on vendors, which comes before what modules claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vendor {
    /// Device id to module.
    pub device: BTreeMap<String, String>,
    /// Manufacturer to module.
    pub manufacturer: BTreeMap<String, String>,
}

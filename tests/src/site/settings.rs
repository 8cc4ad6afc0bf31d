//! The gateway's configuration for tests: everything on loopback, short periods.

use std::path::{Path, PathBuf};

use crate::media::FakeZlm;

/// What tests change most. [`Settings::extra`] takes the rest.
#[derive(Debug, Clone)]
pub struct Settings {
    pub mode: &'static str,
    /// `http.secret`.
    pub secret: String,
    pub udp: String,
    pub tcp: String,
    pub http: String,
    pub rtp_ports: &'static str,
    pub rtp_transport: &'static str,
    pub invite_timeout_secs: u64,
    pub files_timeout_secs: u64,
    pub keepalive_interval_secs: u64,
    pub keepalive_misses: u64,
    pub start_timeout_secs: u64,
    pub check_interval_secs: u64,
    pub idle_close: bool,
    pub hls: bool,
    pub adopt_channels: bool,
    /// `platform.timezone`.
    pub timezone: &'static str,
    /// `http.mask_pwd`.
    pub mask_pwd: bool,
    /// The folder of components.
    pub plugins: PathBuf,
    /// One URL for all notifications, or none.
    pub notify: String,
    /// `notify.backlog_max`.
    pub backlog_max: u32,
    /// Another URL for `devices.active`.
    pub devices_active: Option<String>,
    /// `sip.expires_min_secs`.
    pub expires_min_secs: u32,
    /// Whether those who have not registered are answered whatever they ask; else `[sip.strangers]` is as it comes.
    pub answer_strangers: bool,
    /// More lines of `[http]`.
    pub http_lines: String,
    /// `media.hook_token`.
    pub hook_token: String,
    /// More lines of `[media]`.
    pub media: String,
    /// Whole sections, appended.
    pub extra: String,
    /// What a process of its own logs, where the environment's `RUST_LOG` says nothing.
    pub log: &'static str,
    zlm_api: String,
    zlm_secret: String,
    zlm_rtp: String,
}

impl Settings {
    /// Settings that fit this media server. Builds the components where they are not up to date.
    ///
    /// # Errors
    /// When the components cannot be built.
    pub fn new(zlm: &FakeZlm) -> anyhow::Result<Self> {
        Ok(Self {
            mode: "release",
            secret: "test-secret".to_owned(),
            udp: "127.0.0.1:0".to_owned(),
            tcp: "127.0.0.1:0".to_owned(),
            http: "127.0.0.1:0".to_owned(),
            rtp_ports: "single",
            rtp_transport: "udp",
            invite_timeout_secs: 3,
            files_timeout_secs: 10,
            keepalive_interval_secs: 60,
            keepalive_misses: 3,
            start_timeout_secs: 10,
            check_interval_secs: 300,
            idle_close: true,
            hls: true,
            adopt_channels: false,
            timezone: "Asia/Shanghai",
            mask_pwd: false,
            plugins: sluice_build::plugins()?,
            notify: String::new(),
            backlog_max: 10_000,
            devices_active: None,
            expires_min_secs: 60,
            answer_strangers: false,
            http_lines: String::new(),
            hook_token: "hook-token".to_owned(),
            media: String::new(),
            extra: String::new(),
            log: "info",
            zlm_api: zlm.url(),
            zlm_secret: zlm.secret().to_owned(),
            zlm_rtp: zlm.rtp_address().to_string(),
        })
    }

    /// The configuration file's text; what the gateway keeps goes into `folder`.
    pub fn to_toml(&self, folder: &Path) -> String {
        let Self { mode, secret, udp, tcp, http, notify, media, extra, zlm_api, zlm_secret, zlm_rtp, .. } =
            self;
        let strangers =
            if self.answer_strangers { "[sip.strangers]\nmethods = []\nodd_ids = false\n" } else { "" };
        let Self { http_lines, hook_token, .. } = self;
        let devices_active = self.devices_active.as_ref().unwrap_or(notify);
        let store = folder.join("sluice.db");
        // Shared by all sites, beside the components: compiling them takes longer than most tests.
        let cache = self.plugins.with_file_name("plugin-cache");
        format!(
            "mode = \"{mode}\"\n\
             [platform]\nadopt_channels = {}\ntimezone = \"{}\"\n\
             [sip]\nudp = \"{udp}\"\ntcp = \"{tcp}\"\ninvite_timeout_secs = {}\nkeepalive_interval_secs = {}\n\
             keepalive_misses = {}\nquery_delay_ms = 10\nfiles_timeout_secs = {}\n\
             expires_min_secs = {}\n{strangers}\
             [http]\nlisten = \"{http}\"\nsecret = \"{secret}\"\nmask_pwd = {}\n{http_lines}\
             [store]\npath = {store:?}\n\
             [media]\napi = \"{zlm_api}\"\nsecret = \"{zlm_secret}\"\nhook_token = \"{hook_token}\"\n\
             rtp = \"{zlm_rtp}\"\nrtp_ports = \"{}\"\nrtp_transport = \"{}\"\n{media}\
             [stream]\nstart_timeout_secs = {}\ncheck_interval_secs = {}\nidle_close = {}\n\
             hls = {}\n\
             [notify]\nusers_register = \"{notify}\"\nusers_active = \"{notify}\"\ndevices_active = \"{devices_active}\"\n\
             records_stop = \"{notify}\"\nretry_min_ms = 20\nretry_max_ms = 200\nbacklog_max = {}\n\
             [plugins]\npath = {:?}\ncache = {cache:?}\n\
             {extra}",
            self.adopt_channels,
            self.timezone,
            self.invite_timeout_secs,
            self.keepalive_interval_secs,
            self.keepalive_misses,
            self.files_timeout_secs,
            self.expires_min_secs,
            self.mask_pwd,
            self.rtp_ports,
            self.rtp_transport,
            self.start_timeout_secs,
            self.check_interval_secs,
            self.idle_close,
            self.hls,
            self.backlog_max,
            self.plugins,
        )
    }
}

//! ZLMediaKit's configuration, and the delays that follow from it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::ZlmConfig;

/// What a real server answered to `getServerConfig`: the keys and their defaults.
const RECORDED: &str = include_str!("../../data/zlm/api/getServerConfig.ok.json");

/// The hooks that are sent, each to `hook.<name>`.
const HOOKS: [&str; 17] = [
    "on_flow_report",
    "on_http_access",
    "on_play",
    "on_publish",
    "on_record_mp4",
    "on_record_ts",
    "on_rtp_server_timeout",
    "on_rtsp_auth",
    "on_rtsp_realm",
    "on_send_rtp_stopped",
    "on_server_exited",
    "on_server_keepalive",
    "on_server_started",
    "on_shell_login",
    "on_stream_changed",
    "on_stream_none_reader",
    "on_stream_not_found",
];

/// Keys and values, all text, as `getServerConfig` gives them.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    speed: u32,
}

impl Settings {
    pub(super) fn new(config: &ZlmConfig, http_port: u16, rtp_port: u16) -> Self {
        let mut settings = Self { values: recorded(), speed: config.speed.max(1) };
        settings.put("api.secret", &config.secret);
        settings.put("general.mediaServerId", &config.server_id);
        settings.put("general.flowThreshold", "0");
        settings.put("http.port", &http_port.to_string());
        settings.put("rtp_proxy.port", &rtp_port.to_string());
        settings.set_hook_base(config.hook_base.as_deref(), config.hook_query.as_deref());
        settings
    }

    /// Points every hook to `<base>/<name>?<query>`; without a base none is sent.
    pub(super) fn set_hook_base(&mut self, base: Option<&str>, query: Option<&str>) {
        for name in HOOKS {
            let url = base.map(|base| {
                let query = query.map(|query| format!("?{query}")).unwrap_or_default();
                format!("{}/{name}{query}", base.trim_end_matches('/'))
            });
            self.put(&format!("hook.{name}"), &url.unwrap_or_default());
        }
    }

    /// `setServerConfig`: whether a value changed. Unknown keys and `ffmpeg.bin` are ignored, as the real one does.
    pub(super) fn change(&mut self, key: &str, value: &str) -> bool {
        match self.values.get_mut(key) {
            Some(old) if key != "ffmpeg.bin" && old != value => {
                value.clone_into(old);
                true
            }
            _ => false,
        }
    }

    pub(super) fn all(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    /// Where a hook goes; `None`: nowhere, and it counts as accepted.
    pub(super) fn hook_url(&self, name: &str) -> Option<&str> {
        let url = self.text(&format!("hook.{name}"));
        (self.text("hook.enable") != "0" && !url.is_empty()).then_some(url)
    }

    /// `hook.stream_changed_schemas`.
    pub(super) fn announces(&self, schema: &str) -> bool {
        self.text("hook.stream_changed_schemas").split('/').any(|one| one == schema)
    }

    /// How long an answer to a hook may take. Not scaled: whoever answers is not faster than in life.
    pub(super) fn hook_timeout(&self) -> Duration {
        self.seconds("hook.timeoutSec")
    }

    pub(super) fn hook_retries(&self) -> u32 {
        self.text("hook.retry").parse().unwrap_or(1)
    }

    pub(super) fn hook_retry_delay(&self) -> Duration {
        self.scaled(self.seconds("hook.retry_delay"))
    }

    pub(super) fn keepalive_interval(&self) -> Duration {
        self.scaled(self.seconds("hook.alive_interval").max(Duration::from_millis(100)))
    }

    /// `openRtpServer`: without media for so long it is closed.
    pub(super) fn rtp_timeout(&self) -> Duration {
        self.scaled(self.seconds("rtp_proxy.timeoutSec"))
    }

    /// How long after the last reader `on_stream_none_reader` comes.
    pub(super) fn none_reader_delay(&self) -> Duration {
        self.scaled(self.seconds_from_millis("general.streamNoneReaderDelayMS"))
    }

    /// How long a player waits for a stream that is not there.
    pub(super) fn player_patience(&self) -> Duration {
        self.scaled(self.seconds_from_millis("general.maxStreamWaitMS"))
    }

    /// A real delay in this server's time.
    pub(super) fn scaled(&self, real: Duration) -> Duration {
        real / self.speed
    }

    /// Time that passed, in the seconds of a real server.
    pub(super) fn unscaled_seconds(&self, passed: Duration) -> u64 {
        (passed * self.speed).as_secs()
    }

    fn put(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
    }

    fn seconds(&self, key: &str) -> Duration {
        // A value that is no number of seconds is the caller's; zero then shows it.
        self.text(key)
            .parse()
            .ok()
            .and_then(|value| Duration::try_from_secs_f64(value).ok())
            .unwrap_or_default()
    }

    fn seconds_from_millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.text(key).parse().unwrap_or_default())
    }
}

fn recorded() -> BTreeMap<String, String> {
    let fixture: Value = serde_json::from_str(RECORDED).unwrap_or_default();
    let keys = fixture["response"]["body"]["data"][0].as_object();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    keys.map(|keys| keys.iter().map(|(key, value)| (key.clone(), text(value))).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_keys_are_there_and_only_known_ones_change() {
        let config = ZlmConfig { hook_base: Some("http://h/hook/".to_owned()), ..ZlmConfig::default() };
        let mut settings = Settings::new(&config, 1, 2);
        assert!(settings.all().len() > 100);
        assert_eq!(settings.hook_url("on_play"), Some("http://h/hook/on_play"));
        assert_eq!(settings.rtp_timeout(), Duration::from_secs(15) / config.speed);
        assert!(settings.change("rtp_proxy.timeoutSec", "40"));
        assert!(!settings.change("rtp_proxy.timeoutSec", "40"));
        assert!(!settings.change("nosuch.key", "1"));
        assert!(!settings.change("ffmpeg.bin", "other"));
        assert_eq!(settings.rtp_timeout(), Duration::from_secs(2));
    }
}

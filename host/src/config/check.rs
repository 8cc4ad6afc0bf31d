//! What is wrong with a configuration that parses: each problem names its key, its line and the cure.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use super::{Config, Loaded, Mode, NotifyUrls, RtpPorts, RtpTransport, SipLimits};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as a dotted path, for example `sip.udp`.
    pub key: Cow<'static, str>,
    /// Where the file sets it, counted from 1; none where the default or the environment does.
    pub line: Option<usize>,
    /// What is wrong and what cures it.
    pub text: String,
    /// Whether the gateway refuses to start; otherwise it is worth a look.
    pub fatal: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.fatal { "error" } else { "warning" };
        match self.line {
            Some(line) => write!(f, "{kind}: line {line}: {}: {}", self.key, self.text),
            None => write!(f, "{kind}: {}: {}", self.key, self.text),
        }
    }
}

/// All that is wrong with `loaded`, in the order of the file's sections.
#[must_use]
pub fn check(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let mut found = Findings { text: &loaded.text, problems: Vec::new() };
    identity(config, &mut found);
    sip(config, &mut found);
    http(config, &mut found);
    media(config, &mut found);
    periods(config, &mut found);
    lengths(config, &mut found);
    urls(config, &mut found);
    found.problems
}

struct Findings<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn error(&mut self, key: impl Into<Cow<'static, str>>, wrong: bool, text: impl FnOnce() -> String) {
        self.push(key, wrong, true, text);
    }

    fn warning(&mut self, key: impl Into<Cow<'static, str>>, wrong: bool, text: impl FnOnce() -> String) {
        self.push(key, wrong, false, text);
    }

    fn push(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        wrong: bool,
        fatal: bool,
        text: impl FnOnce() -> String,
    ) {
        if wrong {
            let key = key.into();
            let line = line_of(self.text, &key);
            self.problems.push(Problem { key, line, text: text(), fatal });
        }
    }
}

/// The line on which the file sets `key`, found by section and name.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (wanted, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut section = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default().trim().to_owned();
        } else if section == wanted && line.split_once('=').is_some_and(|(left, _)| left.trim() == name) {
            return Some(number + 1);
        }
    }
    None
}

fn identity(config: &Config, found: &mut Findings<'_>) {
    let platform = &config.platform;
    found.error("platform.id", !digits(&platform.id, 20), || {
        format!("\"{}\" is not 20 digits; write the id that this platform was given", platform.id)
    });
    found.error("platform.region", !digits(&platform.region, 10), || {
        format!("\"{}\" is not ten digits; usually the first ten of platform.id", platform.region)
    });
    found.error("platform.timezone", jiff::tz::TimeZone::get(&platform.timezone).is_err(), || {
        format!("\"{}\" is no time zone; write an IANA name such as Asia/Shanghai", platform.timezone)
    });
    found.error("platform.user_prefix", !digits(&platform.user_prefix, 14), || prefix(&platform.user_prefix));
    found.error("platform.channel_prefix", !digits(&platform.channel_prefix, 14), || {
        prefix(&platform.channel_prefix)
    });
    found.error("platform.channel_prefix", platform.channel_prefix == platform.user_prefix, || {
        "is the same as user_prefix, so ids would be given twice; type digits 11 to 13 tell them apart".into()
    });
}

fn prefix(value: &str) -> String {
    format!("\"{value}\" is not 14 digits; the counter adds the other six")
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn sip(config: &Config, found: &mut Findings<'_>) {
    let sip = &config.sip;
    found.error("sip.udp", !socket_or_empty(&sip.udp), || address(&sip.udp, "0.0.0.0:5060"));
    found.error("sip.tcp", !socket_or_empty(&sip.tcp), || address(&sip.tcp, "0.0.0.0:5060"));
    found.error("sip.udp", sip.udp.is_empty() && sip.tcp.is_empty(), || {
        "neither udp nor tcp is on, so no device can register; set one of them".into()
    });
    found.error("sip.advertise", !host_port_or_empty(&sip.advertise), || {
        address(&sip.advertise, "203.0.113.7:5060")
    });
}

fn http(config: &Config, found: &mut Findings<'_>) {
    let http = &config.http;
    found.error("http.listen", http.listen.parse::<SocketAddr>().is_err(), || {
        address(&http.listen, "0.0.0.0:8090")
    });
    found.error("http.secret", config.mode == Mode::Release && http.secret.is_empty(), || {
        "is empty, so nobody could sign a call; `sluice init FILE` writes a random one, \
         or mode = \"debug\" checks no sign"
            .into()
    });
    let zero = || "is 0, so nobody would be served; it takes at least 1".to_owned();
    found.error("http.connections_max", http.connections_max == 0, zero);
    found.error("http.connections_per_source_max", http.connections_per_source_max == 0, zero);
    found.error("http.head_max_kb", http.head_max_kb < 8, || {
        format!("{} is too little; it takes at least 8", http.head_max_kb)
    });
    found.error("http.head_timeout_secs", http.head_timeout_secs == 0, zero);
    found.error("http.body_max_kb", http.body_max_kb == 0, zero);
    found.error("http.body_timeout_secs", http.body_timeout_secs == 0, zero);
    found.error("http.write_timeout_secs", http.write_timeout_secs == 0, zero);
}

fn media(config: &Config, found: &mut Findings<'_>) {
    let media = &config.media;
    found.error("media.rtp", !ip_port(&media.rtp), || address(&media.rtp, "192.0.2.10:10000"));
    let single = media.rtp_ports == RtpPorts::Single;
    found.error("media.rtp_transport", single && media.rtp_transport == RtpTransport::TcpActive, || {
        "\"tcp-active\" needs a server for each stream; set rtp_ports = \"each\"".into()
    });
    found.warning("media.secret", media.secret.is_empty(), || {
        "is empty; ZLMediaKit refuses calls without its api.secret, which its config.ini shows".into()
    });
    let anybody = media.hook_token.is_empty() && media.hook_from.is_empty();
    found.warning("media.hook_token", anybody, || {
        "is empty, and media.hook_from too, so whoever reaches http.listen from a private network can send \
         hooks; set one and add ?token= to the hook URLs"
            .into()
    });
}

fn periods(config: &Config, found: &mut Findings<'_>) {
    let zero = || "is 0; it takes at least 1".to_owned();
    found.error("sip.invite_timeout_secs", config.sip.invite_timeout_secs == 0, zero);
    found.error("sip.keepalive_interval_secs", config.sip.keepalive_interval_secs == 0, zero);
    found.error("sip.keepalive_misses", config.sip.keepalive_misses == 0, zero);
    found.error("sip.files_timeout_secs", config.sip.files_timeout_secs == 0, zero);
    found.error("sip.expires_max_secs", config.sip.expires_max_secs < config.sip.expires_min_secs, || {
        "is less than expires_min_secs".into()
    });
    found.error("sip.limits.sources", config.sip.limits.sources == 0, zero);
    found.error("sip.limits.auth_failures", config.sip.limits.auth_failures == 0, zero);
    found.error("sip.limits.connections", config.sip.limits.connections == 0, zero);
    found.error("sip.limits.connections_per_source", config.sip.limits.connections_per_source == 0, zero);
    found.error("sip.limits.idle_secs", config.sip.limits.idle_secs == 0, zero);
    let SipLimits { ban_min_secs, ban_max_secs, .. } = config.sip.limits;
    found
        .error("sip.limits.ban_max_secs", ban_max_secs < ban_min_secs, || "is less than ban_min_secs".into());
    found.error("stream.start_timeout_secs", config.stream.start_timeout_secs == 0, zero);
    found.error("stream.check_interval_secs", config.stream.check_interval_secs == 0, zero);
    found.error("record.max", config.record.max == 0 || config.record.max < -1, || {
        format!("{} is no limit in seconds; -1 is none", config.record.max)
    });
    found.error("record.file_timeout_secs", config.record.file_timeout_secs == 0, zero);
    found.warning("record.expire", config.record.expire == 0, || {
        "is 0, so files go at the next sweep; plugins.cleanup = \"\" keeps them all".into()
    });
    found.error("record.sweep_interval_secs", config.record.sweep_interval_secs == 0, zero);
    found.error("notify.retry_min_ms", config.notify.retry_min_ms == 0, zero);
    found.error("notify.retry_max_ms", config.notify.retry_max_ms < config.notify.retry_min_ms, || {
        "is less than retry_min_ms".into()
    });
    found.error("notify.backlog_max", config.notify.backlog_max == 0, zero);
}

/// A period of more than a year is a slip of the keys, and may be longer than a clock can count.
fn lengths(config: &Config, found: &mut Findings<'_>) {
    const YEAR: u64 = 365 * 24 * 3600;
    const MISSES: u64 = 1000;
    let Config { http, notify, record, sip, stream, .. } = config;
    for (key, seconds) in [
        ("http.head_timeout_secs", http.head_timeout_secs),
        ("http.body_timeout_secs", http.body_timeout_secs),
        ("http.write_timeout_secs", http.write_timeout_secs),
        ("notify.retry_max_ms", notify.retry_max_ms / 1000),
        ("record.max", record.max.try_into().unwrap_or_default()),
        ("record.file_timeout_secs", record.file_timeout_secs),
        ("record.sweep_interval_secs", record.sweep_interval_secs),
        ("sip.invite_timeout_secs", sip.invite_timeout_secs),
        ("sip.keepalive_interval_secs", sip.keepalive_interval_secs),
        ("sip.query_delay_ms", sip.query_delay_ms / 1000),
        ("sip.files_timeout_secs", sip.files_timeout_secs),
        ("sip.limits.ban_max_secs", sip.limits.ban_max_secs),
        ("sip.limits.idle_secs", sip.limits.idle_secs),
        ("stream.start_timeout_secs", stream.start_timeout_secs),
        ("stream.check_interval_secs", stream.check_interval_secs),
    ] {
        found.error(key, seconds > YEAR, || format!("{seconds} seconds are more than a year ({YEAR})"));
    }
    found.error("sip.keepalive_misses", sip.keepalive_misses > MISSES, || {
        format!(
            "{} is more than {MISSES}; silence of keepalive_interval_secs × this is offline",
            sip.keepalive_misses
        )
    });
}

fn urls(config: &Config, found: &mut Findings<'_>) {
    let Config { media, notify, .. } = config;
    for (key, value, schemes) in [
        ("media.api", &media.api, WEB),
        ("media.http", &media.http, WEB),
        ("media.ws", &media.ws, &["ws://", "wss://"]),
        ("media.rtmp", &media.rtmp, &["rtmp://", "rtmps://"]),
        ("media.rtsp", &media.rtsp, &["rtsp://", "rtsps://"]),
    ] {
        found.error(key, !begins(value, schemes), || format!("\"{value}\" does not begin {}", schemes[0]));
    }
    receivers("notify", &notify.shared(), found);
    for (plugin, urls) in &notify.plugin {
        let section = format!("notify.plugin.{plugin}");
        receivers(&section, urls, found);
        found.error(section, !config.plugins.notify.contains(plugin), || {
            "is not in plugins.notify, so nobody tells these URLs anything".into()
        });
    }
}

fn receivers(section: &str, urls: &NotifyUrls, found: &mut Findings<'_>) {
    for (key, value) in [
        ("users_register", &urls.users_register),
        ("users_active", &urls.users_active),
        ("devices_active", &urls.devices_active),
        ("records_stop", &urls.records_stop),
    ] {
        found.error(format!("{section}.{key}"), !value.is_empty() && !begins(value, WEB), || {
            format!("\"{value}\" does not begin http://; \"\" sends nothing")
        });
    }
}

fn begins(value: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| value.len() > scheme.len() && value.starts_with(scheme))
}

fn address(value: &str, example: &str) -> String {
    format!("\"{value}\" is no address with a port; write it like {example}")
}

fn socket_or_empty(value: &str) -> bool {
    value.is_empty() || value.parse::<SocketAddr>().is_ok()
}

fn ip_port(value: &str) -> bool {
    value.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0 && !address.ip().is_unspecified())
}

fn host_port_or_empty(value: &str) -> bool {
    value.is_empty()
        || value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// How the address of something on the web begins.
const WEB: &[&str] = &["http://", "https://"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn problems(text: &str) -> Vec<String> {
        let config = parse(text, []).expect("the text parses");
        check(&Loaded { config, text: text.into() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_debug_configuration_with_secrets_has_no_problem() {
        let text = "mode = \"debug\"\n[media]\nsecret = \"s\"\nhook_token = \"t\"\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn release_without_a_secret_names_line_and_cure() {
        let text = "[http]\n\nsecret = \"\"\n[media]\nsecret = \"s\"\nhook_token = \"t\"\n";
        let cure = "error: line 3: http.secret: is empty, so nobody could sign a call; \
                    `sluice init FILE` writes a random one, or mode = \"debug\" checks no sign";
        assert_eq!(problems(text), [cure]);
    }

    #[test]
    fn what_is_longer_than_a_year_is_a_slip_of_the_keys() {
        let text = |seconds: u64, misses| {
            format!(
                "mode = \"debug\"\n[sip]\nkeepalive_interval_secs = {seconds}\nkeepalive_misses = {misses}\n\
                 [sip.limits]\nidle_secs = {seconds}\n[media]\nsecret = \"s\"\nhook_token = \"t\"\n"
            )
        };
        assert_eq!(problems(&text(31_536_000, 1000)), [""; 0]);
        assert_eq!(
            problems(&text(i64::MAX as u64, 1001)),
            [
                "error: line 3: sip.keepalive_interval_secs: 9223372036854775807 seconds are more than a year (31536000)",
                "error: line 6: sip.limits.idle_secs: 9223372036854775807 seconds are more than a year (31536000)",
                "error: line 4: sip.keepalive_misses: 1001 is more than 1000; silence of keepalive_interval_secs × \
                 this is offline",
            ]
        );
    }

    #[test]
    fn each_wrong_value_is_named_with_its_line() {
        let text = "mode = \"debug\"\n[platform]\nid = \"12\"\n[sip]\nudp = \"5060\"\n[media]\nsecret = \"s\"\n\
                    hook_token = \"t\"\nrtp = \"0.0.0.0:1\"\nrtp_transport = \"tcp-active\"\n[record]\nmax = 0\n\
                    expire = 0\nsweep_interval_secs = 0\n";
        assert_eq!(
            problems(text),
            [
                "error: line 3: platform.id: \"12\" is not 20 digits; write the id that this platform was given",
                "error: line 5: sip.udp: \"5060\" is no address with a port; write it like 0.0.0.0:5060",
                "error: line 9: media.rtp: \"0.0.0.0:1\" is no address with a port; write it like 192.0.2.10:10000",
                "error: line 10: media.rtp_transport: \"tcp-active\" needs a server for each stream; \
                 set rtp_ports = \"each\"",
                "error: line 12: record.max: 0 is no limit in seconds; -1 is none",
                "warning: line 13: record.expire: is 0, so files go at the next sweep; plugins.cleanup = \"\" keeps \
                 them all",
                "error: line 14: record.sweep_interval_secs: is 0; it takes at least 1",
            ]
        );
    }
}

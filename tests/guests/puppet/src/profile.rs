//! What the configuration changes in the profile of a device that no module knows.

use serde::Deserialize;
use sluice_sdk::vendor::{Charset, Hooks, Owner, Profile, SsrcChange, Transport};

/// What is not given stays as it is. Enums and hooks are named as in `wit/`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Changes {
    charset: Option<String>,
    transport: Option<String>,
    sdp_owner: Option<String>,
    sdp_payloads: Option<Vec<u8>>,
    sdp_stream_attribute: Option<String>,
    sdp_format: Option<String>,
    invite_target: Option<String>,
    config_target: Option<String>,
    record_type: Option<String>,
    ssrc_change: Option<String>,
    query_delay_ms: u32,
    invite_timeout_secs: u32,
    keeps_clock: bool,
    repair: Vec<String>,
    hooks: Vec<String>,
}

impl Changes {
    pub(crate) fn profile(&self) -> Result<Profile, String> {
        let standard = Profile::default();
        Ok(Profile {
            charset: word(&self.charset, standard.charset, CHARSETS)?,
            transport: word(&self.transport, standard.transport, TRANSPORTS)?,
            sdp_owner: word(&self.sdp_owner, standard.sdp_owner, OWNERS)?,
            sdp_payloads: self.sdp_payloads.clone().unwrap_or(standard.sdp_payloads),
            sdp_stream_attribute: self.sdp_stream_attribute.clone(),
            sdp_format: self.sdp_format.clone(),
            invite_target: word(&self.invite_target, standard.invite_target, OWNERS)?,
            config_target: word(&self.config_target, standard.config_target, OWNERS)?,
            record_type: self.record_type.clone().unwrap_or(standard.record_type),
            ssrc_change: word(&self.ssrc_change, standard.ssrc_change, CHANGES)?,
            query_delay_ms: self.query_delay_ms,
            invite_timeout_secs: self.invite_timeout_secs,
            date: !self.keeps_clock,
            repair: self.repair.clone(),
            hooks: self.hooks.iter().try_fold(Hooks::empty(), |all, name| {
                Ok::<_, String>(all | word(&Some(name.clone()), Hooks::empty(), HOOKS)?)
            })?,
            attributes: Vec::new(),
        })
    }
}

const CHARSETS: &[(&str, Charset)] =
    &[("gb18030", Charset::Gb18030), ("gb2312", Charset::Gb2312), ("utf8", Charset::Utf8)];
const TRANSPORTS: &[(&str, Transport)] =
    &[("tcp-active", Transport::TcpActive), ("tcp-passive", Transport::TcpPassive), ("udp", Transport::Udp)];
const OWNERS: &[(&str, Owner)] =
    &[("channel", Owner::Channel), ("device", Owner::Device), ("platform", Owner::Platform)];
const CHANGES: &[(&str, SsrcChange)] =
    &[("follow", SsrcChange::Follow), ("ignore", SsrcChange::Ignore), ("refuse", SsrcChange::Refuse)];
const HOOKS: &[(&str, Hooks)] = &[
    ("answer", Hooks::ANSWER),
    ("catalog", Hooks::CATALOG),
    ("control", Hooks::CONTROL),
    ("offer", Hooks::OFFER),
];

fn word<T: Copy>(given: &Option<String>, standard: T, words: &[(&str, T)]) -> Result<T, String> {
    let Some(given) = given else { return Ok(standard) };
    let found = words.iter().find(|(word, _)| word == given).map(|(_, value)| *value);
    found.ok_or_else(|| format!("{given} is none of the contract's words"))
}

//! `[sip.limits]` and `[sip.strangers]`: what is borne of those who send rubbish, and who gets no answer.

use serde::{Deserialize, Serialize};

/// What is borne of one source of packets, and how many connections there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipLimits {
    /// Messages of one source that cannot be read or served, or are refused, before it is not heard for a while.
    pub mistakes: u32,
    /// How many of them are forgiven each second.
    pub mistakes_per_sec: u32,
    /// Answers 401 to one source that no registration has followed, before it is not heard for a while.
    pub challenges: u32,
    /// How many of them are forgiven each second.
    pub challenges_per_sec: u32,
    /// Sources remembered.
    pub sources: usize,
    /// Wrong passwords for one device from one source before it is banned there.
    pub auth_failures: u32,
    /// How long a first ban lasts; it doubles with each one.
    pub ban_min_secs: u64,
    pub ban_max_secs: u64,
    pub connections: usize,
    pub connections_per_source: usize,
    /// How long a connection may stay without a whole message or a keep-alive.
    pub idle_secs: u64,
}

impl Default for SipLimits {
    fn default() -> Self {
        Self {
            mistakes: 1_000,
            mistakes_per_sec: 50,
            challenges: 200_000,
            challenges_per_sec: 2_000,
            sources: 65_536,
            auth_failures: 5,
            ban_min_secs: 60,
            ban_max_secs: 3_600,
            connections: 100_000,
            connections_per_source: 16_384,
            idle_secs: 600,
        }
    }
}

/// Who gets no answer before he has registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Strangers {
    /// Parts of a User-Agent, in any case.
    pub user_agents: Vec<String>,
    pub methods: Vec<String>,
    /// Whether a REGISTER for anything but an id of 20 digits gets none.
    pub odd_ids: bool,
    /// Hosts that a Request-URI may name; empty: any.
    pub domains: Vec<String>,
}

impl Default for Strangers {
    fn default() -> Self {
        // Not sipsak: it names itself, administrators probe with it, and its OPTIONS gets silence in any case.
        let scanners = [
            "friendly-scanner",
            "sipvicious",
            "sipcli",
            "sundayddr",
            "pplsip",
            "vaxsipuseragent",
            "sip-scan",
        ];
        Self {
            user_agents: scanners.map(str::to_owned).to_vec(),
            methods: ["INVITE", "OPTIONS", "SUBSCRIBE"].map(str::to_owned).to_vec(),
            odd_ids: true,
            domains: Vec::new(),
        }
    }
}

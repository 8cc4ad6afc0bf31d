//! `cleanup.select`: a page of a sweep, to deletions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice::plugin::{
    Error, Plugin, Role,
    cleanup::{self, Deletion, Sweep},
};

use super::row::{Question, attributes};

/// A page of a sweep.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Select {
    /// Unix seconds.
    now: u64,
    disk: Disk,
    recordings: Vec<Recording>,
    more: bool,
    attributes: BTreeMap<String, String>,
}

/// In bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disk {
    total: u64,
    free: u64,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Recording {
    id: String,
    stream: String,
    channel: String,
    path: String,
    /// Bytes.
    size: u64,
    /// Unix seconds; an hour before `end` unless given.
    start: Option<u64>,
    /// Unix seconds.
    end: u64,
    attributes: BTreeMap<String, String>,
}

impl Default for Select {
    fn default() -> Self {
        Self {
            now: 1_795_143_600,
            disk: Disk { total: 1 << 40, free: 1 << 39 },
            recordings: vec![Recording::default()],
            more: false,
            attributes: BTreeMap::new(),
        }
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            id: "1".into(),
            stream: "29B92700".into(),
            channel: "37070000081318000001".into(),
            path: "record/rtp/29B92700/2026-11-20/10-00-00.mp4".into(),
            size: 1 << 30,
            start: None,
            end: 1_795_140_000,
            attributes: BTreeMap::new(),
        }
    }
}

impl Question for Select {
    const ROLE: Role = Role::Cleanup;
    const FUNCTION: &'static str = "select";
    type Asked = Sweep;
    type Answer = Vec<Expected>;

    fn asked(&self) -> Result<Sweep, String> {
        Ok(Sweep {
            now: self.now,
            disk: cleanup::Disk { total: self.disk.total, free: self.disk.free },
            recordings: self.recordings.iter().map(Recording::record).collect(),
            more: self.more,
            attributes: attributes(&self.attributes),
        })
    }

    fn ask(sweep: &Sweep, plugin: &Plugin) -> Result<Vec<Expected>, Error> {
        Ok(plugin.select(sweep)?.into_iter().map(Expected::from).collect())
    }
}

impl Recording {
    fn record(&self) -> cleanup::Recording {
        cleanup::Recording {
            id: self.id.clone(),
            stream: self.stream.clone(),
            channel: self.channel.clone(),
            path: self.path.clone(),
            size: self.size,
            start: self.start.unwrap_or_else(|| self.end.saturating_sub(3600)),
            end: self.end,
            attributes: attributes(&self.attributes),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    id: String,
    reason: Option<String>,
}

impl From<Deletion> for Expected {
    fn from(Deletion { id, reason }: Deletion) -> Self {
        Self { id, reason: Some(reason) }
    }
}

//! What is counted, gathered for whoever draws curves of it.

use crate::plugin::{Figures, Status};
use crate::sip::Snapshot;

use super::{Gateway, SweepFigures};

/// The numbers at one moment. None of them tells of a single device or caller.
#[derive(Debug)]
pub struct Measures {
    pub plugins: Vec<Status>,
    /// The calls of those plugins that are in force.
    pub calls: Vec<Figures>,
    pub sip: Snapshot,
    /// Datagrams that the kernel threw away; none where it does not say.
    pub kernel_drops: Option<u64>,
    /// What got no answer, by reason.
    pub unanswered: Vec<(&'static str, u64)>,
    /// Connections that were closed or not let in, by reason.
    pub closed: Vec<(&'static str, u64)>,
    /// Devices that were issued.
    pub devices: usize,
    pub devices_online: usize,
    /// Open streams by stage.
    pub streams: [(&'static str, usize); 5],
    /// None while the store cannot be read.
    pub events: Option<Backlog>,
    /// What became of recorded files.
    pub sweeps: SweepFigures,
}

/// What waits for receivers, all of them together: their URLs may hold secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    pub waiting: i64,
    /// Given up since the database was made.
    pub dropped: i64,
}

impl Gateway {
    /// The numbers now; not all at the same instant.
    pub async fn measures(&self) -> Measures {
        let (devices, devices_online) = self.0.registry.count();
        Measures {
            plugins: self.0.plugins.status(),
            calls: self.0.plugins.figures(),
            sip: self.0.sip.counters().snapshot(),
            kernel_drops: self.0.sip.kernel_drops(),
            unanswered: self.0.sip.drops().messages().to_vec(),
            closed: self.0.sip.drops().connections().to_vec(),
            devices,
            devices_online,
            streams: self.0.streams.count(),
            events: self.backlog().await,
            sweeps: self.sweeps(),
        }
    }

    async fn backlog(&self) -> Option<Backlog> {
        let backlogs = self.0.store.backlogs().await.ok()?;
        Some(backlogs.iter().fold(Backlog::default(), |sum, one| Backlog {
            waiting: sum.waiting + one.waiting,
            dropped: sum.dropped + one.dropped,
        }))
    }
}

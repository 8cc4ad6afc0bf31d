//! The folder is watched: what changes in it takes effect between two calls.
//!
//! A file that is renamed into place is whole and is taken at once; one that is written to is left alone until
//! nobody has written for a moment. Where the system does not tell of changes, a look now and then finds them.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tracing::{error, warn};

use super::{
    Plugins,
    limits::{give_way, now},
    swap,
};

/// Watches for as long as it is held. A look that is under way then is done to its end.
pub struct Watch {
    /// Tells the thread of changes; none where the system does not.
    _watcher: Option<RecommendedWatcher>,
    /// The thread ends when nobody can tell it anything any more.
    _hints: SyncSender<Hint>,
}

/// What the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint {
    /// A file is being written.
    Partial,
    /// A whole file came or went.
    Whole,
}

/// How long nobody may have written to a file before it is taken for whole.
const QUIET: Duration = Duration::from_millis(300);
/// How long a look is put off for somebody who writes all the time.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the folder is looked at without a hint.
const ROUND: Duration = Duration::from_secs(30);
/// How often a replacement is looked after while it may be rolled back.
const PROBATION_ROUND: Duration = Duration::from_millis(250);
/// Hints that wait while the folder is being looked at. More would say nothing new.
const HINTS: usize = 16;

impl Plugins {
    /// Begins to watch the folder.
    pub fn watch(&self) -> Watch {
        let (hints, hinted) = sync_channel(HINTS);
        let watcher = watcher(&self.folder, hints.clone());
        let watcher = watcher
            .inspect_err(|error| {
                warn!("the folder of plugins is looked at every {ROUND:?} only, since the system does not tell of changes: {error}");
            })
            .ok();
        let plugins = self.clone();
        let thread =
            thread::Builder::new().name("plugin-watch".into()).spawn(move || follow(&plugins, &hinted));
        if let Err(error) = thread {
            error!("the folder of plugins is not watched: {error}");
        }
        Watch { _watcher: watcher, _hints: hints }
    }
}

fn watcher(folder: &Path, hints: SyncSender<Hint>) -> notify::Result<RecommendedWatcher> {
    let previous = folder.join(swap::PREVIOUS);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let hint = match event {
            Ok(event) if event.paths.iter().all(|path| path.starts_with(&previous)) => None,
            Ok(event) => Hint::of(event.kind),
            // The queue of the system has overflowed, for example.
            Err(_) => Some(Hint::Partial),
        };
        if let Some(hint) = hint {
            // When the queue is full, those before it make the folder be looked at.
            let _ = hints.try_send(hint);
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

impl Hint {
    /// None for what changes nothing, such as our own reading.
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Self::Partial),
            EventKind::Access(_) => None,
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => Some(Self::Whole),
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Other => {
                Some(Self::Partial)
            }
        }
    }
}

/// Looks at the folder whenever there is reason to, until nobody holds the [`Watch`] any more.
fn follow(plugins: &Plugins, hinted: &Receiver<Hint>) {
    // Compiling and self-tests are to leave the processor to whoever registers.
    give_way("files are taken");
    // At once: the first set was made without candidates, and before the system told of changes.
    let mut agenda = Agenda::after_look(Duration::ZERO);
    loop {
        let round = if plugins.any_on_probation() { PROBATION_ROUND } else { ROUND };
        match hinted.recv_timeout(agenda.look.saturating_duration_since(now()).min(round)) {
            Ok(hint) => agenda.hear(hint),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if now() >= agenda.look {
            let unsettled = plugins.refresh();
            agenda = Agenda::after_look(if unsettled { QUIET } else { ROUND });
        }
        plugins.roll_back_failing();
    }
}

/// When the folder is to be looked at next.
struct Agenda {
    look: Instant,
    /// Whoever keeps writing to one file must not keep the others waiting.
    latest: Instant,
}

impl Agenda {
    fn after_look(pause: Duration) -> Self {
        let look = now() + pause;
        Self { look, latest: look }
    }

    fn hear(&mut self, hint: Hint) {
        let at = now();
        match hint {
            Hint::Partial => {
                self.latest = self.latest.min(at + PATIENCE);
                self.look = self.latest.min(at + QUIET);
            }
            Hint::Whole => self.look = at,
        }
    }
}

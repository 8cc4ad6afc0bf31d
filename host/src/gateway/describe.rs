//! Which devices are to be asked what they are and which channels they have, and when. After a power cut all come back
//! at once: they are asked one after the other, some thousands a second, and those that do not answer hold up nobody.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::gb28181::DeviceId;

use super::{Error, Gateway};

/// How many questions may be open at a time. One that stays without an answer takes half a minute.
const OPEN: usize = 4096;

/// So many questions in that time at most. When all devices come back, their registrations go first.
const BURST: (u32, Duration) = (500, Duration::from_millis(100));

/// How often a device is asked again that does not take a question.
const ATTEMPTS: u32 = 3;

/// Wait between two attempts.
const PAUSE: Duration = Duration::from_secs(10);

/// The questions that wait for their time.
#[derive(Debug)]
pub(super) struct Visits {
    /// The next one first; nothing under the lock waits.
    waiting: Mutex<BinaryHeap<Reverse<Visit>>>,
    /// Tells that another is the next one.
    changed: Notify,
    open: Arc<Semaphore>,
}

/// A question to a device.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    at: Instant,
    device: DeviceId,
    question: Question,
    /// How often it was asked before.
    attempts: u32,
}

/// What a device is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    DeviceInfo,
    Catalog,
}

impl Default for Visits {
    fn default() -> Self {
        let open = Arc::new(Semaphore::new(OPEN));
        Self { waiting: Mutex::default(), changed: Notify::new(), open }
    }
}

impl Visits {
    fn add(&self, visit: Visit) {
        let mut waiting = self.lock();
        let is_next = waiting.peek().is_none_or(|Reverse(next)| visit < *next);
        waiting.push(Reverse(visit));
        drop(waiting);
        if is_next {
            self.changed.notify_one();
        }
    }

    /// The next one, once its time has come.
    async fn next(&self) -> Visit {
        loop {
            let at = match self.take(Instant::now()) {
                Ok(visit) => return visit,
                Err(at) => at,
            };
            match at {
                Some(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// The next one if its time has come by `now`, else when that is.
    fn take(&self, now: Instant) -> Result<Visit, Option<Instant>> {
        let mut waiting = self.lock();
        let at = waiting.peek().map(|Reverse(next)| next.at);
        let due = at.filter(|at| *at <= now).and_then(|_| waiting.pop());
        due.map(|Reverse(visit)| visit).ok_or(at)
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Visit>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// Asks a device what it is and which channels it has, once it has had time to come to itself (Dahua
    /// answers 403 to a query that comes at once).
    pub(super) fn describe_soon(&self, device: &DeviceId) {
        let configured = Duration::from_millis(self.0.config.sip.query_delay_ms);
        let held = self.0.registry.vendor(device);
        let delay = held.map_or(configured, |held| held.dialect().query_delay(configured));
        let at = Instant::now() + delay;
        self.0.visits.add(Visit { at, device: device.clone(), question: Question::DeviceInfo, attempts: 0 });
    }

    /// Asks devices, each in its time, for as long as the gateway runs.
    pub(super) async fn visit_all(&self) {
        let (questions, time) = BURST;
        loop {
            let begun = Instant::now();
            for _ in 0..questions {
                self.begin_visit().await;
            }
            sleep_until(begun + time).await;
        }
    }

    async fn begin_visit(&self) {
        let visit = self.0.visits.next().await;
        // It is never closed.
        let Ok(place) = self.0.visits.open.clone().acquire_owned().await else { return };
        let gateway = self.clone();
        self.in_background(async move {
            gateway.visit(visit).await;
            drop(place);
        });
    }

    /// Asks a device, and again later while it is there and does not take the question.
    async fn visit(&self, visit: Visit) {
        let Visit { device, question, attempts, .. } = visit;
        let asked = match question {
            Question::DeviceInfo => self.ask_device_info(&device).await,
            Question::Catalog => self.ask_catalog(&device).await,
        };
        let now = Instant::now();
        let again = match asked {
            Err(Error::Offline(_)) => return,
            Err(error) => {
                tracing::info!(device.id = %device, %error, "{question:?} query not taken");
                attempts + 1 < ATTEMPTS
            }
            Ok(()) => false,
        };
        if again {
            self.0.visits.add(Visit { at: now + PAUSE, device, question, attempts: attempts + 1 });
        } else if question == Question::DeviceInfo {
            self.0.visits.add(Visit { at: now, device, question: Question::Catalog, attempts: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(at: Instant, device: &str) -> Visit {
        let device = DeviceId::parse(device).unwrap();
        Visit { at, device, question: Question::DeviceInfo, attempts: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn visits_come_in_the_order_of_their_times() {
        let (visits, now) = (Visits::default(), Instant::now());
        let seconds = |count| now + Duration::from_secs(count);
        visits.add(visit(seconds(30), "3"));
        let next = tokio::join!(visits.next(), async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            visits.add(visit(seconds(20), "2"));
        });
        assert_eq!((next.0, Instant::now()), (visit(seconds(20), "2"), seconds(20)));
        visits.add(visit(seconds(1), "1"));
        assert_eq!(visits.next().await, visit(seconds(1), "1"), "one that is late comes first");
        assert_eq!(visits.take(Instant::now()), Err(Some(seconds(30))));
    }
}

//! Whether requests take long, so that they had better be worked on apart from each other.

use std::time::Duration;

use tokio::time::Instant;

use crate::plugin::thread_cpu;

/// What takes so long is not to be waited for by others; most requests take some microseconds.
const LONG: Duration = Duration::from_millis(2);

/// For how long requests are apart once several took long.
const APART: Duration = Duration::from_secs(10);

/// For how long the CPU time of requests is measured after one was long under way: it may have waited for a core. One
/// that took long counts where there was another in that time: a plugin's new instance takes some milliseconds too, but
/// seldom.
const WATCHED: Duration = Duration::from_secs(1);

/// What was seen of the requests so far.
#[derive(Debug)]
pub(super) struct Pace {
    apart_until: Instant,
    watched_until: Instant,
    /// When one last took long.
    long_at: Option<Instant>,
}

/// When work on a request began, by the clock and, where that is measured, by the thread's CPU time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    at: Instant,
    cpu: Option<Duration>,
}

impl Pace {
    /// None took long so far.
    pub(super) fn new(now: Instant) -> Self {
        Self { apart_until: now, watched_until: now, long_at: None }
    }

    /// Begins work on a request on this thread; none where it is to be worked on apart from others.
    pub(super) fn begin(&self, now: Instant) -> Option<Begun> {
        // Reading the CPU time takes longer than some requests do.
        let cpu = || (now < self.watched_until).then(thread_cpu);
        (now >= self.apart_until).then(|| Begun { at: now, cpu: cpu() })
    }

    /// Ends what was begun on this thread.
    pub(super) fn end(&mut self, begun: Begun, now: Instant) {
        if now.duration_since(begun.at) <= LONG {
            return;
        }
        self.watched_until = now + WATCHED;
        if begun.cpu.is_some_and(|cpu| thread_cpu().saturating_sub(cpu) > LONG) {
            let before = self.long_at.replace(now);
            if before.is_some_and(|before| now.duration_since(before) <= WATCHED) {
                self.apart_until = now + APART;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_apart_once_several_took_cpu_time_and_not_once_they_waited() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(start);
        for millis in [0, 100, 200] {
            let begun = pace.begin(at(millis)).unwrap();
            assert_eq!(begun.cpu.is_some(), millis > 0, "from the first long one on");
            pace.end(begun, at(millis + 50));
        }
        let mut work = |millis| {
            let begun = pace.begin(at(millis)).unwrap();
            while thread_cpu() <= begun.cpu.unwrap_or_default() + LONG {}
            pace.end(begun, at(millis + 3));
            pace.begin(at(millis + 3)).is_none()
        };
        assert!(!work(300), "the first");
        assert!(!work(1_310), "not even measured");
        assert!(!work(1_350), "the first is long ago");
        assert!(work(2_300), "two within a second");
        assert!(pace.begin(at(12_302)).is_none());
        assert!(pace.begin(at(12_303)).is_some_and(|begun| begun.cpu.is_none()));
    }
}

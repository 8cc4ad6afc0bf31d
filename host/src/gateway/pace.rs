//! Whether requests take long, so that they had better be worked on apart from each other.

use std::time::Duration;

use tokio::time::Instant;

use crate::plugin::thread_cpu;

/// What takes so long is not to be waited for by others; most requests take some microseconds.
const LONG: Duration = Duration::from_millis(2);

/// For how long it is remembered that one took long.
const APART: Duration = Duration::from_secs(60);

/// For how long the CPU time of requests is measured after one was long under way: it may have waited for a core.
const WATCHED: Duration = Duration::from_secs(1);

/// What was seen of the requests so far.
#[derive(Debug)]
pub(super) struct Pace {
    apart_until: Instant,
    watched_until: Instant,
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
        Self { apart_until: now, watched_until: now }
    }

    /// Begins work on a request on this thread; none where it is to be worked on apart from others.
    pub(super) fn begin(&self, now: Instant) -> Option<Begun> {
        // Reading it takes longer than some requests do.
        let cpu = (now < self.watched_until).then(thread_cpu);
        (now >= self.apart_until).then_some(Begun { at: now, cpu })
    }

    /// Ends what was begun on this thread.
    pub(super) fn end(&mut self, begun: Begun, now: Instant) {
        if now.duration_since(begun.at) <= LONG {
            return;
        }
        match begun.cpu {
            Some(cpu) if thread_cpu().saturating_sub(cpu) > LONG => self.apart_until = now + APART,
            _ => self.watched_until = now + WATCHED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_apart_once_one_took_cpu_time_and_not_once_one_waited() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(start);
        for millis in [0, 100, 200] {
            let begun = pace.begin(at(millis)).unwrap();
            assert_eq!(begun.cpu.is_some(), millis > 0, "from the first long one on");
            pace.end(begun, at(millis + 50));
        }
        let begun = pace.begin(at(300)).unwrap();
        while thread_cpu() <= begun.cpu.unwrap() + LONG {}
        pace.end(begun, at(303));
        assert!(pace.begin(at(303)).is_none() && pace.begin(at(60_302)).is_none());
        assert!(pace.begin(at(60_303)).is_some_and(|begun| begun.cpu.is_none()));
    }
}

//! The timers of RFC 3261 (§17, its table 4) and RFC 6026, and the queue that says which is next.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Estimate of the round trip (§17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest wait between two retransmissions of anything but an INVITE (§17.1.2.2).
pub const T2: Duration = Duration::from_secs(4);
/// Longest time that a message stays in the network (§17.1.2.2).
pub const T4: Duration = Duration::from_secs(5);
/// How long one side tries before it gives up: 64 × T1.
pub const PATIENCE: Duration = Duration::from_secs(32);
/// How much earlier Timer C may fire than it was last started for, still after more than the three minutes of
/// §16.6. A device may say 180 as often as it likes, and each time would be one more in the queue.
const GRAIN: Duration = T1;

/// What a transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Send the INVITE again (§17.1.1.2).
    A,
    /// No answer at all to an INVITE (§17.1.1.2).
    B,
    /// No final answer to an INVITE after a provisional one (§16.6 item 11).
    C,
    /// Repeated refusals of an INVITE are acknowledged until then (§17.1.1.2).
    D,
    /// Send the request again (§17.1.2.2).
    E,
    /// No final answer to the request (§17.1.2.2).
    F,
    /// Send the refusal of an INVITE again (§17.2.1).
    G,
    /// No ACK to the refusal of an INVITE (§17.2.1).
    H,
    /// Repeated ACKs to a refusal are absorbed until then (§17.2.1).
    I,
    /// A repeated request gets its answer again until then (§17.2.2).
    J,
    /// Repeated answers are absorbed until then (§17.1.2.2).
    K,
    /// An accepted INVITE is remembered on our side; no ACK until then is a failure (RFC 6026 §7.1).
    L,
    /// Repeated 2xx are acknowledged until then (RFC 6026 §7.2).
    M,
    /// Send the 2xx of an INVITE again, over any transport (§13.3.1.4).
    Accepted,
    /// A cancelled INVITE that still gets no final answer (§9.1).
    Cancelled,
    /// A request that we never answered: its sender's Timer F has ended by then.
    Unanswered,
    /// An INVITE that we never answered: its sender's Timer C has ended by then.
    Undecided,
}

impl Timer {
    /// How many there are.
    const COUNT: usize = Self::Undecided as usize + 1;

    /// Whether this one makes a transaction send again, in growing intervals, until stopped.
    pub(super) fn repeats(self) -> bool {
        matches!(self, Self::A | Self::E | Self::G | Self::Accepted)
    }

    /// How long it runs when started first; `None` where the transport makes it needless, zero
    /// where its state is passed through at once.
    pub(super) fn length(self, reliable: bool) -> Option<Duration> {
        match self {
            Self::A | Self::E | Self::G => (!reliable).then_some(T1),
            Self::Accepted => Some(T1),
            Self::B | Self::F | Self::H | Self::L | Self::M | Self::Cancelled | Self::Unanswered => {
                Some(PATIENCE)
            }
            Self::C | Self::Undecided => Some(Duration::from_secs(181)),
            Self::D | Self::J => Some(if reliable { Duration::ZERO } else { PATIENCE }),
            Self::I | Self::K => Some(if reliable { Duration::ZERO } else { T4 }),
        }
    }

    /// How long it runs after it ran for `last`.
    pub(super) fn next_length(self, last: Duration) -> Duration {
        match self {
            Self::A => last * 2,
            _ => (last * 2).min(T2),
        }
    }
}

/// The timers that one transaction has running: at most one that repeats, and one that ends what
/// it is in.
#[derive(Debug, Default)]
pub(super) struct Running {
    repeat: Option<(Timer, Duration, Instant)>,
    end: Option<(Timer, Instant)>,
}

impl Running {
    /// Starts `timer` in the place of its like and returns when it fires; `None` if this
    /// transport does not need it, or it runs already for nearly as long. A repeating one that has
    /// just fired runs longer.
    pub(super) fn start(&mut self, now: Instant, timer: Timer, reliable: bool) -> Option<Duration> {
        let length = match self.repeat {
            Some((running, last, _)) if running == timer => timer.next_length(last),
            _ => timer.length(reliable)?,
        };
        if timer == Timer::C
            && self.end.is_some_and(|(running, due)| running == timer && now + length < due + GRAIN)
        {
            return None;
        }
        self.start_for(now, timer, length);
        Some(length)
    }

    /// Starts `timer` for a length of the caller's choice.
    pub(super) fn start_for(&mut self, now: Instant, timer: Timer, length: Duration) {
        match timer.repeats() {
            true => self.repeat = Some((timer, length, now + length)),
            false => self.end = Some((timer, now + length)),
        }
    }

    /// Stops what repeats.
    pub(super) fn quiet(&mut self) {
        self.repeat = None;
    }

    /// Whether `timer` was last started to fire at `at`: queue entries outlive what they were for.
    pub(super) fn is_due(&self, timer: Timer, at: Instant) -> bool {
        match timer.repeats() {
            true => self.repeat.is_some_and(|(running, _, due)| running == timer && due == at),
            false => self.end == Some((timer, at)),
        }
    }
}

/// Every timer of every transaction. There are few lengths, and whatever runs for one length ends
/// in the order in which it began: so each length has a queue, and the next timeout is the
/// minimum of their fronts, however many transactions there are.
#[derive(Debug)]
pub(super) struct Schedule<K> {
    /// By timer; one that repeats has a lane for each length.
    lanes: [Vec<Lane<K>>; Timer::COUNT],
}

#[derive(Debug)]
struct Lane<K> {
    timer: Timer,
    length: Duration,
    queue: VecDeque<(Instant, K)>,
}

impl<K: Copy> Schedule<K> {
    /// An empty schedule.
    pub(super) fn new() -> Self {
        Self { lanes: [const { Vec::new() }; Timer::COUNT] }
    }

    /// Lets `timer` fire for `key` after `length`. `now` never goes back.
    pub(super) fn start(&mut self, now: Instant, timer: Timer, length: Duration, key: K) {
        let lanes = &mut self.lanes[timer as usize];
        let lane = lanes.iter().position(|lane| lane.length == length).unwrap_or_else(|| {
            lanes.push(Lane { timer, length, queue: VecDeque::new() });
            lanes.len() - 1
        });
        lanes[lane].queue.push_back((now + length, key));
    }

    /// When the next one fires; it may have been stopped since.
    pub(super) fn next(&self) -> Option<Instant> {
        self.lanes.iter().flatten().filter_map(Lane::front).min()
    }

    /// Takes the next one that has fired by `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Timer, Instant, K)> {
        let lanes = self.lanes.iter_mut().flatten().filter_map(|lane| Some((lane.front()?, lane)));
        let (_, lane) = lanes.filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at)?;
        lane.queue.pop_front().map(|(at, key)| (lane.timer, at, key))
    }

    /// Drops `timer` for those keys that are `over` and were started before all that are not.
    pub(super) fn trim(&mut self, timer: Timer, over: impl Fn(&K) -> bool) {
        for lane in &mut self.lanes[timer as usize] {
            while lane.queue.front().is_some_and(|(_, key)| over(key)) {
                lane.queue.pop_front();
            }
        }
    }

    /// Takes whichever `timer` was started first, before its time.
    pub(super) fn pop_oldest(&mut self, timer: Timer) -> Option<(Instant, K)> {
        self.lanes[timer as usize].iter_mut().find_map(|lane| lane.queue.pop_front())
    }
}

impl<K> Lane<K> {
    /// When its next one fires.
    fn front(&self) -> Option<Instant> {
        self.queue.front().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin; only differences count")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn fires_in_order_of_time_whatever_the_length() {
        let now = origin();
        let mut schedule = Schedule::new();
        schedule.start(now, Timer::B, PATIENCE, 1);
        schedule.start(now, Timer::A, T1, 2);
        schedule.start(now + T1 / 2, Timer::K, T4, 3);
        schedule.start(now + T1, Timer::A, T1 * 2, 2);

        assert_eq!(schedule.next(), Some(now + T1));
        assert_eq!(schedule.pop_due(now + T1), Some((Timer::A, now + T1, 2)));
        assert_eq!(schedule.pop_due(now + T1), None);
        let later = now + PATIENCE;
        let order = std::iter::from_fn(|| schedule.pop_due(later)).map(|(timer, _, key)| (timer, key));
        assert_eq!(order.collect::<Vec<_>>(), [(Timer::A, 2), (Timer::K, 3), (Timer::B, 1)]);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn gives_up_the_oldest_of_one_kind() {
        let now = origin();
        let mut schedule = Schedule::new();
        schedule.start(now, Timer::B, PATIENCE, 1);
        schedule.start(now, Timer::J, PATIENCE, 2);
        schedule.start(now + T1, Timer::J, PATIENCE, 3);

        assert_eq!(schedule.pop_oldest(Timer::J), Some((now + PATIENCE, 2)));
        assert_eq!(schedule.pop_oldest(Timer::J), Some((now + T1 + PATIENCE, 3)));
        assert_eq!(schedule.pop_oldest(Timer::J), None);
    }

    #[test]
    fn a_timer_started_anew_is_no_longer_due_at_its_first_time() {
        let now = origin();
        let mut running = Running::default();
        running.start(now, Timer::A, false);
        assert!(running.is_due(Timer::A, now + T1));
        assert_eq!(running.start(now + T1, Timer::A, false), Some(T1 * 2));
        assert!(!running.is_due(Timer::A, now + T1));
        assert!(running.is_due(Timer::A, now + T1 * 3));
        running.quiet();
        assert!(!running.is_due(Timer::A, now + T1 * 3));
    }

    #[test]
    fn a_reliable_transport_needs_no_retransmission_and_no_quarantine() {
        let reliable = |timer: Timer| timer.length(true);
        assert_eq!([Timer::A, Timer::E, Timer::G].map(reliable), [None; 3]);
        assert_eq!([Timer::D, Timer::I, Timer::J, Timer::K].map(reliable), [Some(Duration::ZERO); 4]);
        let always = [Timer::B, Timer::F, Timer::H, Timer::L, Timer::M];
        assert_eq!(always.map(reliable), [Some(PATIENCE); 5]);
        assert_eq!(always.map(|timer| timer.length(false)), [Some(PATIENCE); 5]);
    }
}

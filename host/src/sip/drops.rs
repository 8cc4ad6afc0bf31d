//! What was not answered and which connections were closed, and why.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why something got silence. In the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The device is banned at this source.
    Banned,
    /// Its source owes too much, so it was not read.
    Debt,
    /// The Request-URI names a domain that is not served.
    Domain,
    /// A stranger's REGISTER for what is no id of 20 digits.
    Id,
    /// The answer would have been more than twice as long as what asked for it.
    LongAnswer,
    /// A method that strangers have no use for.
    Method,
    /// The source is no address that can be answered.
    Source,
    /// The User-Agent is that of a scanner.
    UserAgent,
}

impl Reason {
    const NAMES: [&'static str; 8] =
        ["banned", "debt", "domain", "id", "long_answer", "method", "source", "user_agent"];
}

/// Why we closed a connection, or let none in. In the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The system could not open it: no file descriptors are left.
    Accept,
    /// Nothing came for too long.
    Idle,
    /// More came than one message may have.
    Oversized,
    /// A message was begun and not ended in time.
    Partial,
    /// There are too many from its address.
    Source,
    /// There are too many.
    Total,
    /// Its device does not read what we send.
    Unread,
}

impl Ending {
    const NAMES: [&'static str; 7] = ["accept", "idle", "oversized", "partial", "source", "total", "unread"];
}

/// Numbers that only rise; written by the driver and the gateway, read by anybody.
#[derive(Debug, Default)]
pub struct Drops {
    messages: [AtomicU64; Reason::NAMES.len()],
    connections: [AtomicU64; Ending::NAMES.len()],
}

impl Drops {
    /// One more message that got no answer.
    pub fn count(&self, reason: Reason) {
        self.messages[reason as usize].fetch_add(1, Relaxed);
    }

    /// One more connection that was closed.
    pub(super) fn end(&self, ending: Ending) {
        self.connections[ending as usize].fetch_add(1, Relaxed);
    }

    /// Takes over what somebody else has counted.
    pub(super) fn set(&self, reason: Reason, count: u64) {
        self.messages[reason as usize].store(count, Relaxed);
    }

    /// Messages without an answer, by the reason's name.
    pub fn messages(&self) -> [(&'static str, u64); Reason::NAMES.len()] {
        named(Reason::NAMES, &self.messages)
    }

    /// Connections that we closed, by the reason's name.
    pub fn connections(&self) -> [(&'static str, u64); Ending::NAMES.len()] {
        named(Ending::NAMES, &self.connections)
    }
}

fn named<const N: usize>(names: [&'static str; N], counts: &[AtomicU64; N]) -> [(&'static str, u64); N] {
    std::array::from_fn(|index| (names[index], counts[index].load(Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `LongAnswer` as `long_answer`.
    fn snake(name: &str) -> String {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        snake
    }

    #[test]
    fn every_reason_has_its_name() {
        let drops = Drops::default();
        use Reason::*;
        for reason in [Banned, Debt, Domain, Id, LongAnswer, Method, Source, UserAgent] {
            drops.count(reason);
            assert_eq!(drops.messages()[reason as usize], (&*snake(&format!("{reason:?}")), 1));
        }
        use Ending::{Accept, Idle, Oversized, Partial, Total, Unread};
        for ending in [Accept, Idle, Oversized, Partial, Ending::Source, Total, Unread] {
            drops.end(ending);
            assert_eq!(drops.connections()[ending as usize], (&*snake(&format!("{ending:?}")), 1));
        }
    }
}

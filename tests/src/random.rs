//! Tokens, numbers and addresses that differ from run to run, and numbers that do not.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};

/// `bytes` random bytes as lower-case hex.
pub(crate) fn token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    hex::encode(buffer)
}

/// A random number.
pub(crate) fn number() -> u32 {
    let mut buffer = [0; 4];
    fill(&mut buffer);
    u32::from_be_bytes(buffer)
}

/// A Call-ID, tag or branch suffix.
pub(crate) fn id() -> String {
    token(8)
}

/// Numbers by chance that are the same in each run: what one seed gives (xorshift64, George Marsaglia).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // 0 would stay 0 for ever.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Whether it happens, where it does in so many of a thousand cases.
    pub fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }
}

/// A loopback address of its own for somebody who restarts: whatever runs beside it, its ports are free then.
/// A free port of 127.0.0.1 may be another's as soon as it is let go of.
pub fn address() -> Ipv4Addr {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = TAKEN.fetch_add(1, Ordering::Relaxed) % 250;
    Ipv4Addr::new(127, 64 + high % 128, low, number + 1)
}

fn fill(buffer: &mut [u8]) {
    // The system's generator fails only where it does not exist; uniqueness then rests on nothing.
    getrandom::fill(buffer).expect("the system has a random generator");
}

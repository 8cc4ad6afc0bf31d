//! Tokens and numbers that differ from run to run.

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

fn fill(buffer: &mut [u8]) {
    // The system's generator fails only where it does not exist; uniqueness then rests on nothing.
    getrandom::fill(buffer).expect("the system has a random generator");
}

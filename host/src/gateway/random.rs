//! Random numbers: fetched from the system for many askers at once, since each fetch is a call of the kernel.

use std::sync::{Mutex, PoisonError};

use super::Error;

/// Random bytes, each of them given once.
#[derive(Debug, Default)]
pub(super) struct Randoms {
    /// Held while bytes are copied, or fetched.
    pool: Mutex<Vec<u8>>,
}

impl Randoms {
    /// Bytes that are fetched at a time.
    const FETCHED: usize = 512;

    /// So many random bytes.
    pub(super) fn take<const LENGTH: usize>(&self) -> Result<[u8; LENGTH], Error> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < LENGTH {
            let mut fetched = vec![0; Self::FETCHED.max(LENGTH)];
            getrandom::fill(&mut fetched).map_err(|error| Error::Internal(error.to_string()))?;
            *pool = fetched;
        }
        let from = pool.len() - LENGTH;
        let taken = std::array::from_fn(|index| pool[from + index]);
        pool.truncate(from);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice() {
        let randoms = Randoms::default();
        let taken: HashSet<[u8; 24]> = (0..100).map(|_| randoms.take().unwrap()).collect();
        assert_eq!(taken.len(), 100);
        assert_eq!(randoms.take::<1024>().unwrap().len(), 1024);
    }
}

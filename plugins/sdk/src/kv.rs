//! The plugin's own key-value store: bounded, and kept over restarts. In native tests, the test's own.

use crate::host::{kv_read, kv_write};

/// The value stored under `name`; none if there is none.
///
/// Errors: the store cannot be read.
pub fn read(name: &str) -> Result<Option<Vec<u8>>, String> {
    kv_read(name)
}

/// Stores `value` under `name`.
///
/// Errors: name or value is too long, or the plugin's space is full.
pub fn write(name: &str, value: &[u8]) -> Result<(), String> {
    kv_write(name, Some(value))
}

/// Forgets what is stored under `name`.
///
/// Errors: the store cannot be written.
pub fn forget(name: &str) -> Result<(), String> {
    kv_write(name, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_replaced_and_forgotten() {
        assert_eq!(read("n"), Ok(None));
        write("n", b"1").and_then(|()| write("n", b"2")).unwrap();
        assert_eq!(read("n"), Ok(Some(b"2".to_vec())));
        forget("n").unwrap();
        assert_eq!(read("n"), Ok(None));
    }
}

//! Counters of ids, which never go back, and keys that are made once.

use rusqlite::Connection;

use super::{Error, Result, Store, columns};

/// The last number given to user devices.
pub(super) const USERS: &str = "users";
/// The last number given to channel devices.
pub(super) const CHANNELS: &str = "channels";
/// The last sequence number given to a stream.
pub(super) const SEQUENCE: &str = "sequence";

/// What `sysinfo` tells of the counters: the last numbers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// To a user device.
    pub users: i64,
    /// To a channel device.
    pub channels: i64,
}

impl Store {
    /// The counters of ids.
    pub async fn counters(&self) -> Result<Counters> {
        self.read(|connection| {
            Ok(Counters { users: current(connection, USERS)?, channels: current(connection, CHANNELS)? })
        })
        .await
    }

    /// The key `name`: 32 random bytes, made when it is first asked for and the same ever after.
    pub async fn secret(&self, name: impl Into<String>) -> Result<[u8; 32]> {
        let name = name.into();
        self.write(move |connection| {
            let known = columns::value(connection, "SELECT value FROM secrets WHERE name = ?1", [&name])?;
            known.map_or_else(|| create_secret(connection, &name), Ok)
        })
        .await
    }
}

/// The number that was given last; 0 before the first.
pub(super) fn current(connection: &Connection, name: &str) -> Result<i64> {
    Ok(columns::value(connection, "SELECT value FROM counters WHERE name = ?1", [name])?.unwrap_or(0))
}

/// Stores the number that was given last.
pub(super) fn set(connection: &Connection, name: &str, value: i64) -> Result<()> {
    columns::execute(
        connection,
        "INSERT OR REPLACE INTO counters (name, value) VALUES (?1, ?2)",
        (name, value),
    )?;
    Ok(())
}

/// The next id under `prefix` for which `taken` finds no row: the prefix and six digits.
pub(super) fn next_id(connection: &Connection, name: &str, prefix: &str, taken: &str) -> Result<String> {
    let first = current(connection, name)? + 1;
    for number in first..=999_999 {
        let id = format!("{prefix}{number:06}");
        if columns::value::<i64>(connection, taken, [&id])?.is_none() {
            set(connection, name, number)?;
            return Ok(id);
        }
    }
    Err(Error::IdsExhausted(prefix.to_owned()))
}

fn create_secret(connection: &Connection, name: &str) -> Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Error::Random)?;
    columns::execute(connection, "INSERT INTO secrets (name, value) VALUES (?1, ?2)", (name, secret))?;
    Ok(secret)
}

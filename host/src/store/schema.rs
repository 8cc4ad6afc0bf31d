//! Opening the database file, and its migrations.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{Error, Result};

/// Every change of the schema, in order; `user_version` counts those that were applied. This list only grows.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];

/// How the writing connection works: each commit is on disk when it returns. When every device registers at
/// once each commit changes about a thousand pages; so that not each of them is also a checkpoint, one comes
/// after 32 MiB of log, and 16 MiB of pages are kept.
const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -16384;";

/// How long a connection waits for another's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept prepared on each connection; more than the store has.
const PREPARED_STATEMENTS: usize = 128;

/// The connection that writes. Creates the file, which holds passwords, for its owner only, and migrates it.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    create(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|e| database(path, e))?;
    connection.execute_batch(WRITER_PRAGMAS).map_err(|e| database(path, e))?;
    migrate(path, &mut connection, MIGRATIONS)?;
    Ok(connection)
}

/// A connection that can only read. The file must have been opened for writing before.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|e| database(path, e))
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, so SQLite's own mutexes are left out.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}

fn create(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(folder).map_err(|e| file(folder, e))?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop).map_err(|e| file(path, e))
}

/// Applies what is missing, each migration in a transaction of its own.
fn migrate(path: &Path, connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let read_version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, usize>(0))
    };
    let found = read_version(connection).map_err(|e| database(path, e))?;
    if found > migrations.len() {
        return Err(Error::TooNew { path: path.to_owned(), found, known: migrations.len() });
    }
    for (version, sql) in (1..).zip(migrations).skip(found) {
        apply(connection, version, sql).map_err(|e| database(path, e))?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, version: usize, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

fn database(path: &Path, source: rusqlite::Error) -> Error {
    Error::Database { path: path.to_owned(), source: Arc::new(source) }
}

fn file(path: impl Into<PathBuf>, source: io::Error) -> Error {
    Error::File { path: path.into(), source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> usize {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_database_is_brought_up_step_by_step_and_only_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("x.db");
        let first = "CREATE TABLE t (a); INSERT INTO t VALUES (1);";
        migrate(path, &mut connection, &[first]).unwrap();
        assert_eq!(version(&connection), 1);

        migrate(path, &mut connection, &[first, "UPDATE t SET a = a + 1;"]).unwrap();
        migrate(path, &mut connection, &[first, "UPDATE t SET a = a + 1;"]).unwrap();
        assert_eq!(version(&connection), 2);
        assert_eq!(connection.query_row("SELECT a FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let failed = migrate(Path::new("x.db"), &mut connection, &["CREATE TABLE t (a); nonsense;"]);
        assert!(matches!(failed, Err(Error::Database { .. })), "{failed:?}");
        assert_eq!(version(&connection), 0);
        assert!(connection.prepare("SELECT a FROM t").is_err());
    }

    #[test]
    fn a_database_of_a_newer_program_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 7).unwrap();
        let refused = migrate(Path::new("x.db"), &mut connection, MIGRATIONS).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("x.db has schema version 7; this program knows {}", MIGRATIONS.len())
        );
    }
}

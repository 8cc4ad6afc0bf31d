use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use super::*;

/// Tells the test binary, when it is started once more, which database to write to.
const DATABASE: &str = "SLUICE_TEST_DATABASE";

#[tokio::test]
async fn the_database_and_its_folder_are_made_for_the_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/data/sluice.db");
    let store = Store::open(&path).unwrap();
    store.create_user(new_user()).await.unwrap();
    let expected = [("", 0o700), ("sluice.db", 0o600), ("sluice.db-shm", 0o600), ("sluice.db-wal", 0o600)];
    for (name, expected) in expected {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{name}");
    }
}

#[tokio::test]
async fn writing_is_durable_and_wal() {
    let fixture = Fixture::new();
    let pragma = |name: &'static str| {
        fixture.store.write(move |connection| {
            Ok(connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?)
        })
    };
    assert_eq!(pragma("journal_mode").await.unwrap(), "wal".to_owned().into());
    assert_eq!(pragma("synchronous").await.unwrap(), 2.into(), "2 is FULL");
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1.into());
    assert_eq!(pragma("busy_timeout").await.unwrap(), 5000.into());
}

#[test]
fn errors_name_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.db");
    fs::write(&text, "this is no database, but long enough to be looked at: ".repeat(100)).unwrap();
    let under_file = text.join("sluice.db");
    for path in [text.as_path(), under_file.as_path(), folder.path()] {
        let error = Store::open(path).map(drop).unwrap_err().to_string();
        assert!(
            error.contains(text.to_str().unwrap()) || error.contains(folder.path().to_str().unwrap()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn nothing_works_after_close_and_closing_twice_is_fine() {
    let fixture = Fixture::new();
    let clone = fixture.store.clone();
    fixture.store.close().await;
    clone.close().await;
    assert!(matches!(clone.create_user(new_user()).await, Err(Error::Closed)));
    assert!(matches!(clone.users().await, Err(Error::Closed)));
    clone.touch("x", Touch::default());
    // The last connection that closes folds the log into the database.
    assert!(!fixture.folder.path().join("sluice.db-wal").exists());
}

#[tokio::test]
async fn a_store_dropped_without_close_keeps_what_was_acknowledged() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let Fixture { folder, store } = fixture;
    drop(store);
    let store = Store::open(folder.path().join("sluice.db")).unwrap();
    assert_eq!(store.users().await.unwrap(), [user]);
}

#[tokio::test]
async fn a_key_is_made_once() {
    let fixture = Fixture::new();
    let key = fixture.store.secret("nonce").await.unwrap();
    assert_ne!(key, [0; 32]);
    assert_ne!(fixture.store.secret("another").await.unwrap(), key);
    let fixture = fixture.reopen().await;
    assert_eq!(fixture.store.secret("nonce").await.unwrap(), key);
}

/// A process is killed in the middle of its work: everything it had said to be stored is there.
#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sluice.db");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::tests::durability::writes_until_killed", "--nocapture"])
        .env(DATABASE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let prefix = new_user().prefix;
    let stored: Vec<String> = lines.filter(|line| line.starts_with(&prefix)).take(50).collect();
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(stored.len(), 50);
    let store = Store::open(&path).unwrap();
    for id in stored {
        assert!(store.user(id.as_str()).await.unwrap().is_some(), "{id} is lost");
    }
}

/// The child of the test above. By itself it has no database to write to, and nothing to do.
#[tokio::test]
async fn writes_until_killed() {
    let Some(path) = env::var_os(DATABASE) else { return };
    let store = Store::open(path).unwrap();
    loop {
        let user = store.create_user(new_user()).await.unwrap();
        // Ends with an error once nobody reads any more, should the parent have died.
        writeln!(std::io::stdout(), "\n{}", user.deviceid).unwrap();
    }
}

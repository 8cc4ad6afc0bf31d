//! Tests of the store, on a database file of their own each.

mod channels;
mod durability;
mod events;
mod reader;
mod recordings;
mod streams;
mod users;
mod values;
mod writer;

use tempfile::TempDir;

use super::*;

/// A store in a folder that goes when the test is over.
struct Fixture {
    folder: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("sluice.db")).unwrap();
        Self { folder, store }
    }

    /// Closes the database and opens it again.
    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = Store::open(self.folder.path().join("sluice.db")).unwrap();
        Self { folder: self.folder, store }
    }

    async fn user(&self) -> User {
        self.store.create_user(new_user()).await.unwrap()
    }
}

fn new_user() -> NewUser {
    NewUser {
        prefix: "37070000081118".to_owned(),
        name: None,
        pwd: Password("secret".to_owned()),
        region: "3707000008".to_owned(),
    }
}

fn event(receiver: &str, method: &str) -> NewEvent {
    let [receiver, method, data] = [receiver, method, "{}"].map(str::to_owned);
    NewEvent { receiver, method, time: 7, data, passing: true }
}

/// Number, method and attempts of all events for `receiver`, whenever they are due.
async fn waiting(store: &Store, receiver: &str) -> Vec<(i64, String, i64)> {
    let events = store.due_events(receiver, i64::MAX, u32::MAX).await.unwrap();
    events.into_iter().map(|event| (event.id, event.method, event.attempts)).collect()
}

use std::sync::mpsc;

use tokio::task::JoinHandle;

use super::*;
use crate::store::writer::QUEUE;

/// Holds up the writing thread, so that jobs gather behind it.
struct Gate {
    open: mpsc::Sender<()>,
    held: JoinHandle<Result<()>>,
    queued: usize,
}

impl Gate {
    async fn close(store: &Store) -> Self {
        let (open, opened) = mpsc::channel();
        let (reached, mut is_reached) = tokio::sync::oneshot::channel();
        let gated = store.clone();
        let held = tokio::spawn(async move {
            gated
                .write(move |_| {
                    reached.send(()).unwrap();
                    opened.recv().unwrap();
                    Ok(())
                })
                .await
        });
        (&mut is_reached).await.unwrap();
        Self { open, held, queued: 0 }
    }

    /// Hands over a job and waits until it is in the queue.
    async fn queue<T: Send + 'static>(
        &mut self,
        store: &Store,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> JoinHandle<Result<T>> {
        let queued = store.clone();
        let task = tokio::spawn(async move { queued.write(job).await });
        self.queued += 1;
        while store.writer.queued() < self.queued {
            tokio::task::yield_now().await;
        }
        task
    }

    async fn open(self) {
        self.open.send(()).unwrap();
        self.held.await.unwrap().unwrap();
    }
}

fn insert(name: &'static str) -> impl FnOnce(&Connection) -> Result<()> + Send + 'static {
    move |connection| counters::set(connection, name, 1)
}

async fn stored(store: &Store) -> Vec<String> {
    store
        .read(|connection| {
            let mut statement = connection.prepare("SELECT name FROM counters ORDER BY name")?;
            let names = statement.query_map((), |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await
        .unwrap()
}

fn failing() -> Error {
    Error::BadRegion("made to fail".to_owned())
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut gate = Gate::close(store).await;
    let before = store.writer_stats();
    let mut tasks = Vec::new();
    for _ in 0..500 {
        let create = |connection: &Connection| {
            counters::next_id(connection, counters::USERS, "p", "SELECT id FROM users WHERE deviceid = ?1")
        };
        tasks.push(gate.queue(store, create).await);
    }
    gate.open().await;
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap().unwrap());
    }
    assert_eq!((ids[0].as_str(), ids[499].as_str()), ("p000001", "p000500"));
    let after = store.writer_stats();
    // The gate's own job, and one commit for all the others.
    assert_eq!((after.commits - before.commits, after.jobs - before.jobs), (2, 501));
    assert_eq!(after.failed_commits, 0);
}

#[tokio::test]
async fn a_job_that_fails_or_panics_does_not_hurt_its_neighbours() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut gate = Gate::close(store).await;
    let before = gate.queue(store, insert("before")).await;
    let failed = gate
        .queue(store, |connection| {
            insert("failed")(connection)?;
            Err::<(), _>(failing())
        })
        .await;
    let panicked = gate
        .queue(store, |connection| -> Result<()> {
            insert("panicked")(connection)?;
            panic!("made to panic")
        })
        .await;
    let after = gate.queue(store, insert("after")).await;
    gate.open().await;

    before.await.unwrap().unwrap();
    assert!(matches!(failed.await.unwrap(), Err(Error::BadRegion(_))));
    assert!(matches!(panicked.await.unwrap(), Err(Error::Closed)));
    after.await.unwrap().unwrap();
    assert_eq!(stored(store).await, ["after", "before"]);
}

/// SQLite answers some errors by undoing the whole transaction, not only the statement.
#[tokio::test]
async fn when_the_transaction_is_lost_those_in_it_hear_so_and_the_rest_go_on() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut gate = Gate::close(store).await;
    let before = gate.queue(store, insert("before")).await;
    let loses = gate
        .queue(store, |connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(failing())
        })
        .await;
    let after = gate.queue(store, insert("after")).await;
    gate.open().await;

    assert!(matches!(before.await.unwrap(), Err(Error::BadRegion(_))));
    assert!(matches!(loses.await.unwrap(), Err(Error::BadRegion(_))));
    after.await.unwrap().unwrap();
    assert_eq!(stored(store).await, ["after"]);
    assert_eq!(store.writer_stats().failed_commits, 1);
}

#[tokio::test]
async fn when_the_commit_fails_everybody_hears_so_and_the_writer_lives() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut gate = Gate::close(store).await;
    let innocent = gate.queue(store, insert("innocent")).await;
    let breaks = gate
        .queue(store, |connection| {
            connection.execute_batch(
                "PRAGMA defer_foreign_keys = ON;
                 INSERT INTO channels (deviceid, pdid, issued) VALUES ('c', 'x', 1);",
            )?;
            Ok(())
        })
        .await;
    gate.open().await;
    assert!(matches!(innocent.await.unwrap(), Err(Error::Sqlite(_))));
    assert!(matches!(breaks.await.unwrap(), Err(Error::Sqlite(_))));
    assert_eq!(stored(store).await, [] as [&str; 0]);

    store.write(insert("later")).await.unwrap();
    assert_eq!(stored(store).await, ["later"]);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_passes() {
    let fixture = Fixture::new();
    let limit = |pages: i64| {
        fixture.store.write(move |connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?;
            Ok(())
        })
    };
    limit(1).await.unwrap();
    let big = || NewUser { name: Some("x".repeat(1_000_000)), ..new_user() };
    // The thread may have tried again by itself, with success, before the second is asked for.
    loop {
        let refused = fixture.store.create_user(big()).await;
        assert!(
            matches!(&refused, Err(Error::Sqlite(error)) if error.to_string().contains("full")),
            "{refused:?}"
        );
        if fixture.store.create_user(new_user()).await.is_err() {
            break;
        }
    }
    // The thread tries by itself; until it has succeeded, everything is refused at once.
    while fixture.store.trouble().is_some() {
        tokio::task::yield_now().await;
    }
    limit(1_000_000).await.unwrap();
    assert!(fixture.store.create_user(big()).await.is_ok());
}

#[tokio::test]
async fn touches_are_flushed_by_themselves() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let source = Some("192.0.2.1:5060".to_owned());
    fixture.store.touch(&user.deviceid, Touch { active: Some(5), source, ..Touch::default() });
    // Only the thread's own timer can do it: nothing else is asked of the store.
    while !fixture.store.touches.is_empty() {
        tokio::task::yield_now().await;
    }
    let active = fixture
        .store
        .read(|connection| columns::value::<i64>(connection, "SELECT active FROM users", ()))
        .await
        .unwrap();
    assert_eq!(active, Some(5));
}

#[tokio::test]
async fn callers_wait_when_the_queue_is_full() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let gate = Gate::close(store).await;
    let tasks: Vec<_> = (0..5000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.write(|_| Ok(())).await })
        })
        .collect();
    while store.writer.queued() < QUEUE {
        tokio::task::yield_now().await;
    }
    assert!(!tasks.iter().any(JoinHandle::is_finished));
    gate.open().await;
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.writer_stats().jobs, 5001);
}

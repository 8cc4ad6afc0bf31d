//! The outbox: notifications that are stored before they are sent, in order for each receiver.

use rusqlite::{Connection, params};

use super::{
    Result, Store,
    columns::{self, Columns, FromColumns},
};

/// Events that may wait for one receiver unless [`Store::with_backlog`] says otherwise.
pub(super) const BACKLOG: u32 = 10_000;

/// An event to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The URL that it goes to.
    pub receiver: String,
    /// Such as `users.active`.
    pub method: String,
    /// When it happened, in Unix seconds.
    pub time: i64,
    /// Its data, a JSON text.
    pub data: String,
    /// Whether a later one will say the same anew: such are given up first when too many wait.
    pub passing: bool,
}

/// An event that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: greater than that of every event before it, and the same at every attempt.
    pub id: i64,
    /// The URL that it goes to.
    pub receiver: String,
    /// Such as `users.active`.
    pub method: String,
    /// When it happened, in Unix seconds.
    pub time: i64,
    /// Its data, a JSON text.
    pub data: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it may be tried, in Unix seconds.
    pub next_at: i64,
}

/// What waits for one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The URL.
    pub receiver: String,
    /// Events that wait.
    pub waiting: i64,
    /// Events that were given up since the database was made, because too many waited.
    pub dropped: i64,
    /// When the first of those that wait may be tried, in Unix seconds; none when nothing waits.
    pub next_at: Option<i64>,
}

impl Store {
    /// Stores events that nothing else is stored with.
    pub async fn enqueue(&self, events: Vec<NewEvent>) -> Result<()> {
        let most = self.backlog;
        self.write(move |connection| enqueue(connection, &events, most)).await
    }

    /// What waits for each receiver that ever was sent anything.
    pub async fn backlogs(&self) -> Result<Vec<Backlog>> {
        let sql = "SELECT url, waiting, dropped,
                   (SELECT next_at FROM events WHERE receiver = url ORDER BY id LIMIT 1)
                   FROM receivers ORDER BY url";
        self.read(move |connection| columns::rows(connection, sql, ())).await
    }

    /// Up to `limit` events for `receiver` in their order; none while the first of them has to wait until
    /// after `now`, in Unix seconds, since none may overtake it.
    pub async fn due_events(&self, receiver: impl Into<String>, now: i64, limit: u32) -> Result<Vec<Event>> {
        let receiver = receiver.into();
        let sql = "SELECT id, receiver, method, time, data, attempts, next_at FROM events
                   WHERE receiver = ?1 ORDER BY id LIMIT ?2";
        let mut events: Vec<Event> =
            self.read(move |connection| columns::rows(connection, sql, (receiver, limit))).await?;
        let due = events.iter().take_while(|event| event.next_at <= now).count();
        events.truncate(due);
        Ok(events)
    }

    /// The receiver took the event: it is forgotten. To be called once. False when the event had been given up
    /// while it was on its way, and others with it perhaps; it is not counted as dropped then.
    pub async fn delivered(&self, id: i64, receiver: impl Into<String>) -> Result<bool> {
        let receiver = receiver.into();
        self.write(move |connection| {
            let waited = columns::execute(connection, "DELETE FROM events WHERE id = ?1", [id])? > 0;
            let count = if waited {
                "UPDATE receivers SET waiting = waiting - 1 WHERE url = ?1"
            } else {
                "UPDATE receivers SET dropped = max(dropped - 1, 0) WHERE url = ?1"
            };
            columns::execute(connection, count, [receiver])?;
            Ok(waited)
        })
        .await
    }

    /// The receiver did not take the event: it is tried again at `next_at`, in Unix seconds.
    pub async fn failed(&self, id: i64, next_at: i64) -> Result<()> {
        let sql = "UPDATE events SET attempts = attempts + 1, next_at = ?2 WHERE id = ?1";
        self.write(move |connection| columns::execute(connection, sql, (id, next_at)).map(drop)).await
    }
}

/// Stores events as part of the job that caused them. Past `most` that wait for a receiver, the oldest of those
/// that a later one makes up for is dropped and counted: what a device is now is worth more than what it was,
/// but a recorded file is told of once. Where there is none of them, the oldest of all is dropped.
pub(super) fn enqueue(connection: &Connection, events: &[NewEvent], most: u32) -> Result<()> {
    for event in events {
        let count = "INSERT INTO receivers (url, waiting) VALUES (?1, 1)
                     ON CONFLICT (url) DO UPDATE SET waiting = waiting + 1 RETURNING waiting";
        let waiting = columns::value::<i64>(connection, count, [&event.receiver])?;
        let insert = "INSERT INTO events (receiver, method, time, data, passing) VALUES (?1, ?2, ?3, ?4, ?5)";
        let NewEvent { receiver, method, time, data, passing } = event;
        columns::execute(connection, insert, params![receiver, method, time, data, passing])?;
        let excess = waiting.unwrap_or_default() - i64::from(most);
        if excess > 0 {
            drop_oldest(connection, receiver, excess)?;
        }
    }
    Ok(())
}

fn drop_oldest(connection: &Connection, receiver: &str, excess: i64) -> Result<()> {
    let delete = "DELETE FROM events WHERE id IN
                  (SELECT id FROM events WHERE receiver = ?1 ORDER BY passing DESC, id LIMIT ?2)";
    columns::execute(connection, delete, (receiver, excess))?;
    let count = "UPDATE receivers SET waiting = waiting - ?2, dropped = dropped + ?2 WHERE url = ?1";
    columns::execute(connection, count, (receiver, excess))?;
    Ok(())
}

impl FromColumns for Event {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.take()?,
            receiver: columns.take()?,
            method: columns.take()?,
            time: columns.take()?,
            data: columns.take()?,
            attempts: columns.take()?,
            next_at: columns.take()?,
        })
    }
}

impl FromColumns for Backlog {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            receiver: columns.take()?,
            waiting: columns.take()?,
            dropped: columns.take()?,
            next_at: columns.take()?,
        })
    }
}

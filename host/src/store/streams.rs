//! Streams: a row for each media session, changed before the world outside is.

use rusqlite::{
    Connection, params, params_from_iter,
    types::{FromSql, FromSqlError, FromSqlResult, Value, ValueRef},
};

use super::{
    Error, Result, Store,
    columns::{self, Columns, FromColumns},
    counters,
};

const COLUMNS: &str = "id, stream, ssrc, kind, device, channel, state, why, start_at, end_at, own_port,
    invite, dialog, media_ssrc, media_source, close_attempts, created_at, updated_at";

/// Sequence numbers run from 0 to one less than this: the last four digits of an SSRC.
const SEQUENCES: i64 = 10_000;

/// A row of `streams`. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The row's number.
    pub id: i64,
    /// Its name here and at the media server: the SSRC as eight upper-case hexadecimal digits. Unique among
    /// streams that are open.
    pub stream: String,
    /// The SSRC as GB28181 writes it: ten decimal digits.
    pub ssrc: String,
    /// Live or history.
    pub kind: StreamKind,
    /// The user device that sends it.
    pub device: String,
    /// The channel it shows.
    pub channel: String,
    /// How far it has come.
    pub state: StreamState,
    /// Why it closes or was closed; empty before.
    pub why: String,
    /// Where a playback begins.
    pub start: Option<i64>,
    /// Where a playback ends.
    pub end: Option<i64>,
    /// Whether the media server was asked for a port of its own.
    pub own_port: bool,
    /// Its INVITE, as the text it was given as, while that has no final answer.
    pub invite: Option<String>,
    /// Its dialog, as the text it was given as, until a BYE has ended it.
    pub dialog: Option<String>,
    /// How its media is to be recognised.
    pub origin: MediaOrigin,
    /// How often its closing was tried.
    pub close_attempts: i64,
    /// When it was asked for.
    pub created_at: i64,
    /// When its row last changed.
    pub updated_at: i64,
}

/// What a stream shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A recording on the device.
    History,
    /// What the camera sees.
    Live,
}

columns::text_enum!(StreamKind { History => "history", Live => "live" });

/// How far a stream has come. It only ever moves down this list, possibly past some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamState {
    /// A caller wants it.
    Asked,
    /// The INVITE is out.
    Invited,
    /// The device has answered 200.
    Answered,
    /// The media server has its media.
    Flowing,
    /// It is being ended.
    Closing,
    /// It is over: nothing of it is left outside.
    Closed,
}

/// A stream to be opened.
#[derive(Clone, Debug)]
pub struct NewStream {
    /// Live or history.
    pub kind: StreamKind,
    /// The platform's SIP domain; its digits 4 to 8 go into the SSRC.
    pub region: String,
    /// The user device to ask.
    pub device: String,
    /// The channel to show.
    pub channel: String,
    /// For history: from and to, Unix seconds.
    pub period: Option<(i64, i64)>,
    /// Whether the media server is going to be asked for a port of its own.
    pub own_port: bool,
}

/// What a device's answer says of its media. Empty: nothing that was not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaOrigin {
    /// The SSRC it names, as GB28181 writes it, if another than ours.
    pub ssrc: String,
    /// Where media comes from: address and port.
    pub source: String,
}

impl Store {
    /// Opens a stream under a sequence number that no open stream has, cycling through all of them so that
    /// one just freed rests the longest.
    ///
    /// Errors: [`Error::AllSequencesInUse`], [`Error::AlreadyLive`] (one live stream a channel, until it
    /// closes), [`Error::BadRegion`].
    pub async fn open_stream(&self, new: NewStream) -> Result<Stream> {
        self.write(move |connection| open(connection, &new)).await
    }

    /// Moves a stream on, and keeps the first reason given. False when it has come that far or farther
    /// already, or is not open: of two that want to close it only one hears true.
    pub async fn set_state(
        &self,
        stream: impl Into<String>,
        state: StreamState,
        why: Option<String>,
    ) -> Result<bool> {
        let sql = "UPDATE streams SET state = ?2, why = IIF(why = '', COALESCE(?3, ''), why),
                   updated_at = unixepoch() WHERE stream = ?1 AND state < 5 AND state < ?2";
        self.change_stream(sql, vec![stream.into().into(), state.into(), why.into()]).await
    }

    /// Stores the INVITE of a stream before it goes out. False when the stream is not open.
    pub async fn set_invited(&self, stream: impl Into<String>, invite: String) -> Result<bool> {
        let sql = "UPDATE streams SET invite = ?2, state = MAX(state, ?3), updated_at = unixepoch()
                   WHERE stream = ?1 AND state < 5";
        self.change_stream(sql, vec![stream.into().into(), invite.into(), StreamState::Invited.into()]).await
    }

    /// Stores what the device answered, before its ACK is sent; a BYE is owed from then on. The stream counts
    /// as answered unless it is farther already. False when it is not open.
    pub async fn set_answered(
        &self,
        stream: impl Into<String>,
        dialog: String,
        origin: MediaOrigin,
    ) -> Result<bool> {
        let sql = "UPDATE streams SET invite = NULL, dialog = ?2, state = MAX(state, ?3), media_ssrc = ?4,
                   media_source = ?5, updated_at = unixepoch() WHERE stream = ?1 AND state < 5";
        let values = vec![
            stream.into().into(),
            dialog.into(),
            StreamState::Answered.into(),
            origin.ssrc.into(),
            origin.source.into(),
        ];
        self.change_stream(sql, values).await
    }

    /// Stores what a dialog has come to. False when the stream is not open.
    pub async fn set_dialog(&self, stream: impl Into<String>, dialog: String) -> Result<bool> {
        let sql = "UPDATE streams SET dialog = ?2, updated_at = unixepoch() WHERE stream = ?1 AND state < 5";
        self.change_stream(sql, vec![stream.into().into(), dialog.into()]).await
    }

    /// Stores that nothing is owed to the device any more: its BYE was answered or came from itself, or it
    /// refused, or it can answer no more. False when the stream is not open.
    pub async fn set_call_over(&self, stream: impl Into<String>) -> Result<bool> {
        let sql = "UPDATE streams SET invite = NULL, dialog = NULL, updated_at = unixepoch()
                   WHERE stream = ?1 AND state < 5";
        self.change_stream(sql, vec![stream.into().into()]).await
    }

    /// Counts an attempt to close. False when the stream is not open.
    pub async fn count_close_attempt(&self, stream: impl Into<String>) -> Result<bool> {
        let sql = "UPDATE streams SET close_attempts = close_attempts + 1, updated_at = unixepoch()
                   WHERE stream = ?1 AND state < 5";
        self.change_stream(sql, vec![stream.into().into()]).await
    }

    /// The stream of that name: the open one, else the last that was.
    pub async fn stream(&self, stream: impl Into<String>) -> Result<Option<Stream>> {
        let stream = stream.into();
        self.read(move |connection| find(connection, &stream)).await
    }

    /// Every stream that is not closed, oldest first.
    pub async fn open_streams(&self) -> Result<Vec<Stream>> {
        let sql = format!("SELECT {COLUMNS} FROM streams WHERE state < 5 ORDER BY id");
        self.read(move |connection| columns::rows(connection, &sql, ())).await
    }

    /// Forgets streams that were closed before `time`, in Unix seconds; how many.
    pub async fn forget_closed_streams(&self, time: i64) -> Result<usize> {
        let sql = "DELETE FROM streams WHERE state = 5 AND updated_at < ?1";
        self.write(move |connection| columns::execute(connection, sql, [time])).await
    }

    /// Runs an update of an open stream; true when it changed a row.
    async fn change_stream(&self, sql: &'static str, values: Vec<Value>) -> Result<bool> {
        self.write(move |connection| Ok(columns::execute(connection, sql, params_from_iter(values))? > 0))
            .await
    }
}

fn open(connection: &Connection, new: &NewStream) -> Result<Stream> {
    if new.kind == StreamKind::Live
        && let Some(live) = live_of(connection, &new.channel)?
    {
        return Err(Error::AlreadyLive { channel: new.channel.clone(), stream: live.stream });
    }
    let region = new.region.get(3..8).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let region = region.ok_or_else(|| Error::BadRegion(new.region.clone()))?;
    let sequence = next_sequence(connection)?;
    let ssrc = format!("{}{region}{sequence:04}", new.kind.digit());
    // Ten digits, the first of them 0 or 1: it fits.
    let number: u32 = ssrc.parse().map_err(|_| Error::BadRegion(new.region.clone()))?;
    let stream = format!("{number:08X}");
    let (start, end) = new.period.unzip();
    let sql =
        "INSERT INTO streams (stream, ssrc, sequence, kind, device, channel, start_at, end_at, own_port)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let NewStream { kind, device, channel, own_port, .. } = new;
    let params = params![stream, ssrc, sequence, kind, device, channel, start, end, own_port];
    columns::execute(connection, sql, params)?;
    find(connection, &stream)?.ok_or(Error::Missing { what: "stream", id: stream })
}

/// The number after the last that was given, or the first free one after that.
fn next_sequence(connection: &Connection) -> Result<i64> {
    let after = columns::value::<i64>(
        connection,
        "SELECT value FROM counters WHERE name = ?1",
        [counters::SEQUENCE],
    )?;
    let first = after.map_or(0, |last| last + 1);
    let taken = "SELECT id FROM streams WHERE sequence = ?1 AND state < 5";
    for step in 0..SEQUENCES {
        let sequence = (first + step) % SEQUENCES;
        if columns::value::<i64>(connection, taken, [sequence])?.is_none() {
            counters::set(connection, counters::SEQUENCE, sequence)?;
            return Ok(sequence);
        }
    }
    Err(Error::AllSequencesInUse)
}

fn find(connection: &Connection, stream: &str) -> Result<Option<Stream>> {
    // A name is taken again only after its stream is closed, so the last row is the open one if there is one.
    let sql = format!("SELECT {COLUMNS} FROM streams WHERE stream = ?1 ORDER BY id DESC LIMIT 1");
    columns::row(connection, &sql, [stream])
}

fn live_of(connection: &Connection, channel: &str) -> Result<Option<Stream>> {
    // The second bound is the index's own: SQLite does not see that the first implies it.
    let sql =
        format!("SELECT {COLUMNS} FROM streams WHERE channel = ?1 AND kind = ?2 AND state < 4 AND state < 5");
    columns::row(connection, &sql, params![channel, StreamKind::Live])
}

impl StreamKind {
    /// The first digit of an SSRC (GB/T 28181 §C.2.5).
    fn digit(self) -> char {
        match self {
            Self::History => '1',
            Self::Live => '0',
        }
    }
}

impl StreamState {
    const ALL: [Self; 6] =
        [Self::Asked, Self::Invited, Self::Answered, Self::Flowing, Self::Closing, Self::Closed];
}

impl From<StreamState> for Value {
    fn from(state: StreamState) -> Self {
        Self::Integer(state as i64)
    }
}

impl FromSql for StreamState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let rank = usize::column_result(value)?;
        Self::ALL.get(rank).copied().ok_or(FromSqlError::OutOfRange(rank as i64))
    }
}

impl FromColumns for Stream {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.take()?,
            stream: columns.take()?,
            ssrc: columns.take()?,
            kind: columns.take()?,
            device: columns.take()?,
            channel: columns.take()?,
            state: columns.take()?,
            why: columns.take()?,
            start: columns.take()?,
            end: columns.take()?,
            own_port: columns.take()?,
            invite: columns.take()?,
            dialog: columns.take()?,
            origin: MediaOrigin { ssrc: columns.take()?, source: columns.take()? },
            close_attempts: columns.take()?,
            created_at: columns.take()?,
            updated_at: columns.take()?,
        })
    }
}

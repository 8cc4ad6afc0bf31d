//! Channel devices: the cameras behind a user device.

use rusqlite::{Connection, params};

use super::{
    Error, NewEvent, Result, Store,
    columns::{self, Columns, FromColumns},
    counters, events, users,
};

const COLUMNS: &str = "id, addtime, uptime, deviceid, pdid, name, manufacturer, model, owner, civilcode,
    address, parental, safetyway, registerway, secrecy, status, active, uri, parentid, longitude, latitude,
    ptztype, issued, generation";

/// A row of `channels`. Times are Unix seconds; a text that is not known is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The row's number.
    pub id: i64,
    /// When it was issued or adopted.
    pub addtime: i64,
    /// When the device last described it.
    pub uptime: i64,
    /// Its GB28181 id.
    pub deviceid: String,
    /// Its user device.
    pub pdid: String,
    /// From the catalog, like what follows.
    pub name: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
    /// Owner.
    pub owner: String,
    /// CivilCode.
    pub civilcode: String,
    /// Address.
    pub address: String,
    /// Parental: 1 when it has children.
    pub parental: i64,
    /// SafetyWay.
    pub safetyway: i64,
    /// RegisterWay.
    pub registerway: i64,
    /// Secrecy.
    pub secrecy: i64,
    /// Whether it is on; off until its device describes it, then what the device says, on where it says nothing.
    pub status: Status,
    /// When its status last came; 0 before.
    pub active: i64,
    /// Its SIP URI.
    pub uri: String,
    /// ParentID.
    pub parentid: String,
    /// Degrees.
    pub longitude: Option<f64>,
    /// Degrees.
    pub latitude: Option<f64>,
    /// PTZType: 1 dome, 2 half dome, 3 fixed, 4 remote fixed.
    pub ptztype: Option<i64>,
    /// True when a caller asked for it, false when it was adopted from a catalog.
    pub issued: bool,
    /// The catalog query that it was last part of.
    pub generation: i64,
}

/// What a device says of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not there, or without a picture.
    Off,
    /// There.
    On,
}

columns::text_enum!(Status { Off => "OFF", On => "ON" });

/// A channel device to be issued.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Its user device.
    pub user: String,
    /// Fourteen digits that its id starts with.
    pub prefix: String,
}

/// One item of a catalog or of a notification about one. None leaves what is known.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is documented where it is kept, in Channel")]
pub struct CatalogItem {
    pub deviceid: String,
    pub name: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub owner: Option<String>,
    pub civilcode: Option<String>,
    pub address: Option<String>,
    pub parental: Option<i64>,
    pub safetyway: Option<i64>,
    pub registerway: Option<i64>,
    pub secrecy: Option<i64>,
    pub status: Option<Status>,
    pub uri: Option<String>,
    pub parentid: Option<String>,
    pub longitude: Option<f64>,
    pub latitude: Option<f64>,
    pub ptztype: Option<i64>,
}

/// Items that came together.
#[derive(Clone, Debug)]
pub struct CatalogBatch {
    /// The user device that sent them.
    pub user: String,
    /// The query they answer, see [`Store::begin_catalog`]; none when nobody asked. They then count as part
    /// of the last query, so that a sync which they overtook does not retire them.
    pub generation: Option<i64>,
    /// Whether channels that nobody issued are taken too.
    pub adopt: bool,
    /// Unix seconds at which they came.
    pub time: i64,
    /// The items.
    pub items: Vec<CatalogItem>,
}

/// A channel that a batch was applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The channel.
    pub deviceid: String,
    /// Its status before; none for one that is new.
    pub before: Option<Status>,
    /// Its status now.
    pub status: Status,
    /// Whether the item said a status at all.
    pub told: bool,
}

impl Applied {
    /// Whether the channel's status is another than it was.
    pub fn changed(&self) -> bool {
        self.before != Some(self.status)
    }
}

impl Store {
    /// Issues a channel device under a user device.
    ///
    /// Errors: [`Error::Missing`] (the user device), [`Error::IdsExhausted`].
    pub async fn create_channel(&self, new: NewChannel) -> Result<Channel> {
        self.write(move |connection| create(connection, &new)).await
    }

    /// The channel device `id`, if there is one.
    pub async fn channel(&self, id: impl Into<String>) -> Result<Option<Channel>> {
        let id = id.into();
        self.read(move |connection| find(connection, &id)).await
    }

    /// The channels of a user device, oldest first.
    pub async fn channels_of(&self, user: impl Into<String>) -> Result<Vec<Channel>> {
        let user = user.into();
        let sql = format!("SELECT {COLUMNS} FROM channels WHERE pdid = ?1 ORDER BY id");
        self.read(move |connection| columns::rows(connection, &sql, [&user])).await
    }

    /// Deletes a channel device. False when it is not there.
    pub async fn delete_channel(&self, id: impl Into<String>) -> Result<bool> {
        let id = id.into();
        self.write(move |connection| {
            Ok(columns::execute(connection, "DELETE FROM channels WHERE deviceid = ?1", [&id])? > 0)
        })
        .await
    }

    /// Counts a catalog query to `user` and returns its number, which is greater than every one before.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn begin_catalog(&self, user: impl Into<String>) -> Result<i64> {
        let user = user.into();
        let sql = "UPDATE users SET generation = generation + 1 WHERE deviceid = ?1 RETURNING generation";
        self.write(move |connection| {
            columns::value(connection, sql, [&user])?
                .ok_or_else(|| Error::Missing { what: "user device", id: user.clone() })
        })
        .await
    }

    /// Applies items to the channels they name, all or nothing, and stores the events that `tell` makes of
    /// the result with them. Items of channels that nobody issued are passed over unless the batch says
    /// otherwise; items of channels of another user device are passed over always.
    ///
    /// Errors: [`Error::Missing`] (the user device).
    pub async fn apply_catalog(
        &self,
        batch: CatalogBatch,
        tell: impl FnOnce(&[Applied]) -> Vec<NewEvent> + Send + 'static,
    ) -> Result<Vec<Applied>> {
        let most = self.backlog;
        self.write(move |connection| {
            let applied = apply(connection, &batch)?;
            events::enqueue(connection, &tell(&applied), most)?;
            Ok(applied)
        })
        .await
    }

    /// After a complete sync: deletes the adopted channels of `user` that the query `generation`, or a later
    /// one, did not bring, and returns their ids. Issued channels stay.
    pub async fn retire_missing(&self, user: impl Into<String>, generation: i64) -> Result<Vec<String>> {
        let user = user.into();
        let sql =
            "DELETE FROM channels WHERE pdid = ?1 AND NOT issued AND generation < ?2 RETURNING deviceid";
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let ids = statement.query_map((&user, generation), |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn create(connection: &Connection, new: &NewChannel) -> Result<Channel> {
    users::require(connection, &new.user)?;
    let taken = "SELECT id FROM channels WHERE deviceid = ?1";
    let id = counters::next_id(connection, counters::CHANNELS, &new.prefix, taken)?;
    insert(connection, &id, &new.user, true)?;
    find(connection, &id)?.ok_or_else(|| Error::Missing { what: "channel device", id })
}

fn insert(connection: &Connection, id: &str, user: &str, issued: bool) -> Result<()> {
    let sql = "INSERT INTO channels (deviceid, pdid, issued) VALUES (?1, ?2, ?3)";
    columns::execute(connection, sql, (id, user, issued))?;
    Ok(())
}

fn find(connection: &Connection, id: &str) -> Result<Option<Channel>> {
    columns::row(connection, &format!("SELECT {COLUMNS} FROM channels WHERE deviceid = ?1"), [id])
}

fn apply(connection: &Connection, batch: &CatalogBatch) -> Result<Vec<Applied>> {
    users::require(connection, &batch.user)?;
    let applied = batch.items.iter().map(|item| apply_item(connection, batch, item));
    applied.filter_map(Result::transpose).collect()
}

fn apply_item(connection: &Connection, batch: &CatalogBatch, item: &CatalogItem) -> Result<Option<Applied>> {
    let before = match owner(connection, &item.deviceid)? {
        Some((pdid, status)) if pdid == batch.user => Some(status),
        None if batch.adopt => {
            insert(connection, &item.deviceid, &batch.user, false)?;
            None
        }
        _ => return Ok(None),
    };
    let status = update(connection, batch, item)?;
    Ok(Some(Applied { deviceid: item.deviceid.clone(), before, status, told: item.status.is_some() }))
}

/// The user device that a channel belongs to, and the channel's status.
fn owner(connection: &Connection, id: &str) -> Result<Option<(String, Status)>> {
    let mut statement = connection.prepare_cached("SELECT pdid, status FROM channels WHERE deviceid = ?1")?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?;
    Ok(row.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?))).transpose()?)
}

/// Writes what the item says over what is known; the status that stands then. A channel of which no status ever
/// came counts as on, since some devices never say it, and it may be asked for.
fn update(connection: &Connection, batch: &CatalogBatch, item: &CatalogItem) -> Result<Status> {
    let sql = "UPDATE channels SET name = COALESCE(?2, name), manufacturer = COALESCE(?3, manufacturer),
        model = COALESCE(?4, model), owner = COALESCE(?5, owner), civilcode = COALESCE(?6, civilcode),
        address = COALESCE(?7, address), parental = COALESCE(?8, parental),
        safetyway = COALESCE(?9, safetyway), registerway = COALESCE(?10, registerway),
        secrecy = COALESCE(?11, secrecy), status = COALESCE(?12, IIF(active = 0, 'ON', status)),
        active = IIF(?12 IS NULL, active, ?13), uri = COALESCE(?14, uri), parentid = COALESCE(?15, parentid),
        longitude = COALESCE(?16, longitude), latitude = COALESCE(?17, latitude),
        ptztype = COALESCE(?18, ptztype), uptime = unixepoch(),
        generation = MAX(generation, COALESCE(?19, (SELECT generation FROM users WHERE deviceid = pdid)))
        WHERE deviceid = ?1 RETURNING status";
    let CatalogItem { deviceid, name, manufacturer, model, owner, civilcode, address, .. } = item;
    let CatalogItem { parental, safetyway, registerway, secrecy, status, .. } = item;
    let CatalogItem { uri, parentid, longitude, latitude, ptztype, .. } = item;
    let params = params![
        deviceid,
        name,
        manufacturer,
        model,
        owner,
        civilcode,
        address,
        parental,
        safetyway,
        registerway,
        secrecy,
        status,
        batch.time,
        uri,
        parentid,
        longitude,
        latitude,
        ptztype,
        batch.generation
    ];
    columns::value(connection, sql, params)?
        .ok_or_else(|| Error::Missing { what: "channel device", id: deviceid.clone() })
}

impl FromColumns for Channel {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.take()?,
            addtime: columns.take()?,
            uptime: columns.take()?,
            deviceid: columns.take()?,
            pdid: columns.take()?,
            name: columns.take()?,
            manufacturer: columns.take()?,
            model: columns.take()?,
            owner: columns.take()?,
            civilcode: columns.take()?,
            address: columns.take()?,
            parental: columns.take()?,
            safetyway: columns.take()?,
            registerway: columns.take()?,
            secrecy: columns.take()?,
            status: columns.take()?,
            active: columns.take()?,
            uri: columns.take()?,
            parentid: columns.take()?,
            longitude: columns.take()?,
            latitude: columns.take()?,
            ptztype: columns.take()?,
            issued: columns.take()?,
            generation: columns.take()?,
        })
    }
}

//! User devices: the NVRs, DVRs and cameras that register.

use std::fmt;

use rusqlite::{Connection, params};

use super::{
    Error, NewEvent, Result, Store,
    columns::{self, Columns, FromColumns},
    counters, events,
};

const COLUMNS: &str =
    "id, addtime, uptime, deviceid, name, pwd, region, host, port, transport, proto, report,
    raddr, manufacturer, devicetype, firmware, model, uri, active, regist, online, seen_at, expires_at,
    source, local, user_agent, gb_version, generation, vendor";

/// A row of `users`. Times are Unix seconds; a text that is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The row's number.
    pub id: i64,
    /// When it was issued.
    pub addtime: i64,
    /// When it was last changed by a caller, a registration or the device's own description.
    pub uptime: i64,
    /// Its GB28181 id.
    pub deviceid: String,
    /// What the caller calls it; its id unless told.
    pub name: String,
    /// What it authenticates with.
    pub pwd: Password,
    /// The SIP domain it was issued for.
    pub region: String,
    /// Host of its Contact.
    pub host: String,
    /// Port of its Contact.
    pub port: String,
    /// Transport that it registered over.
    pub transport: String,
    /// Protocol of its Via.
    pub proto: String,
    /// The Via's `rport`.
    pub report: String,
    /// The Via's `received`.
    pub raddr: String,
    /// From DeviceInfo.
    pub manufacturer: String,
    /// From DeviceInfo.
    pub devicetype: String,
    /// From DeviceInfo.
    pub firmware: String,
    /// From DeviceInfo.
    pub model: String,
    /// Its SIP URI.
    pub uri: String,
    /// When its last keepalive came; 0 before the first, -1 after one that said not OK.
    pub active: i64,
    /// Whether it is registered: it has registered and not de-registered since.
    pub regist: bool,
    /// Whether it was taken to be there when that last changed.
    pub online: bool,
    /// When it last proved to be there.
    pub seen_at: i64,
    /// When its registration ends.
    pub expires_at: i64,
    /// `ip:port` that its registration came from.
    pub source: String,
    /// Our own `ip:port` that its registration came to.
    pub local: String,
    /// Its User-Agent header.
    pub user_agent: String,
    /// The `X-GB-Ver` it registered with.
    pub gb_version: String,
    /// The number of the last catalog query.
    pub generation: i64,
    /// The vendor module that an operator gave it by the API.
    pub vendor: String,
}

/// A device's password, which no log shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(pub String);

/// A user device to be issued.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Fourteen digits that its id starts with.
    pub prefix: String,
    /// Its name; none: its id.
    pub name: Option<String>,
    /// Its password.
    pub pwd: Password,
    /// The platform's SIP domain.
    pub region: String,
}

/// What a registration tells of a device. The fields are [`User`]'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented where it is kept, in User")]
pub struct Registration {
    pub host: String,
    pub port: String,
    pub transport: String,
    pub proto: String,
    pub report: String,
    pub raddr: String,
    pub uri: String,
    pub seen_at: i64,
    pub expires_at: i64,
    pub source: String,
    pub local: String,
    pub user_agent: String,
    pub gb_version: String,
}

/// What a device says of itself (DeviceInfo). None leaves what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented where it is kept, in User")]
pub struct DeviceInfo {
    pub manufacturer: Option<String>,
    pub devicetype: Option<String>,
    pub firmware: Option<String>,
    pub model: Option<String>,
}

impl Store {
    /// Issues a user device. Its number is never given again, not even after it is deleted.
    ///
    /// Errors: [`Error::IdsExhausted`].
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        self.write(move |connection| create(connection, &new)).await
    }

    /// The user device `id`, if there is one.
    pub async fn user(&self, id: impl Into<String>) -> Result<Option<User>> {
        let id = id.into();
        let mut user = self.read(move |connection| find(connection, &id)).await?;
        self.touches.show_in(&mut user);
        Ok(user)
    }

    /// All user devices, oldest first.
    pub async fn users(&self) -> Result<Vec<User>> {
        self.users_after(0, u32::MAX).await
    }

    /// Up to `limit` user devices whose row number is greater than `after`, oldest first: for reading many in
    /// pieces.
    pub async fn users_after(&self, after: i64, limit: u32) -> Result<Vec<User>> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut users = self.read(move |connection| columns::rows(connection, &sql, (after, limit))).await?;
        self.touches.show_in(&mut users);
        Ok(users)
    }

    /// Changes name and password, each where given.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn update_user(
        &self,
        id: impl Into<String>,
        name: Option<String>,
        pwd: Option<Password>,
    ) -> Result<User> {
        let id = id.into();
        let sql = "UPDATE users SET name = COALESCE(?2, name), pwd = COALESCE(?3, pwd), uptime = unixepoch()
                   WHERE deviceid = ?1";
        let pwd = pwd.map(|pwd| pwd.0);
        let mut user =
            self.write(move |connection| change(connection, sql, params![id, name, pwd], &id)).await?;
        self.touches.show_in([&mut user]);
        Ok(user)
    }

    /// Deletes a user device and its channels. False when it is not there.
    pub async fn delete_user(&self, id: impl Into<String>) -> Result<bool> {
        let id = id.into();
        drop(self.touches.take(&id));
        self.write(move |connection| {
            Ok(columns::execute(connection, "DELETE FROM users WHERE deviceid = ?1", [&id])? > 0)
        })
        .await
    }

    /// Stores a registration that is new or differs from the last, and with it the events that `tell` makes
    /// of the device as it is then, on the writing thread, where it must not wait for anything. One that
    /// changes nothing but its end is a [`Store::touch`].
    ///
    /// Errors: [`Error::Missing`].
    pub async fn register(
        &self,
        id: impl Into<String>,
        registration: Registration,
        tell: impl FnOnce(&User) -> Vec<NewEvent> + Send + 'static,
    ) -> Result<User> {
        let id = id.into();
        let (touch, most) = (self.touches.take(&id), self.backlog);
        self.write(move |connection| {
            touch.map_or(Ok(()), |touch| touch.write(connection, &id))?;
            let user = register(connection, &id, &registration)?;
            events::enqueue(connection, &tell(&user), most)?;
            Ok(user)
        })
        .await
    }

    /// Stores that the device is not registered any more, and `events` with it.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn deregister(&self, id: impl Into<String>, events: Vec<NewEvent>) -> Result<User> {
        let id = id.into();
        let sql = "UPDATE users SET regist = 0, online = 0, expires_at = 0, uptime = unixepoch()
                   WHERE deviceid = ?1";
        let (touch, most) = (self.touches.take(&id), self.backlog);
        self.write(move |connection| {
            touch.map_or(Ok(()), |touch| touch.write(connection, &id))?;
            events::enqueue(connection, &events, most)?;
            change(connection, sql, [&id], &id)
        })
        .await
    }

    /// Stores that the device went silent or came back, and `events` with it.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn set_online(
        &self,
        id: impl Into<String>,
        online: bool,
        events: Vec<NewEvent>,
    ) -> Result<User> {
        let (id, most) = (id.into(), self.backlog);
        let sql = "UPDATE users SET online = ?2 WHERE deviceid = ?1";
        let mut user = self
            .write(move |connection| {
                events::enqueue(connection, &events, most)?;
                change(connection, sql, params![id, online], &id)
            })
            .await?;
        self.touches.show_in([&mut user]);
        Ok(user)
    }

    /// Stores what the device says of itself.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn set_device_info(&self, id: impl Into<String>, info: DeviceInfo) -> Result<User> {
        let id = id.into();
        let sql = "UPDATE users SET manufacturer = COALESCE(?2, manufacturer),
                   devicetype = COALESCE(?3, devicetype), firmware = COALESCE(?4, firmware),
                   model = COALESCE(?5, model), uptime = unixepoch()
                   WHERE deviceid = ?1";
        let mut user = self
            .write(move |connection| {
                let DeviceInfo { manufacturer, devicetype, firmware, model } = &info;
                change(connection, sql, params![id, manufacturer, devicetype, firmware, model], &id)
            })
            .await?;
        self.touches.show_in([&mut user]);
        Ok(user)
    }

    /// Stores which vendor module an operator gives the device; empty takes that back.
    ///
    /// Errors: [`Error::Missing`].
    pub async fn set_vendor(&self, id: impl Into<String>, module: impl Into<String>) -> Result<User> {
        let (id, module) = (id.into(), module.into());
        let sql = "UPDATE users SET vendor = ?2, uptime = unixepoch() WHERE deviceid = ?1";
        let mut user =
            self.write(move |connection| change(connection, sql, params![id, module], &id)).await?;
        self.touches.show_in([&mut user]);
        Ok(user)
    }
}

/// Whether there is a user device `id`.
pub(super) fn require(connection: &Connection, id: &str) -> Result<()> {
    let found = columns::value::<i64>(connection, "SELECT id FROM users WHERE deviceid = ?1", [id])?;
    found.map(drop).ok_or_else(|| missing(id))
}

fn create(connection: &Connection, new: &NewUser) -> Result<User> {
    let taken = "SELECT id FROM users WHERE deviceid = ?1";
    let id = counters::next_id(connection, counters::USERS, &new.prefix, taken)?;
    let name = new.name.as_ref().unwrap_or(&id);
    let sql = "INSERT INTO users (deviceid, name, pwd, region) VALUES (?1, ?2, ?3, ?4)";
    change(connection, sql, params![id, name, new.pwd.0, new.region], &id)
}

fn register(connection: &Connection, id: &str, registration: &Registration) -> Result<User> {
    let Registration { host, port, transport, proto, report, raddr, uri, seen_at, .. } = registration;
    let Registration { expires_at, source, local, user_agent, gb_version, .. } = registration;
    let sql = "UPDATE users SET host = ?2, port = ?3, transport = ?4, proto = ?5, report = ?6, raddr = ?7,
               uri = ?8, seen_at = ?9, expires_at = ?10, source = ?11, local = ?12, user_agent = ?13,
               gb_version = ?14, regist = 1, online = 1, uptime = unixepoch() WHERE deviceid = ?1";
    let params = params![
        id, host, port, transport, proto, report, raddr, uri, seen_at, expires_at, source, local, user_agent,
        gb_version
    ];
    change(connection, sql, params, id)
}

/// Runs a statement that writes the row of `id`, and reads what it is then.
fn change(connection: &Connection, sql: &str, params: impl rusqlite::Params, id: &str) -> Result<User> {
    columns::row(connection, &format!("{sql} RETURNING {COLUMNS}"), params)?.ok_or_else(|| missing(id))
}

fn find(connection: &Connection, id: &str) -> Result<Option<User>> {
    columns::row(connection, &format!("SELECT {COLUMNS} FROM users WHERE deviceid = ?1"), [id])
}

fn missing(id: &str) -> Error {
    Error::Missing { what: "user device", id: id.to_owned() }
}

impl FromColumns for User {
    fn from_columns(mut columns: Columns<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.take()?,
            addtime: columns.take()?,
            uptime: columns.take()?,
            deviceid: columns.take()?,
            name: columns.take()?,
            pwd: Password(columns.take()?),
            region: columns.take()?,
            host: columns.take()?,
            port: columns.take()?,
            transport: columns.take()?,
            proto: columns.take()?,
            report: columns.take()?,
            raddr: columns.take()?,
            manufacturer: columns.take()?,
            devicetype: columns.take()?,
            firmware: columns.take()?,
            model: columns.take()?,
            uri: columns.take()?,
            active: columns.take()?,
            regist: columns.take()?,
            online: columns.take()?,
            seen_at: columns.take()?,
            expires_at: columns.take()?,
            source: columns.take()?,
            local: columns.take()?,
            user_agent: columns.take()?,
            gb_version: columns.take()?,
            generation: columns.take()?,
            vendor: columns.take()?,
        })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
